//! Mode `idle`: connections that do nothing, or nothing more after an echo or so
//! each. What memory does each take, and how often does the server wake up for
//! nothing?
//!
//! Memory is told three ways: the server's resident memory; that with what the
//! kernel accounts for (stacks, page tables, slab, of the whole machine); and
//! what is no longer available on the machine, which misses nothing but counts
//! whatever else happens on it. The last two include both ends' sockets.
//!
//! More connections than the server will have are no failure here: the report
//! says how many were refused, whether those it has are still served, and
//! whether it accepts newcomers again when they have gone.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::echo;
use crate::options::Options;
use crate::pool::Pool;
use crate::process::{self, Machine};
use crate::report::Report;
use crate::target::Target;
use crate::traffic::Quiet;

/// Time for the server and the counters to settle.
const SETTLE: Duration = Duration::from_millis(700);

/// The same where connections are kept between requests: a server may take its
/// time before it gives up what it keeps for those that are busy.
const SETTLE_HTTP: Duration = Duration::from_secs(2);

/// So many refusals in a row end the attempt.
const REFUSALS: usize = 50;

/// How long the server may take to recover from too many connections.
const RECOVERY: Duration = Duration::from_secs(5);

/// Runs the mode.
pub fn run(options: &Options, target: &Target) -> Result<Report> {
    let wanted = options.connections.unwrap_or(5000).max(1);
    // One connection before the first measurement, so that what a server sets
    // up at the first one is not counted.
    echo::probe(options, target.host)?;
    thread::sleep(SETTLE);
    let before = Memory::now(target);
    let mut pool = Pool::new(options.transport, 0)?;
    let began = Instant::now();
    let refused = open(&mut pool, wanted, target.host, options.path());
    let opening = began.elapsed();
    for _ in 0..options.messages.unwrap_or(0) {
        echo::greet(&mut pool)?;
    }
    let settle = if options.transport.is_http() { SETTLE_HTTP } else { SETTLE };
    pool.run(&mut Quiet, Instant::now() + settle, |_| false)?;
    let after = Memory::now(target);
    let threads = target.pid().and_then(process::threads);
    let closed = pool.closed();

    let (woken, busy) = watch(options, target, &mut pool)?;
    let opened = pool.len();
    let serves =
        opened > 0 && echo::is_served(&mut pool, 0)? && echo::is_served(&mut pool, opened - 1)?;
    drop(pool);
    let mut report = Report::new("idle");
    report.set("connections", opened);
    report.set("refused", refused);
    report.set("closed", closed);
    report.set("serves", serves);
    report.set("recovers", recovers(options, target.host));
    report.number("opening_seconds", opening.as_secs_f64());
    report.number("threads", threads);
    report.number("wakeups", woken);
    report.number("wakeups_seconds", options.measured().as_secs_f64());
    report.number("server_cpu_s", busy);
    memory(&mut report, before, after, opened);
    Ok(report)
}

/// Lets the connections idle: how often the server woke up meanwhile, and the
/// processor time it took, in seconds.
fn watch(
    options: &Options,
    target: &Target,
    pool: &mut Pool,
) -> Result<(Option<f64>, Option<f64>)> {
    let now = || {
        let pid = target.pid();
        (pid.and_then(process::sleeps), pid.and_then(process::cpu_seconds))
    };
    let (slept, busy) = now();
    pool.run(&mut Quiet, Instant::now() + options.measured(), |_| false)?;
    let (slept_then, busy_then) = now();
    let more = |(after, before)| after - before;
    Ok((slept_then.zip(slept).map(more), busy_then.zip(busy).map(more)))
}

/// Opens connections and returns how many were refused.
fn open(pool: &mut Pool, wanted: usize, host: SocketAddr, path: &str) -> usize {
    let (mut refused, mut in_a_row) = (0, 0);
    while pool.len() + refused < wanted && in_a_row < REFUSALS {
        match pool.open(host, path) {
            Ok(()) => in_a_row = 0,
            Err(error) => {
                if refused == 0 {
                    eprintln!("load: connection {}: {error}", pool.len() + 1);
                }
                refused += 1;
                // One that hangs is worth many that are refused at once.
                let hung = error.kind() == ErrorKind::TimedOut;
                in_a_row += if hung { REFUSALS / 3 } else { 1 };
            }
        }
    }
    refused
}

fn recovers(options: &Options, host: SocketAddr) -> bool {
    let deadline = Instant::now() + RECOVERY;
    loop {
        if matches!(echo::probe(options, host), Ok(true)) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

#[derive(Clone, Copy, Debug)]
struct Memory {
    server: Option<f64>,
    own: f64,
    machine: Machine,
}

impl Memory {
    fn now(target: &Target) -> Memory {
        Memory {
            server: target.pid().and_then(process::rss_kib),
            own: process::rss_kib(std::process::id()).unwrap_or(0.0),
            machine: Machine::now(),
        }
    }
}

fn memory(report: &mut Report, before: Memory, after: Memory, connections: usize) {
    let each = |kib: f64| kib / connections.max(1) as f64;
    let rss = after.server.zip(before.server).map(|(after, before)| each(after - before));
    let (was, is) = (before.machine, after.machine);
    let stacks = each(is.stacks - was.stacks);
    let tables = each(is.tables - was.tables);
    let slab = each(is.slab - was.slab);
    let gone = each(was.available - is.available - (after.own - before.own));
    report.number("rss_per_connection_kib", rss);
    report.number("whole_per_connection_kib", gone);
    report.number("accounted_per_connection_kib", rss.map(|rss| rss + stacks + tables + slab));
    report.number("kernel_stack_per_connection_kib", stacks);
    report.number("page_tables_per_connection_kib", tables);
    report.number("slab_per_connection_kib", slab);
}
