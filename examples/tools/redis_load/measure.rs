//! What Redis says that it has done, before and after.

use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::redis::Redis;

/// How long Redis has to have done nothing new before something counts as done.
const QUIET: Duration = Duration::from_millis(300);

/// For that it is asked so often.
const LOOK: Duration = Duration::from_millis(100);

/// How long something may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What Redis has done since it began.
#[derive(Clone, Debug)]
struct Done {
    at: Instant,
    commands: f64,
    /// Microseconds of its process, what it takes to read and write included.
    cpu: f64,
    received: f64,
    sent: f64,
    /// Calls, and microseconds, by command.
    each: BTreeMap<String, (f64, f64)>,
}

impl Done {
    fn now(redis: &Redis) -> io::Result<Done> {
        let told = redis.ask("INFO everything")?;
        let number = |name: &str| {
            let value = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.and_then(|value| value.parse::<f64>().ok()).unwrap_or_default()
        };
        let each = told.lines().filter_map(|line| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let field = |name: &str| {
                let mut fields = rest.split(',').filter_map(|field| field.split_once('='));
                fields.find(|(key, _)| *key == name)?.1.parse::<f64>().ok()
            };
            Some((name.to_owned(), (field("calls")?, field("usec")?)))
        });
        Ok(Done {
            at: Instant::now(),
            commands: number("total_commands_processed"),
            cpu: 1e6 * (number("used_cpu_user") + number("used_cpu_sys")),
            received: number("total_net_input_bytes"),
            sent: number("total_net_output_bytes"),
            each: each.collect(),
        })
    }
}

/// What Redis does by itself, and because it is asked how it is, in a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle {
    commands: f64,
    cpu: f64,
    received: f64,
    sent: f64,
}

/// What something cost Redis.
#[derive(Clone, Debug)]
pub struct Cost {
    /// How often it was done.
    pub times: f64,
    /// Commands, those in scripts among them; each time.
    pub commands: f64,
    /// Microseconds of processor time, each time.
    pub cpu: f64,
    /// Bytes that Redis received, and sent, each time.
    pub received: f64,
    pub sent: f64,
    /// The commands: each with its calls and its microseconds, those that took most
    /// first. What it takes to read and to write is not in these.
    pub each: Vec<(String, f64, f64)>,
}

impl Cost {
    fn between(before: &Done, after: &Done, idle: Idle, times: f64) -> Cost {
        let seconds = (after.at - before.at).as_secs_f64();
        let above = |all: f64, idle: f64| ((all - idle * seconds) / times).max(0.0);
        let each = after.each.iter().map(|(name, (calls, micros))| {
            let (calls_before, micros_before) = before.each.get(name).copied().unwrap_or_default();
            (name.clone(), (calls - calls_before) / times, (micros - micros_before) / times)
        });
        let is_work = |(name, calls, _): &(String, f64, f64)| {
            *calls > 0.0 && !["info", "ping"].contains(&&**name)
        };
        let mut each: Vec<_> = each.filter(is_work).collect();
        each.sort_by(|one, other| other.2.total_cmp(&one.2));
        Cost {
            times,
            commands: above(after.commands - before.commands, idle.commands),
            cpu: above(after.cpu - before.cpu, idle.cpu),
            received: above(after.received - before.received, idle.received),
            sent: above(after.sent - before.sent, idle.sent),
            each,
        }
    }

    /// The same for each of so many.
    pub fn per(&self, count: f64) -> Cost {
        Cost {
            times: self.times * count,
            commands: self.commands / count,
            cpu: self.cpu / count,
            received: self.received / count,
            sent: self.sent / count,
            each: self
                .each
                .iter()
                .map(|(name, calls, us)| (name.clone(), calls / count, us / count))
                .collect(),
        }
    }

    /// What there is more of it than in another.
    pub fn above(&self, other: &Cost) -> Cost {
        Cost {
            times: self.times,
            commands: (self.commands - other.commands).max(0.0),
            cpu: (self.cpu - other.cpu).max(0.0),
            received: (self.received - other.received).max(0.0),
            sent: (self.sent - other.sent).max(0.0),
            each: self.each.clone(),
        }
    }
}

/// What Redis costs in a second in which nobody does anything, watched for so long.
pub fn idle(redis: &Redis, time: Duration) -> io::Result<Idle> {
    let Cost { commands, cpu, received, sent, .. } =
        over(redis, Idle::default(), time)?.per(time.as_secs_f64());
    Ok(Idle { commands, cpu, received, sent })
}

/// What all that happens in this time costs above what is always there.
pub fn over(redis: &Redis, idle: Idle, time: Duration) -> io::Result<Cost> {
    let before = Done::now(redis)?;
    let mut after = before.clone();
    // It is asked as often as where something is waited for.
    while before.at.elapsed() < time {
        thread::sleep(LOOK);
        after = Done::now(redis)?;
    }
    Ok(Cost::between(&before, &after, idle, 1.0))
}

/// Has the work done, waits until Redis has nothing more to do, and says what it cost
/// above what is always there. `times` of it are one work, each.
pub fn cost(redis: &Redis, idle: Idle, times: usize, work: impl FnOnce()) -> io::Result<Cost> {
    let before = Done::now(redis)?;
    work();
    let after = settled(redis, idle)?;
    Ok(Cost::between(&before, &after, idle, times as f64))
}

/// What Redis has done when nothing more comes.
fn settled(redis: &Redis, idle: Idle) -> io::Result<Done> {
    let deadline = Instant::now() + PATIENCE;
    let mut last = Done::now(redis)?;
    let mut quiet_since = last.at;
    while last.at - quiet_since < QUIET {
        thread::sleep(LOOK);
        let now = Done::now(redis)?;
        let expected = idle.commands * (now.at - last.at).as_secs_f64();
        // Some more may fall into the time by chance: signs of life of links.
        if now.commands - last.commands > expected + 10.0 || now.sent - last.sent > 100e3 {
            quiet_since = now.at;
        }
        last = now;
        if Instant::now() > deadline {
            return Err(io::Error::other("Redis does not come to rest"));
        }
    }
    Ok(last)
}
