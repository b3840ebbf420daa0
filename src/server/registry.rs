//! The sparks that are connected.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use crate::server::metrics::Traffic;
use crate::server::outbox::Outbox;
use crate::server::spark::Spark;
use crate::sync::{Lock, Signal, rank};

/// Sparks by id.
#[derive(Default)]
pub(crate) struct Registry {
    table: Lock<Table, rank::Registry>,
    /// A spark was forgotten.
    forgotten: Signal,
}

#[derive(Default)]
struct Table {
    sparks: HashMap<String, Connected>,
    /// Removed, and still closing; by address.
    leaving: HashMap<usize, Connected>,
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
        match self.table.lock().sparks.entry(spark.id().to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                let outbox = spark.outbox().clone();
                entry.insert(Connected { spark: spark.clone(), outbox });
                true
            }
        }
    }

    /// Removes this spark, and not another that has got its id since. It goes
    /// on being counted until [`forget`](Self::forget).
    pub fn remove(&self, spark: &Spark) {
        let mut table = self.table.lock();
        if table.sparks.get(spark.id()).is_some_and(|connected| connected.spark == *spark)
            && let Some(removed) = table.sparks.remove(spark.id())
        {
            table.leaving.insert(Arc::as_ptr(&removed.outbox) as usize, removed);
        }
    }

    /// Lets go of a spark whose thread is done with it, and calls `absorb`
    /// between two [`count`](Self::count)s.
    pub fn forget(&self, spark: &Spark, absorb: impl FnOnce()) {
        self.remove(spark);
        let mut table = self.table.lock();
        let left = table.leaving.remove(&(Arc::as_ptr(spark.outbox()) as usize));
        absorb();
        drop(table);
        self.forgotten.notify_all();
        drop(left);
    }

    /// Waits until all of these are forgotten, or until the deadline.
    pub fn wait_forgotten(&self, outboxes: &[Arc<Outbox>], deadline: Instant) {
        let mut table = self.table.lock();
        loop {
            let is_there = |outbox: &Arc<Outbox>| {
                table.leaving.contains_key(&(Arc::as_ptr(outbox) as usize))
                    || table.sparks.values().any(|known| Arc::ptr_eq(&known.outbox, outbox))
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !outboxes.iter().any(is_there) {
                return;
            }
            table = table.wait_for(&self.forgotten, left);
        }
    }

    /// Looks at the traffic of all sparks, those included that are still
    /// closing, while none of them is forgotten.
    pub fn count<R>(&self, count: impl FnOnce(&mut dyn Iterator<Item = &Traffic>) -> R) -> R {
        let table = self.table.lock();
        let all = table.sparks.values().chain(table.leaving.values());
        count(&mut all.map(|connected| &connected.outbox.traffic))
    }

    /// The spark with this id.
    pub fn spark(&self, id: &str) -> Option<Spark> {
        self.table.lock().sparks.get(id).map(|connected| connected.spark.clone())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.lock().sparks.len()
    }

    /// All of them, at this moment.
    pub fn snapshot(&self) -> Vec<Spark> {
        self.table.lock().sparks.values().map(|connected| connected.spark.clone()).collect()
    }

    /// [`snapshot`](Self::snapshot), those included that are still closing.
    pub fn snapshot_all(&self) -> Vec<Spark> {
        let table = self.table.lock();
        let all = table.sparks.values().chain(table.leaving.values());
        all.map(|connected| connected.spark.clone()).collect()
    }

    /// The outboxes of all of them, at this moment.
    pub fn outboxes(&self) -> Vec<Arc<Outbox>> {
        self.table.lock().sparks.values().map(|connected| connected.outbox.clone()).collect()
    }
}
