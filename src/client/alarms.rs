//! What the client's thread is to do later.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Jobs with their times. They are few: plugins keep the times of what they wait
/// for themselves, and have one job for the first of them.
#[derive(Default)]
pub(crate) struct Alarms(Mutex<Vec<(Instant, Job)>>);

pub(crate) type Job = Box<dyn FnOnce() + Send>;

impl Alarms {
    pub fn add(&self, at: Instant, job: Job) {
        self.lock().push((at, job));
    }

    /// When the next is due.
    pub fn next(&self) -> Option<Instant> {
        self.lock().iter().map(|(at, _)| *at).min()
    }

    /// Takes the one that is due first; of two with the same time, the one that was
    /// added first.
    pub fn due(&self, now: Instant) -> Option<Job> {
        let mut jobs = self.lock();
        let (index, _) = jobs.iter().enumerate().min_by_key(|(_, (at, _))| *at)?;
        (jobs[index].0 <= now).then(|| jobs.remove(index).1)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Job)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
