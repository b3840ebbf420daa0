//! The sparks that are connected.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Mutex;

use crate::server::lock;
use crate::server::spark::Spark;

/// Sparks by id.
#[derive(Default)]
pub(crate) struct Registry {
    sparks: Mutex<HashMap<String, Spark>>,
}

impl Registry {
    /// Adds a spark; false when its id is taken.
    pub fn insert(&self, spark: &Spark) -> bool {
        match lock(&self.sparks).entry(spark.id().to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(spark.clone());
                true
            }
        }
    }

    /// Removes a spark; true when it was there.
    pub fn remove(&self, spark: &Spark) -> bool {
        let removed = lock(&self.sparks).remove(spark.id());
        removed.is_some()
    }

    /// The spark with this id.
    pub fn spark(&self, id: &str) -> Option<Spark> {
        lock(&self.sparks).get(id).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        lock(&self.sparks).len()
    }

    /// All of them, at this moment.
    pub fn snapshot(&self) -> Vec<Spark> {
        lock(&self.sparks).values().cloned().collect()
    }
}
