//! What was measured, as tables.

use crate::Options;
use crate::measure::Cost;
use crate::registry::Full;

pub const COMES: &str = "connection comes";
pub const GOES: &str = "connection goes";
pub const JOINED: &str = "room joined";
pub const LEFT: &str = "room left";
pub const EVERYBODY: &str = "message to everybody, many";
pub const ROOM: &str = "message to a room, many";
pub const ROOM_ALONE: &str = "message to a room, alone";
pub const KEPT: &str = "message to a kept room, alone";
pub const ONE: &str = "message to one elsewhere";
pub const WHERE: &str = "question where one is";
pub const WHO: &str = "question who is in a room";
pub const HOW_MANY: &str = "question how many are on each";
pub const TICK: &str = "sign of life";
pub const TICK_ROOM: &str = "sign of life, each room";
pub const AGAIN: &str = "all again, each connection";

/// How often things happen in a second, in the whole fleet.
pub struct Rates(Vec<(&'static str, f64)>, String);

/// What is assumed: how long connections stay, how often a sign of life is due (that of
/// metroplex's own), and how much each says.
const STAYS: f64 = 600.0;
const TICKS: f64 = 28.0;
const MESSAGES: f64 = 200.0;
const DIRECT: f64 = 500.0;
const QUESTIONS: f64 = 50.0;

impl Rates {
    /// Those of a fleet of this size.
    pub fn of(options: &Options) -> Rates {
        let connections = (options.servers * options.sparks) as f64;
        let moves = connections / STAYS;
        let ticks = options.servers as f64 / TICKS;
        let rooms_of_a_server = (options.sparks as f64 / 10.0).ceil();
        let rates = vec![
            (COMES, moves),
            (GOES, moves),
            (JOINED, moves * options.rooms as f64),
            (LEFT, moves * options.rooms as f64),
            (ROOM_ALONE, MESSAGES),
            (KEPT, MESSAGES),
            (ONE, DIRECT),
            (WHERE, QUESTIONS),
            (WHO, QUESTIONS),
            (HOW_MANY, 1.0),
            (TICK, ticks),
            (TICK_ROOM, ticks * rooms_of_a_server),
        ];
        let said = format!(
            "Assumed: {} servers of {} connections, each of which stays {STAYS} s in {} rooms \
             ({rooms_of_a_server} on a server); a sign of life each {TICKS} s.",
            options.servers, options.sparks, options.rooms
        );
        Rates(rates, said)
    }
}

/// What each kind costs.
pub fn costs(costs: &[(&str, Cost)]) {
    println!("\n| each | measured | commands | CPU of Redis, us | bytes in | bytes out | mostly |");
    println!("|---|---|---|---|---|---|---|");
    for (what, cost) in costs {
        let mostly = cost.each.iter().take(3).map(|(name, calls, _)| format!("{calls:.2} {name}"));
        println!(
            "| {what} | {} | {:.2} | {:.1} | {:.0} | {:.0} | {} |",
            cost.times as u64,
            cost.commands,
            cost.cpu,
            cost.received,
            cost.sent,
            mostly.collect::<Vec<_>>().join(", ")
        );
    }
}

/// What the whole registry takes.
pub fn memory(full: &Full, options: &Options) {
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    println!("\n| in the registry | of them | bytes each | MiB |");
    println!("|---|---|---|---|");
    for (what, count, each) in [
        ("connections", full.connections, full.connection),
        ("memberships", full.memberships, full.membership),
    ] {
        println!("| {what} | {count} | {each:.0} | {:.0} |", mib(count as f64 * each));
    }
    println!(
        "all of Redis: {:.0} MiB, for {} servers; written in {:.0?}",
        mib(full.all),
        options.servers,
        full.wrote
    );
}

/// What a fleet asks for in a second.
pub fn loads(costs: &[(&str, Cost)], Rates(rates, said): &Rates) {
    println!("\n{said}\n");
    println!("| in a second | of them | CPU of Redis | MB in | MB out |");
    println!("|---|---|---|---|---|");
    let mut all = [0.0; 3];
    for (what, rate) in rates {
        let Some((_, cost)) = costs.iter().find(|(name, _)| name == what) else { continue };
        let loads = [cost.cpu, cost.received, cost.sent].map(|each| each * rate / 1e6);
        all.iter_mut().zip(loads).for_each(|(all, one)| *all += one);
        let [cpu, received, sent] = loads;
        println!("| {what} | {rate:.0} | {:.1} % | {received:.2} | {sent:.2} |", 100.0 * cpu);
    }
    println!("| all | | {:.0} % | {:.1} | {:.1} |", 100.0 * all[0], all[1], all[2]);
    let most = |kind| costs.iter().find(|(name, _)| *name == kind).map(|(_, cost)| 1e6 / cost.cpu);
    if let (Some(alone), Some(many)) = (most(ROOM_ALONE), most(ROOM)) {
        println!(
            "\nA Redis that does nothing else passes on {alone:.0} messages a second to all of \
             them, up to {many:.0} where many come at once."
        );
    }
}
