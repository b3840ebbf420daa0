//! Mode `rooms`: the server puts all its connections into rooms and takes them
//! out again, round after round, because the first one says so.

use std::time::Instant;

use crate::broadcast::{Deliveries, ROUND};
use crate::options::Options;
use crate::pool::Pool;
use crate::process;
use crate::report::{Report, Stretch};
use crate::target::Target;
use crate::{Result, echo};

/// Runs the mode.
pub fn run(options: &Options, target: &Target) -> Result<Report> {
    let connections = options.connections.unwrap_or(1000).max(1);
    let each = options.each.unwrap_or(100).max(1);
    let of = options.of.unwrap_or(1000).max(each);
    let mut pool = Pool::new(options.transport, 64)?;
    pool.open_many(connections, target.host, options.path())?;
    echo::greet(&mut pool)?;
    let memory = || target.pid().and_then(process::rss_kib);

    // Only at first is the memory new to the server's process.
    let before = memory();
    ask(&mut pool, &format!("joins:{each}:{of}"))?;
    let grown = before.zip(memory()).map(|(before, after)| (after - before) / 1024.0);
    ask(&mut pool, &format!("leaves:{each}:{of}"))?;
    let left = before.zip(memory()).map(|(before, after)| (after - before) / 1024.0);

    let stretch = Stretch::begin(target);
    let end = Instant::now() + options.measured();
    let mut rounds = 0;
    while rounds == 0 || Instant::now() < end {
        ask(&mut pool, &format!("joins:{each}:{of}"))?;
        ask(&mut pool, &format!("leaves:{each}:{of}"))?;
        rounds += 1;
    }
    let work = stretch.end(target, rounds * (connections * each) as u64);

    let mut report = Report::new("rooms");
    report.set("connections", connections);
    report.set("memberships", connections * each);
    report.work(&work);
    report.number("memory_mib", grown);
    report.number("memory_left_mib", left);
    report.set("closed", pool.closed());
    Ok(report)
}

/// Gives the server a command on the first connection, and waits until it says
/// that it has been done.
fn ask(pool: &mut Pool, command: &str) -> Result<()> {
    pool.send(0, |out| out.text(format!("\"{command}\"").as_bytes()));
    let mut answer = Deliveries::new("done".len());
    let deadline = Instant::now() + ROUND;
    let came = pool.run(&mut answer, deadline, |got| got.count > 0 || got.broken)?;
    if came && answer.wrong == 0 && !answer.broken {
        return Ok(());
    }
    Err(format!("{command} was not done; was the server started with --rooms?").into())
}
