//! The rows of socket.io and browserchannel. For those of socket.io Node's side needs
//! the modules of a Primus of its time:
//! `--node "node tests/interop/node-server/echo.js --modules tests/interop/client-v3"`.

use crate::rows::{ECHO, IDLE, Row, Third};
use crate::transport::Transport;
use crate::{broadcast, echo, idle};

/// All of them.
pub const ROWS: &[Row] = &[
    Row {
        name: "sio-64x1",
        what: "socket.io on websockets: echo, 64 connections, 1 in flight, 64 B",
        wanted: "<= 0.4 node, 1.15 ours on websockets",
        mode: echo::run,
        set: |options| options.transport = Transport::SocketIo,
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "sio-64x16",
        what: "socket.io on websockets: echo, 64 connections, 16 in flight, 64 B",
        wanted: "<= 0.4 node, 1.15 ours on websockets",
        mode: echo::run,
        set: |options| {
            options.transport = Transport::SocketIo;
            options.in_flight = Some(16);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "sio-cast",
        what: "socket.io on websockets: one broadcast at a time to 500 sparks, 128 B",
        wanted: "<= 0.4 node, 1.15 ours on websockets",
        mode: broadcast::run,
        set: |options| {
            options.transport = Transport::SocketIo;
            options.connections = Some(500);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "sio-idle",
        what: "socket.io on websockets: 1,000 idle sessions",
        wanted: "<= 0.7 node; no wake-ups",
        mode: idle::run,
        set: |options| {
            options.transport = Transport::SocketIo;
            options.connections = Some(1000);
        },
        metrics: IDLE,
        fresh: true,
        third: Third::Nothing,
    },
    Row {
        name: "channel-64x1",
        what: "browserchannel, streams: echo, 64 clients, 1 in flight, 64 B",
        wanted: "<= 0.4 node",
        mode: echo::run,
        set: |options| options.transport = Transport::Channel,
        metrics: ECHO,
        fresh: false,
        third: Third::Nothing,
    },
    Row {
        name: "channel-64x16",
        what: "browserchannel, streams: echo, 64 clients, 16 in flight, 64 B",
        wanted: "<= 0.4 node",
        mode: echo::run,
        set: |options| {
            options.transport = Transport::Channel;
            options.in_flight = Some(16);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Nothing,
    },
    Row {
        name: "channel-cast",
        what: "browserchannel, streams: one broadcast at a time to 500 sparks, 128 B",
        wanted: "<= 0.4 node",
        mode: broadcast::run,
        set: |options| {
            options.transport = Transport::Channel;
            options.connections = Some(500);
        },
        metrics: ECHO,
        fresh: false,
        third: Third::Own,
    },
    Row {
        name: "channel-idle",
        what: "browserchannel, streams: 1,000 idle sessions",
        wanted: "<= 0.7 node; no wake-ups",
        mode: idle::run,
        set: |options| {
            options.transport = Transport::Channel;
            options.connections = Some(1000);
        },
        metrics: IDLE,
        fresh: true,
        third: Third::Nothing,
    },
];
