//! The rows of the table.

use crate::options::Options;
use crate::transport::Transport;
use crate::{
    Mode, broadcast, connect, echo, fleet_rows, idle, network, old_rows, plugin_rows, slow, trickle,
};

/// What is read from a report.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub key: &'static str,
    pub unit: &'static str,
}

pub const CPU: Metric = Metric { key: "server_cpu_s_per_million", unit: "us CPU" };
pub const RATE: Metric = Metric { key: "rate", unit: "/s" };

/// A row of the table: some work, and what is measured of it.
#[derive(Debug)]
pub struct Row {
    pub name: &'static str,
    pub what: &'static str,
    /// What ours is to reach, of the first metrics.
    pub wanted: &'static str,
    pub mode: Mode,
    pub set: fn(&mut Options),
    pub metrics: &'static [Metric],
    /// Whether each run wants a server that has done nothing yet.
    pub fresh: bool,
    pub third: Third,
}

/// What ours is compared with beside Node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Third {
    Nothing,
    Bare,
    /// Ours with the transformer `websockets`, over TCP, with nothing else on, and to
    /// all instead of to a room.
    Own,
}

/// Of work that is done again and again.
pub const ECHO: &[Metric] = &[CPU, RATE];

/// Of connections that do nothing.
pub const IDLE: &[Metric] = &[
    Metric { key: "rss_per_connection_kib", unit: "KiB RSS" },
    Metric { key: "accounted_per_connection_kib", unit: "KiB accounted" },
    Metric { key: "whole_per_connection_kib", unit: "KiB whole" },
    Metric { key: "wakeups", unit: "wake-ups" },
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Row> {
    let later = plugin_rows::ROWS.iter().chain(fleet_rows::ROWS).chain(network::ROWS);
    ROWS.iter().chain(old_rows::ROWS).chain(later)
}

const ROWS: &[Row] = &[
    Row {
        name: "echo-64x1",
        what: "echo, 64 connections, 1 in flight, 64 B",
        wanted: "<= 1.2 bare, < node; aim 1.05 bare",
        mode: echo::run,
        set: |options| options.in_flight = Some(1),
        metrics: ECHO,
        fresh: false,
        third: Third::Bare,
    },
    Row {
        name: "echo-64x16",
        what: "echo, 64 connections, 16 in flight, 64 B",
        wanted: "<= 2.5 bare; aim 1.4",
        mode: echo::run,
        set: |options| options.in_flight = Some(16),
        metrics: ECHO,
        fresh: false,
        third: Third::Bare,
    },
    Row {
        name: "echo-16k",
        what: "echo, 64 connections, 1 in flight, 16 KiB",
        wanted: "<= 1.8 bare; aim 1.25",
        mode: echo::run,
        set: |options| options.bytes = Some(16_384),
        metrics: ECHO,
        fresh: false,
        third: Third::Bare,
    },
    Row {
        name: "broadcast",
        what: "one broadcast at a time to 1,000 sparks, 128 B, per delivery",
        wanted: "<= 1.25 bare; aim 1.0",
        mode: broadcast::run,
        set: |options| options.burst = Some(1),
        metrics: ECHO,
        fresh: false,
        third: Third::Bare,
    },
    Row {
        name: "burst",
        what: "burst of 200 broadcasts to 1,000 sparks, 128 B, per delivery (bare: --log)",
        wanted: "<= 0.03 node; aim 0.01",
        mode: broadcast::run,
        set: |options| {
            options.burst = Some(200);
            options.log = true;
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Bare,
    },
    Row {
        name: "connect",
        what: "connect, handshake and close, per connection",
        wanted: "<= 0.35 node; aim 0.2",
        mode: connect::run,
        set: |_| {},
        metrics: ECHO,
        fresh: false,
        third: Third::Bare,
    },
    Row {
        name: "idle",
        what: "idle connection at 5,000",
        wanted: "<= 16 RSS, 50 accounted; aim 11, 41",
        mode: idle::run,
        set: |_| {},
        metrics: IDLE,
        fresh: true,
        third: Third::Bare,
    },
    Row {
        name: "idle-echoed",
        what: "RSS per connection after one echo, at 2,000",
        wanted: "<= 13 RSS; aim 11",
        mode: idle::run,
        set: |options| {
            options.connections = Some(2000);
            options.messages = Some(1);
        },
        metrics: IDLE,
        fresh: true,
        third: Third::Bare,
    },
    Row {
        name: "slow",
        what: "5 of 50 sparks never read, 24 MB each",
        wanted: ">= 0.9; aim 0.97",
        mode: slow::run,
        set: |_| {},
        metrics: &[
            Metric { key: "rate_kept", unit: "of the rate" },
            Metric { key: "rss_without_slow_mib", unit: "MiB without" },
            Metric { key: "rss_peak_mib", unit: "MiB peak" },
            Metric { key: "slow_cut", unit: "cut" },
        ],
        fresh: true,
        third: Third::Nothing,
    },
    Row {
        name: "trickle",
        what: "8 MB to one client beside 4,000 that read a little at a time",
        wanted: "<= 3 times alone",
        mode: trickle::run,
        set: |_| {},
        metrics: &[
            Metric { key: "times", unit: "x alone" },
            Metric { key: "alone_ms", unit: "ms alone" },
            Metric { key: "beside_ms", unit: "ms beside" },
            Metric { key: "worst_ms", unit: "ms at worst" },
        ],
        fresh: true,
        third: Third::Nothing,
    },
    Row {
        name: "eio-64x1",
        what: "engine.io on websockets: echo, 64 connections, 1 in flight, 64 B",
        wanted: "<= 1.15 ours on websockets",
        mode: echo::run,
        set: |options| options.transport = Transport::Websocket,
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "eio-64x16",
        what: "engine.io on websockets: echo, 64 connections, 16 in flight, 64 B",
        wanted: "<= 1.15 ours on websockets",
        mode: echo::run,
        set: |options| {
            options.transport = Transport::Websocket;
            options.in_flight = Some(16);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "eio-upgraded",
        what: "engine.io after an upgrade: echo, 64 connections, 1 in flight, 64 B",
        wanted: "<= 1.15 ours on websockets",
        mode: echo::run,
        set: |options| options.transport = Transport::Upgrade,
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "eio-cast",
        what: "engine.io on websockets: one broadcast at a time to 1,000 sparks, 128 B",
        wanted: "<= 1.15 ours on websockets",
        mode: broadcast::run,
        set: |options| options.transport = Transport::Websocket,
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "eio-burst",
        what: "engine.io after an upgrade: burst of 200 broadcasts to 1,000 sparks, 128 B",
        wanted: "<= 1.15 ours on websockets",
        mode: broadcast::run,
        set: |options| {
            options.transport = Transport::Upgrade;
            options.burst = Some(200);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "eio-connect",
        what: "engine.io on websockets: connect, handshake and close",
        wanted: "< node",
        mode: connect::run,
        set: |options| options.transport = Transport::Websocket,
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "poll-64x1",
        what: "engine.io polling: echo, 64 clients, 1 in flight, 64 B",
        wanted: "<= 0.5 node",
        mode: echo::run,
        set: |options| options.transport = Transport::Polling,
        metrics: ECHO,
        fresh: false,
        third: Third::Nothing,
    },
    Row {
        name: "poll-cast",
        what: "engine.io polling: one broadcast at a time to 1,000 sparks, 128 B",
        wanted: "< node",
        mode: broadcast::run,
        set: |options| options.transport = Transport::Polling,
        metrics: ECHO,
        fresh: false,
        third: Third::Nothing,
    },
    Row {
        name: "poll-connect",
        what: "engine.io polling: a session is opened and closed",
        wanted: "< node",
        mode: connect::run,
        set: |options| options.transport = Transport::Polling,
        metrics: ECHO,
        fresh: false,
        third: Third::Nothing,
    },
    Row {
        name: "poll-idle",
        what: "engine.io polling: 1,000 polls are held",
        wanted: "<= node; no wake-ups",
        mode: idle::run,
        set: |options| {
            options.transport = Transport::Polling;
            options.connections = Some(1000);
        },
        metrics: IDLE,
        fresh: true,
        third: Third::Nothing,
    },
    Row {
        name: "poll-echoed",
        what: "RSS per polling session after one echo, poll held, at 1,000",
        wanted: "<= 24 RSS; aim 18",
        mode: idle::run,
        set: |options| {
            options.transport = Transport::Polling;
            options.connections = Some(1000);
            options.messages = Some(1);
        },
        metrics: IDLE,
        fresh: true,
        third: Third::Nothing,
    },
    Row {
        name: "sock-64x1",
        what: "sockjs on websockets: echo, 64 connections, 1 in flight, 64 B",
        wanted: "<= 0.4 node, 1.15 ours on websockets",
        mode: echo::run,
        set: |options| options.transport = Transport::SockWebsocket,
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "sock-64x16",
        what: "sockjs on websockets: echo, 64 connections, 16 in flight, 64 B",
        wanted: "<= 0.1 node, 1.15 ours on websockets",
        mode: echo::run,
        set: |options| {
            options.transport = Transport::SockWebsocket;
            options.in_flight = Some(16);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "xhr-64x1",
        what: "sockjs by xhr-polling: echo, 64 clients, 1 in flight, 64 B",
        wanted: "<= 0.35 node",
        mode: echo::run,
        set: |options| options.transport = Transport::SockPolling,
        metrics: ECHO,
        fresh: false,
        third: Third::Nothing,
    },
    Row {
        name: "stream-64x1",
        what: "sockjs by xhr-streaming: echo, 64 clients, 1 in flight, 64 B",
        wanted: "< node",
        mode: echo::run,
        set: |options| options.transport = Transport::Streaming,
        metrics: ECHO,
        fresh: false,
        third: Third::Nothing,
    },
    Row {
        name: "stream-cast",
        what: "sockjs by xhr-streaming: one broadcast at a time to 500 sparks, 128 B",
        wanted: "<= 0.3 node",
        mode: broadcast::run,
        set: |options| {
            options.transport = Transport::Streaming;
            options.connections = Some(500);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "stream-burst",
        what: "sockjs by xhr-streaming: burst of 200 broadcasts to 500 sparks, 128 B",
        wanted: "<= 0.02 node",
        mode: broadcast::run,
        set: |options| {
            options.transport = Transport::Streaming;
            options.connections = Some(500);
            options.burst = Some(200);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "stream-idle",
        what: "sockjs by xhr-streaming: 1,000 idle sessions",
        wanted: "<= 0.7 node; no wake-ups",
        mode: idle::run,
        set: |options| {
            options.transport = Transport::Streaming;
            options.connections = Some(1000);
        },
        metrics: IDLE,
        fresh: true,
        third: Third::Nothing,
    },
];
