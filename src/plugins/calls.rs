//! How plugins call listeners, and what they say when another plugin is missing.

use crate::error::{BoxError, Error, Result, catch};

/// Calls all listeners, and gives the first error. The first panic goes on when all
/// have been called.
pub(crate) fn call_all<'a, F: ?Sized + 'a>(
    listeners: impl Iterator<Item = &'a F>,
    call: impl Fn(&F) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    let (mut result, mut panic) = (Ok(()), None);
    for listener in listeners {
        match catch(|| call(listener)) {
            Ok(done) => result = result.and(done),
            Err(text) => panic = panic.or(Some(text)),
        }
    }
    match panic {
        Some(text) => std::panic::resume_unwind(Box::new(text)),
        None => result,
    }
}

/// Calls what has nobody to be told of its panic.
pub(crate) fn quietly(call: impl FnOnce()) {
    if let Err(text) = catch(call) {
        log::error!("listener panicked: {text}");
    }
}

/// The error of those who use a plugin that is not there.
pub(crate) fn missing(plugin: &str) -> Error {
    Error::Misuse(format!("the plugin `{plugin}` is not registered"))
}
