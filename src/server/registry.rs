//! The sparks that are connected.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Mutex;

use crate::server::lock;
use crate::server::spark::Spark;

/// Sparks by id.
#[derive(Default)]
pub(crate) struct Registry {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    sparks: HashMap<String, Spark>,
    /// Removed, and still closing.
    leaving: Vec<Spark>,
}

impl Registry {
    /// Adds a spark; false when its id is taken.
    pub fn insert(&self, spark: &Spark) -> bool {
        match lock(&self.table).sparks.entry(spark.id().to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(spark.clone());
                true
            }
        }
    }

    /// Removes this spark, and not another that has got its id since. It goes
    /// on being counted until [`forget`](Self::forget).
    pub fn remove(&self, spark: &Spark) {
        let mut table = lock(&self.table);
        if table.sparks.get(spark.id()) == Some(spark) {
            let removed = table.sparks.remove(spark.id());
            table.leaving.extend(removed);
        }
    }

    /// Lets go of a spark whose thread is done with it, and calls `absorb`
    /// between two [`count`](Self::count)s.
    pub fn forget(&self, spark: &Spark, absorb: impl FnOnce()) {
        self.remove(spark);
        let mut table = lock(&self.table);
        let at = table.leaving.iter().position(|leaving| leaving == spark);
        let left = at.map(|at| table.leaving.swap_remove(at));
        absorb();
        drop(table);
        drop(left);
    }

    /// Looks at all sparks, those included that are still closing, while none
    /// of them is forgotten.
    pub fn count<R>(&self, count: impl FnOnce(&mut dyn Iterator<Item = &Spark>) -> R) -> R {
        let table = lock(&self.table);
        count(&mut table.sparks.values().chain(&table.leaving))
    }

    /// The spark with this id.
    pub fn spark(&self, id: &str) -> Option<Spark> {
        lock(&self.table).sparks.get(id).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        lock(&self.table).sparks.len()
    }

    /// All of them, at this moment.
    pub fn snapshot(&self) -> Vec<Spark> {
        lock(&self.table).sparks.values().cloned().collect()
    }
}
