//! Message transforms: functions that every message passes, in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{BoxError, Error, Result};
use crate::events::{ListenerId, Listeners};
use crate::server::spark::Spark;
use crate::value::Value;

/// One transform: gives back the message, changed or not, `None` to drop it,
/// or an error.
pub(crate) type Transform = dyn Fn(&Spark, Value) -> Result<Option<Value>, BoxError> + Send + Sync;

/// The transforms of one direction.
#[derive(Default)]
pub(crate) struct Transforms {
    list: Listeners<Transform>,
    /// Readable without the list's lock, which all sparks would share.
    any: AtomicBool,
}

impl Transforms {
    pub fn add(&self, transform: Arc<Transform>) -> ListenerId {
        let id = self.list.add(transform);
        self.any.store(true, Ordering::Release);
        id
    }

    pub fn remove(&self, id: ListenerId) -> bool {
        let removed = self.list.remove(id);
        self.any.store(!self.list.is_empty(), Ordering::Release);
        removed
    }

    pub fn clear(&self) {
        self.any.store(false, Ordering::Release);
        self.list.clear();
    }

    pub fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// Passes a message through all of them; `None` when one dropped it.
    pub fn apply(&self, spark: &Spark, value: Value) -> Result<Option<Value>> {
        let mut value = value;
        for transform in self.list.snapshot().iter() {
            match transform(spark, value).map_err(Error::Transform)? {
                Some(changed) => value = changed,
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }
}
