//! The rows of TLS, Unix sockets and compression.

use crate::rows::{ECHO, IDLE, Metric, Row, Third};
use crate::{broadcast, connect, echo, idle};

const SHAKEN: &[Metric] = &[ECHO[0], ECHO[1], Metric { key: "resumed", unit: "resumed" }];

/// What most of them have in common: an echo, beside ours as it is without all that.
const OURS: Row = Row {
    name: "",
    what: "",
    wanted: "",
    mode: echo::run,
    set: |_| (),
    metrics: ECHO,
    fresh: false,
    third: Third::Own,
};

/// All of them.
pub const ROWS: &[Row] = &[
    Row {
        name: "tls-64x1",
        what: "TLS: echo, 64 connections, 1 in flight, 64 B",
        wanted: "<= 0.5 node, 1.6 ours without",
        set: |options| options.secure = true,
        ..OURS
    },
    Row {
        name: "tls-64x16",
        what: "TLS: echo, 64 connections, 16 in flight, 64 B",
        wanted: "<= 0.15 node, 2.5 ours without",
        set: |options| {
            options.secure = true;
            options.in_flight = Some(16);
        },
        ..OURS
    },
    Row {
        name: "tls-connect",
        what: "TLS: connect, full handshake, WebSocket, close",
        wanted: "<= 0.6 node",
        mode: connect::run,
        set: |options| options.secure = true,
        metrics: SHAKEN,
        ..OURS
    },
    Row {
        name: "tls-resumed",
        what: "TLS: connect, resumed handshake, WebSocket, close",
        wanted: "<= 0.6 node",
        mode: connect::run,
        set: |options| {
            options.secure = true;
            options.resume = true;
        },
        metrics: SHAKEN,
        ..OURS
    },
    Row {
        name: "tls-idle",
        what: "TLS: idle connection at 2,000",
        wanted: "<= 0.5 node RSS",
        mode: idle::run,
        set: |options| {
            options.secure = true;
            options.connections = Some(2000);
        },
        metrics: IDLE,
        fresh: true,
        ..OURS
    },
    Row {
        name: "unix-64x1",
        what: "Unix socket: echo, 64 connections, 1 in flight, 64 B (node: TCP)",
        wanted: "<= 0.9 ours over TCP",
        set: |options| options.on_unix = true,
        ..OURS
    },
    Row {
        name: "zip-cast",
        what: "deflate: one broadcast of 2 KiB at a time to 1,000 sparks, per delivery",
        wanted: "<= 0.05 node",
        mode: broadcast::run,
        set: |options| {
            options.compress = true;
            options.bytes = Some(2048);
        },
        ..OURS
    },
    Row {
        name: "zip-64x1",
        what: "deflate, no context takeover: echo, 64 connections, 1 in flight, 2 KiB",
        wanted: "<= 0.7 node",
        set: |options| {
            options.compress = true;
            options.bytes = Some(2048);
        },
        ..OURS
    },
];
