//! The registry with all connections in it, as metroplex and cluster would have written
//! it: what it takes of memory, and how long it takes to write.

use std::io;
use std::time::{Duration, Instant};

use crate::Options;
use crate::redis::Redis;
use crate::servers;

/// What stands in the registry.
pub struct Full {
    pub connections: usize,
    pub memberships: usize,
    /// Bytes, of each.
    pub connection: f64,
    pub membership: f64,
    /// All of Redis' memory, in bytes.
    pub all: f64,
    pub wrote: Duration,
}

/// Of one server: ARGV are its address, how many connections it has, and its number.
const CONNECTIONS: &str = "\
local own = 'metroplex:' .. ARGV[1] .. ':sparks'; \
redis.call('SADD', 'metroplex:servers', ARGV[1]); \
for n = 1, tonumber(ARGV[2]) do \
local id = string.format('%09d-%011d', ARGV[3], n); \
redis.call('HSET', 'metroplex:sparks', id, ARGV[1]); redis.call('SADD', own, id) end \
return 'OK'";

/// And of their rooms: ARGV[4] for each, of a tenth as many as the server has
/// connections.
const ROOMS: &str = "\
local own = 'metroplex:' .. ARGV[1] .. ':room'; \
for n = 1, tonumber(ARGV[2]) do for r = 1, tonumber(ARGV[4]) do \
local id = string.format('%09d-%011d', ARGV[3], n); \
local room = 'room ' .. (n * 7 + r) % math.ceil(ARGV[2] / 10); \
redis.call('SADD', own .. ':' .. room, id); redis.call('SADD', own .. 's', room) end end \
return 'OK'";

/// Writes all of it.
pub fn fill(redis: &Redis, options: &Options) -> io::Result<Full> {
    redis.ask("FLUSHALL")?;
    let began = Instant::now();
    let empty = redis.number("memory", "used_memory")?;
    let all = |script: &str| {
        (0..options.servers).try_for_each(|number| {
            eprint!("\rregistry of server {number:20}");
            let Options { sparks, rooms, .. } = options;
            let address = servers::address(number);
            redis.ask(&format!("EVAL \"{script}\" 0 {address} {sparks} {number} {rooms}")).map(drop)
        })
    };
    all(CONNECTIONS)?;
    let registered = redis.number("memory", "used_memory")?;
    all(ROOMS)?;
    let full = redis.number("memory", "used_memory")?;
    eprint!("\r{:40}\r", "");
    let connections = options.servers * options.sparks;
    let memberships = connections * options.rooms;
    Ok(Full {
        connections,
        memberships,
        connection: (registered - empty) / connections.max(1) as f64,
        membership: (full - registered) / memberships.max(1) as f64,
        all: full,
        wrote: began.elapsed(),
    })
}
