//! What a listener may return.

use crate::error::BoxError;

/// The result of a listener: nothing, or a `Result` of any error.
///
/// The error of a listener is an `error` event, of its spark or client, and the
/// connection goes on; that of a `connection` listener refuses the client. So
/// `?` does what one expects in a listener. See
/// [`ListenerErrors`](crate::ListenerErrors).
#[diagnostic::on_unimplemented(
    message = "a listener cannot return `{Self}`",
    label = "this listener returns `{Self}`",
    note = "a listener returns `()` or a `Result`: end its last expression with `;`"
)]
pub trait Outcome {
    /// The outcome as a result.
    ///
    /// # Errors
    /// Whatever the listener returned.
    fn into_result(self) -> Result<(), BoxError>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<T, E: Into<BoxError>> Outcome for Result<T, E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map(drop).map_err(Into::into)
    }
}
