//! Mode `register`: connections come and go at a steady rate, each of which a server
//! with metroplex on writes down and strikes out again, while a few others exchange a
//! message now and then. How long do these wait for their echo?
//!
//! Whoever comes does so for good and all: a connection of its own, a handshake, a
//! close frame, and the answer to it. That is two changes of the registry, so it takes
//! half as many connections a second as changes are asked for.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::connect::Knocks;
use crate::echo::{self, Echo};
use crate::options::Options;
use crate::pool::Pool;
use crate::report::{Report, Stretch, Work};
use crate::target::Target;
use crate::{Result, process};

/// Between two messages that want an echo.
const PAUSE: Duration = Duration::from_millis(1);

/// So many may be coming or going at the same time.
const SLOTS: usize = 256;

/// How long one waits for something to happen to those.
const TURN: Duration = Duration::from_millis(1);

/// Runs the mode.
pub fn run(options: &Options, target: &Target) -> Result<Report> {
    let connections = options.connections.unwrap_or(16).max(1);
    let rate = options.rate.unwrap_or(20_000) as f64;
    let mut pool = Pool::new(options.transport, 256)?;
    pool.open_many(connections, target.host, options.path())?;
    echo::greet(&mut pool)?;
    let mut echo = Echo::paced(connections, options.bytes.unwrap_or(echo::BYTES));
    let mut crowd = Crowd::new(rate / 2.0, options, target)?;

    let over = AtomicBool::new(false);
    let (work, came) = thread::scope(|scope| {
        let coming = scope.spawn(|| crowd.come_and_go(&over).map_err(|error| error.to_string()));
        let work = talk(options, target, &mut pool, &mut echo);
        over.store(true, Relaxed);
        let came = coming.join().map_err(|_| "the crowd panicked")?;
        Result::Ok((work?, came?))
    })?;

    let mut report = Report::new("register");
    report.set("connections", connections);
    report.work(&work);
    echo.report(&mut report);
    report.number("changes", 2.0 * came.finished as f64 / came.seconds);
    report.number("changes_wanted", rate);
    report.set("lost", echo.missing() + came.lost);
    report.set("closed", pool.closed());
    report.number("rss_kib", target.pid().and_then(process::rss_kib));
    Ok(report)
}

/// Has one connection after the other send something, at its time, whether or not
/// the answers to the others have come.
fn talk(options: &Options, target: &Target, pool: &mut Pool, echo: &mut Echo) -> Result<Work> {
    let mut next = Instant::now();
    let mut turn = 0;
    let mut talk = |pool: &mut Pool, echo: &mut Echo, end: Instant| -> Result<()> {
        while Instant::now() < end {
            if Instant::now() >= next {
                let connection = turn % pool.len();
                pool.send(connection, |out| echo.send_one(connection, next, out));
                turn += 1;
                next += PAUSE;
            }
            pool.turn(next.saturating_duration_since(Instant::now()), echo)?;
        }
        Ok(())
    };
    talk(pool, echo, Instant::now() + options.warming())?;
    let from = echo.begin();
    let stretch = Stretch::begin(target);
    talk(pool, echo, Instant::now() + options.measured())?;
    let work = stretch.end(target, echo.came_since(from));
    echo::finish(pool, echo)?;
    Ok(work)
}

/// Those who come and go.
struct Crowd {
    knocks: Knocks,
    /// How many come in a second.
    rate: f64,
}

/// How many have.
struct Came {
    finished: u64,
    lost: u64,
    seconds: f64,
}

impl Crowd {
    fn new(rate: f64, options: &Options, target: &Target) -> Result<Crowd> {
        Ok(Crowd { knocks: Knocks::new(target.host, options, SLOTS)?, rate })
    }

    /// Until it is `over`. What is late is made up for, as far as there are slots.
    fn come_and_go(&mut self, over: &AtomicBool) -> Result<Came> {
        let began = Instant::now();
        let mut free: Vec<usize> = (0..SLOTS).collect();
        let mut begun = 0;
        while !over.load(Relaxed) {
            let due = (began.elapsed().as_secs_f64() * self.rate) as u64;
            while begun < due {
                let Some(slot) = free.pop() else { break };
                self.knocks.knock(slot)?;
                begun += 1;
            }
            self.knocks.turn(TURN, &mut free)?;
        }
        let seconds = began.elapsed().as_secs_f64();
        let finished = self.knocks.finished;
        self.knocks.end()?;
        Ok(Came { finished, lost: self.knocks.lost, seconds })
    }
}
