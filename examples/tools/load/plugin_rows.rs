//! The rows of plugins.

use crate::options::Events;
use crate::rows::{CPU, ECHO, Metric, RATE, Row, Third};
use crate::{broadcast, echo, rooms};

const MEMBERS: &[Metric] = &[
    CPU,
    RATE,
    Metric { key: "memory_mib", unit: "MiB in rooms" },
    Metric { key: "memory_left_mib", unit: "MiB left" },
];

/// All of them.
pub const ROWS: &[Row] = &[
    Row {
        name: "emit",
        what: "event that comes back (emit), 64 connections, 1 in flight, 64 B",
        wanted: "<= 1.25 ours plain, 0.6 node",
        mode: echo::run,
        set: |options| options.events = Some(Events::Emit),
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "emit-64x16",
        what: "event that comes back (emit), 64 connections, 16 in flight, 64 B",
        wanted: "<= 1.25 ours plain, 0.6 node",
        mode: echo::run,
        set: |options| {
            options.events = Some(Events::Emit);
            options.in_flight = Some(16);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "ack",
        what: "event and acknowledgement (emitter), 64 connections, 1 in flight, 64 B",
        wanted: "<= 0.5 node",
        mode: echo::run,
        set: |options| options.events = Some(Events::Emitter),
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "room",
        what: "one message at a time to a room of 1,000 sparks, 128 B, per delivery",
        wanted: "<= 1.1 ours to all",
        mode: broadcast::run,
        set: |options| options.room = true,
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "room-burst",
        what: "burst of 200 messages to a room of 1,000 sparks, 128 B, per delivery",
        wanted: "<= 1.1 ours to all, 0.05 node",
        mode: broadcast::run,
        set: |options| {
            options.room = true;
            options.burst = Some(200);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "members",
        what: "1,000 sparks join and leave 100 of 1,000 rooms, per membership",
        wanted: "<= 0.2 node, 0.5 of its memory",
        mode: rooms::run,
        set: |options| options.each = Some(100),
        metrics: MEMBERS,
        fresh: true,
        third: Third::Nothing,
    },
    Row {
        name: "members-own",
        what: "1,000 sparks join and leave 100 rooms of their own, per membership",
        wanted: "<= 0.2 node, 0.5 of its memory",
        mode: rooms::run,
        set: |options| {
            options.each = Some(100);
            options.of = Some(100_000);
        },
        metrics: MEMBERS,
        fresh: true,
        third: Third::Nothing,
    },
];
