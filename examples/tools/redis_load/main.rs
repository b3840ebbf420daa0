//! What many servers ask of the Redis that joins them, by kind of message.
//!
//! ```text
//! cargo run --release --example redis_load -- --servers 100 --sparks 10000
//! ```
//!
//! So many servers run in this process, each with a link of its own, all with the
//! plugins metroplex, rooms, cluster and history, at a Redis that is started for it. Of each kind
//! of message some are made, and Redis says itself what that took. A million connections
//! are more than one machine has: every server has a few real ones (`--real`), and the
//! others stand in the registry, with their rooms, as if they were there. What one
//! message costs does not depend on them; what they take of memory, and what it costs to
//! read them, is measured with all of them. The last table multiplies the costs by how
//! often things happen, which is an assumption, and says so.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use primus::plugins::cluster::PrimusCluster;
use primus::plugins::rooms::{PrimusRooms, SparkRooms};
use primus::{BoxError, Spark};

mod measure;
#[path = "../../shared/redis.rs"]
mod redis;
mod registry;
mod servers;
mod table;

use measure::{Cost, Idle};
use redis::Redis;
use servers::Server;
use table::Rates;

const HELP: &str = "\
Usage: redis_load [options]
  --servers N   servers (100)
  --sparks N    connections of each, in the registry (10000)
  --rooms N     rooms of each connection (5)
  --real N      connections of each that there really are (10)
  --times N     messages of each kind (2000)";

struct Options {
    servers: usize,
    sparks: usize,
    rooms: usize,
    real: usize,
    times: usize,
}

/// Signs of life that do not come while something else is measured, and such that do.
const NEVER: Duration = Duration::from_secs(3600);
const OFTEN: Duration = Duration::from_secs(3);

/// So many real connections, at most, tell all again.
const REGISTERED: usize = 2_000;

/// Between messages that are not to go out together.
const PAUSE: Duration = Duration::from_millis(5);

/// How long signs of life, and nothing at all, are watched.
const WATCHED: Duration = Duration::from_secs(10);

/// What is written.
const TEXT: usize = 128;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "redis_load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Option<Options>, BoxError> {
    use lexopt::prelude::*;
    let mut options = Options { servers: 100, sparks: 10_000, rooms: 5, real: 10, times: 2_000 };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("servers") => options.servers = arguments.value()?.parse()?,
            Long("sparks") => options.sparks = arguments.value()?.parse()?,
            Long("rooms") => options.rooms = arguments.value()?.parse()?,
            Long("real") => options.real = arguments.value()?.parse()?,
            Long("times") => options.times = arguments.value()?.parse()?,
            Short('h') | Long("help") => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    match options {
        Options { servers: 2..=250, real: 1..=100, times: 4..=1_000_000, .. }
            if options.sparks <= 100_000 && options.rooms <= 100 =>
        {
            Ok(Some(options))
        }
        _ => {
            Err("2 to 250 servers of at most 100000 sparks in at most 100 rooms, 1 to 100 real"
                .into())
        }
    }
}

fn run() -> Result<(), BoxError> {
    let Some(options) = options()? else {
        println!("{HELP}");
        return Ok(());
    };
    let redis = Redis::start()?;
    let version = redis.ask("INFO server")?;
    let version = version.lines().find_map(|line| line.strip_prefix("redis_version:"));
    println!(
        "Redis {}, {} servers, each with {} real connections",
        version.unwrap_or("?"),
        options.servers,
        options.real
    );
    let mut bench = Bench::new(&redis, &options)?;
    bench.all()?;
    servers::end(std::mem::take(&mut bench.fleet));
    let mut costs = bench.costs;
    let [tick, room] = ticks(&redis, &options, bench.idle)?;
    let (again, seconds) = again(&redis, &options, bench.idle)?;
    costs.push((table::TICK, tick));
    costs.push((table::TICK_ROOM, room));
    costs.push((table::AGAIN, again));
    table::costs(&costs);
    println!(
        "all again, {seconds:.1} s after FLUSHALL; the next sign of life comes within {:?}",
        OFTEN - servers::LATENCY
    );

    let full = registry::fill(&redis, &options)?;
    table::memory(&full, &options);
    let assumed = Rates::of(&options);
    table::loads(&costs, &assumed);
    Ok(())
}

/// Measures one kind after the other.
struct Bench<'a> {
    redis: &'a Redis,
    options: &'a Options,
    idle: Idle,
    fleet: Vec<Server>,
    costs: Vec<(&'static str, Cost)>,
}

impl<'a> Bench<'a> {
    fn new(redis: &'a Redis, options: &'a Options) -> Result<Self, BoxError> {
        let fleet = servers::start(&redis.url(), options.servers, NEVER)?;
        let idle = measure::idle(redis, WATCHED)?;
        Ok(Bench { redis, options, idle, fleet, costs: Vec::new() })
    }

    fn measure(
        &mut self,
        what: &'static str,
        times: usize,
        work: impl FnOnce(&mut Vec<Server>) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        eprint!("\r{what:40}");
        let mut done = Ok(());
        let fleet = &mut self.fleet;
        let cost = measure::cost(self.redis, self.idle, times, || done = work(fleet))?;
        done?;
        eprint!("\r{:40}\r", "");
        self.costs.push((what, cost));
        self.fleet.iter_mut().for_each(Server::drain);
        Ok(())
    }

    fn all(&mut self) -> Result<(), BoxError> {
        let (times, real, rooms) = (self.options.times, self.options.real, self.options.rooms);
        let sparks = self.fleet.len() * real;
        self.measure(table::COMES, sparks, |fleet| {
            fleet.iter_mut().try_for_each(|server| server.come(real))
        })?;
        self.measure(table::JOINED, sparks * rooms, |fleet| join(fleet, rooms))?;
        let text = "x".repeat(TEXT);
        self.measure(table::EVERYBODY, times, |fleet| {
            (0..times).try_for_each(|_| Ok(fleet[0].primus.write(&text)?))
        })?;
        self.measure(table::ROOM, times, |fleet| {
            let room = fleet[0].primus.room(shared(0));
            (0..times).try_for_each(|_| Ok(room.write(&text).map(drop)?))
        })?;
        self.measure(table::ROOM_ALONE, times / 4, |fleet| {
            let room = fleet[0].primus.room(shared(0));
            (0..times / 4).try_for_each(|_| {
                thread::sleep(PAUSE);
                Ok(room.write(&text).map(drop)?)
            })
        })?;
        self.measure(table::KEPT, times / 4, |fleet| {
            let room = fleet[0].primus.room(servers::KEPT);
            (0..times / 4).try_for_each(|_| {
                thread::sleep(PAUSE);
                Ok(room.write(&text).map(drop)?)
            })
        })?;
        self.measure(table::ONE, times, |fleet| {
            let ids = elsewhere(fleet);
            (0..times).try_for_each(|n| {
                let id = &ids[n % ids.len()];
                match fleet[0].primus.write_spark(id, &text)? {
                    true => Ok(()),
                    false => Err(format!("{id} was not there").into()),
                }
            })
        })?;
        self.measure(table::WHERE, times, |fleet| {
            let ids = elsewhere(fleet);
            (0..times).try_for_each(|n| {
                Ok(fleet[0].primus.cluster_spark(&ids[n % ids.len()]).map(drop)?)
            })
        })?;
        let times = times / 10 + 1;
        self.measure(table::WHO, times, |fleet| {
            let room = fleet[0].primus.room(shared(0));
            (0..times).try_for_each(|_| Ok(room.ids().map(drop)?))
        })?;
        self.measure(table::HOW_MANY, times, |fleet| {
            (0..times).try_for_each(|_| Ok(fleet[0].primus.cluster_servers().map(drop)?))
        })?;
        self.measure(table::LEFT, sparks * rooms, |fleet| {
            each(fleet, |spark| {
                spark.leave_all();
                Ok(())
            })
        })?;
        self.measure(table::GOES, sparks, |fleet| fleet.iter_mut().try_for_each(Server::go))
    }
}

/// Of the rooms of a spark every second one is shared by all, the others are its own.
fn room_of(spark: &Spark, room: usize) -> String {
    if room.is_multiple_of(2) { shared(room) } else { format!("of {} {room}", spark.id()) }
}

fn shared(room: usize) -> String {
    format!("shared {room}")
}

/// Has every spark of every server in its rooms.
fn join(fleet: &[Server], rooms: usize) -> Result<(), BoxError> {
    each(fleet, |spark| (0..rooms).try_for_each(|room| spark.join(room_of(spark, room)).map(drop)))
}

/// Something with every spark of every server.
fn each(fleet: &[Server], work: impl Fn(&Spark) -> primus::Result<()>) -> Result<(), BoxError> {
    for server in fleet {
        let mut done = Ok(());
        server.primus.for_each(|spark| {
            if done.is_ok() {
                done = work(spark);
            }
        });
        done?;
    }
    Ok(())
}

/// The ids of those who are not on the first server.
fn elsewhere(fleet: &[Server]) -> Vec<String> {
    let mut ids = Vec::new();
    for server in &fleet[1..] {
        server.primus.for_each(|spark| ids.push(spark.id().to_owned()));
    }
    ids
}

/// What signs of life cost: each, and for each room of the server.
fn ticks(redis: &Redis, options: &Options, idle: Idle) -> Result<[Cost; 2], BoxError> {
    eprint!("\r{:40}", "signs of life");
    redis.ask("FLUSHALL")?;
    let mut fleet = servers::start(&redis.url(), options.servers, OFTEN)?;
    fleet.iter_mut().try_for_each(|server| server.come(options.real))?;
    thread::sleep(OFTEN);
    let ticks =
        options.servers as f64 * WATCHED.as_secs_f64() / (OFTEN - servers::LATENCY).as_secs_f64();
    let bare = measure::over(redis, idle, WATCHED)?.per(ticks);
    join(&fleet, options.rooms)?;
    thread::sleep(OFTEN);
    let full = measure::over(redis, idle, WATCHED)?.per(ticks);
    let rooms: usize = fleet.iter().map(|server| server.primus.room_names().len()).sum();
    servers::end(fleet);
    eprint!("\r{:40}\r", "");
    let each = full.above(&bare).per(rooms as f64 / options.servers as f64);
    Ok([bare, each])
}

/// What it costs, for each connection, that Redis has lost everything: one server, with
/// so many real connections, each in its rooms, tells it all again. And how long it takes
/// from then on until it has, in seconds.
fn again(redis: &Redis, options: &Options, idle: Idle) -> Result<(Cost, f64), BoxError> {
    eprint!("\r{:40}", "all again");
    redis.ask("FLUSHALL")?;
    let mut fleet = servers::start(&redis.url(), 1, OFTEN)?;
    let count = options.sparks.min(REGISTERED);
    fleet[0].come(count)?;
    join(&fleet, options.rooms)?;
    let rooms = format!("SCARD metroplex:{}:rooms", servers::address(0));
    let there = |command: &str| redis.ask(command).ok()?.parse::<usize>().ok();
    let all = fleet[0].primus.room_names().len();
    let whole = || {
        there("HLEN metroplex:sparks") == Some(count)
            && (options.rooms == 0 || there(&rooms) == Some(all))
    };
    servers::wait_for_redis("the registry", whole)?;
    let mut done = Ok(Duration::ZERO);
    let cost = measure::cost(redis, idle, count, || {
        let lost = redis.ask("FLUSHALL").map(|_| Instant::now());
        done = lost.map_err(BoxError::from).and_then(|lost| {
            servers::wait_for_redis("the registry, again", whole)?;
            Ok(lost.elapsed())
        });
    })?;
    servers::end(fleet);
    eprint!("\r{:40}\r", "");
    Ok((cost, done?.as_secs_f64()))
}
