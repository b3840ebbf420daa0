//! The rows of several servers that a Redis joins.

use crate::rows::{CPU, Metric, RATE, Row, Third};
use crate::{fleet, register};

/// Of messages to a room of all servers. The processor time is that of the servers;
/// that of the Redis is told apart.
const FLEET: &[Metric] = &[
    CPU,
    RATE,
    Metric { key: "last_p50_us", unit: "us to last" },
    Metric { key: "last_p99_us", unit: "us, p99" },
    Metric { key: "redis_cpu_s_per_million", unit: "us CPU, Redis" },
];

/// Of echoes beside connections that come and go.
const REGISTER: &[Metric] = &[
    Metric { key: "p99_us", unit: "us, p99" },
    Metric { key: "p50_us", unit: "us, median" },
    Metric { key: "changes", unit: "changes/s" },
];

/// All of them.
pub const ROWS: &[Row] = &[
    Row {
        name: "fleet",
        what: "one message at a time to a room, 4 servers of 250 sparks, 128 B, per delivery",
        wanted: "<= 0.15 node, its last 0.3",
        mode: fleet::run,
        set: |options| {
            options.room = true;
            options.servers = Some(4);
        },
        metrics: FLEET,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "fleet-burst",
        what: "burst of 100 messages to a room, 4 servers of 250 sparks, 128 B, per delivery",
        wanted: "<= 0.15 node, its last 0.3",
        mode: fleet::run,
        set: |options| {
            options.room = true;
            options.servers = Some(4);
            options.burst = Some(100);
        },
        metrics: FLEET,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "register",
        what: "echoes while 10,000 connections a second come, and go, with and without metroplex",
        wanted: "<= 1.2 ours without",
        mode: register::run,
        set: |options| {
            options.servers = Some(1);
            // It is far from so many.
            options.node = None;
        },
        metrics: REGISTER,
        fresh: false,
        third: Third::Own,
    },
];
