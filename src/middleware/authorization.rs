//! The `authorization` layer: asks the application about every request and
//! every upgrade.

use std::sync::Arc;

use super::{Exchange, Flow, HttpError};
use crate::sync::{Guard, Lock};

type Authorize = dyn Fn(&mut Exchange<'_>) -> Result<(), HttpError> + Send + Sync;

/// The application's function, which may be set at any time.
#[derive(Clone, Default)]
pub(crate) struct Authorization(Arc<Lock<Option<Arc<Authorize>>>>);

impl Authorization {
    /// Sets the function; the one before is replaced. An error without a
    /// status of its own is answered with 401.
    pub(crate) fn set<F>(&self, authorize: F)
    where
        F: Fn(&mut Exchange<'_>) -> Result<(), HttpError> + Send + Sync + 'static,
    {
        let before = self.slot().replace(Arc::new(authorize));
        drop(before);
    }

    /// Lets go of the function.
    pub(crate) fn clear(&self) {
        let before = self.slot().take();
        drop(before);
    }

    /// Whether there is a function.
    pub(crate) fn is_set(&self) -> bool {
        self.slot().is_some()
    }

    pub(super) fn layer(
        self,
    ) -> impl Fn(&mut Exchange<'_>) -> Result<Flow, HttpError> + Send + Sync + 'static {
        move |exchange| {
            let authorize = self.slot().clone();
            if let Some(authorize) = authorize {
                authorize(exchange).map_err(|error| error.or_status(401))?;
            }
            Ok(Flow::Next)
        }
    }

    fn slot(&self) -> Guard<'_, Option<Arc<Authorize>>> {
        self.0.lock()
    }
}
