//! The sparks that are connected.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};

use crate::server::lock;
use crate::server::outbox::Outbox;
use crate::server::spark::Spark;

/// Sparks by id.
#[derive(Default)]
pub(crate) struct Registry {
    sparks: Mutex<HashMap<String, Connected>>,
}

/// The outbox stands beside the spark that it belongs to, so that a broadcast
/// need not touch the spark.
struct Connected {
    spark: Spark,
    outbox: Arc<Outbox>,
}

impl Registry {
    /// Adds a spark; false when its id is taken.
    pub fn insert(&self, spark: &Spark) -> bool {
        match lock(&self.sparks).entry(spark.id().to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                let outbox = spark.outbox().clone();
                entry.insert(Connected { spark: spark.clone(), outbox });
                true
            }
        }
    }

    /// Removes a spark, if it is there; another one of the same id stays.
    pub fn remove(&self, spark: &Spark) {
        let mut sparks = lock(&self.sparks);
        if sparks.get(spark.id()).is_some_and(|connected| connected.spark == *spark) {
            sparks.remove(spark.id());
        }
    }

    /// The spark with this id.
    pub fn spark(&self, id: &str) -> Option<Spark> {
        lock(&self.sparks).get(id).map(|connected| connected.spark.clone())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        lock(&self.sparks).len()
    }

    /// All of them, at this moment.
    pub fn snapshot(&self) -> Vec<Spark> {
        lock(&self.sparks).values().map(|connected| connected.spark.clone()).collect()
    }

    /// The outboxes of all of them, at this moment.
    pub fn outboxes(&self) -> Vec<Arc<Outbox>> {
        lock(&self.sparks).values().map(|connected| connected.outbox.clone()).collect()
    }
}
