//! Writing to the sparks of this server.

use serde::Serialize;

use super::to::To;
use crate::error::Result;
use crate::server::{Audience, Primus, Spark};

/// Writes a message to those of these sparks that are connected here, once for each
/// time that they are named. Gives to how many, and the ids that are not here.
///
/// # Errors
/// Those of [`Primus::write`].
pub(in crate::plugins) fn write_here<T: Serialize + ?Sized>(
    primus: &Primus,
    value: &T,
    to: To,
) -> Result<(usize, To)> {
    match to {
        To::All => Ok((primus.write_to(value, |_| true)?, To::All)),
        To::Spark(id) => match primus.spark(&id) {
            Some(spark) => Ok((write(primus, value, vec![spark])?, To::Sparks(Vec::new()))),
            None => Ok((0, To::Spark(id))),
        },
        To::Sparks(mut ids) => {
            let mut found = Vec::new();
            ids.retain(|id| match primus.spark(id) {
                Some(spark) => {
                    found.push(spark);
                    false
                }
                None => true,
            });
            Ok((write(primus, value, found)?, To::Sparks(ids)))
        }
    }
}

/// By the way of all broadcasts, one spark too: what comes behind in time, perhaps on
/// another thread, comes behind.
fn write<T: Serialize + ?Sized>(primus: &Primus, value: &T, to: Vec<Spark>) -> Result<usize> {
    let count = to.len();
    if count > 0 {
        primus.write_audience(value, &Audience::of(to))?;
    }
    Ok(count)
}
