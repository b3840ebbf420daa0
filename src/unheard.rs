//! Where the crate reports what would otherwise go unheard.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::error::Error;

/// Says on stderr what the application should know, where it has no logger:
/// failures and mistakes are never silent.
pub(crate) fn tell(text: &str) {
    if log::max_level() == log::LevelFilter::Off {
        // A closed stderr is no reason to fail.
        let _ = writeln!(io::stderr(), "primus: {}", escaped(text));
    }
}

/// Whether a listener was told by what it called that there is no connection.
pub(crate) fn is_of_connection(error: &Error) -> bool {
    let Error::Listener(error) = error else { return false };
    let ours = error.downcast_ref::<Error>();
    ours.is_some_and(|error| matches!(error, Error::Closed | Error::Io(_)))
        || error.is::<io::Error>()
}

/// A warning about how the application has set things up: a line of the log, or
/// where there is none, of stderr.
pub(crate) fn warn(text: &str) {
    log::warn!("{}", escaped(text));
    tell(text);
}

/// Text without control characters: what a peer sent may be in it, and a line
/// stays one line.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    Cow::Owned(text.chars().map(escape).collect())
}
