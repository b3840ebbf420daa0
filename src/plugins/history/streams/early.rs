//! What members get that has no place yet.

use super::pending::Pending;
use crate::plugins::history::core::{self, Job, Recipients};
use crate::plugins::history::server::Jobs;
use crate::plugins::history::split::recipients;
use crate::plugins::history::write::Outcome;
use crate::plugins::rooms::Shared;
use crate::server::Spark;

/// Gives the members here a message without its places.
pub(super) fn give_early(
    pending: &Pending,
    rooms: &Shared<Spark>,
    jobs: &mut Jobs,
) -> Recipients<Spark> {
    let recipients = recipients(rooms, &pending.names, pending.rooms.iter().map(|room| &**room));
    let (live, _) = core::early(&pending.entry, &pending.rooms, &recipients);
    jobs.push(Job::Write(live, Outcome::default()));
    recipients
}
