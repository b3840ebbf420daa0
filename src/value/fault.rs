//! The error of everything that goes through serde here.

use std::fmt;

/// What was wrong with a message, in words. Shown as the cause of a
/// [`ParserError`](crate::parsers::ParserError). One word, because everything
/// that is read or written hands a result with it on.
#[derive(Debug)]
pub(crate) struct Fault(Box<Cause>);

#[derive(Debug)]
struct Cause {
    text: Box<str>,
}

impl Fault {
    #[cold]
    pub(crate) fn new(text: impl Into<Box<str>>) -> Self {
        Fault(Box::new(Cause { text: text.into() }))
    }

    #[cold]
    pub(crate) fn too_many_values() -> Self {
        Fault::new("more values than the limit allows")
    }

    /// `text`, and where in the message.
    #[cold]
    pub(crate) fn at(text: &str, offset: usize) -> Self {
        Fault::new(format!("{text} at byte {offset}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
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
