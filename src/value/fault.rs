//! The error of everything that goes through serde here.

use std::fmt;

/// What was wrong with a message, in words. Shown as the cause of a
/// [`ParserError`](crate::parsers::ParserError).
#[derive(Debug)]
pub(crate) struct Fault(Box<str>);

impl Fault {
    pub(crate) fn new(text: impl Into<Box<str>>) -> Self {
        Fault(text.into())
    }

    /// `text`, and where in the message.
    #[cold]
    pub(crate) fn at(text: &str, offset: usize) -> Self {
        Fault(format!("{text} at byte {offset}").into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl serde::ser::Error for Fault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Fault::new(text.to_string())
    }
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Fault::new(text.to_string())
    }
}
