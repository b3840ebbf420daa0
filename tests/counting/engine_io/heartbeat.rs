//! The heartbeat of engine.io, and what a missed one leaves behind.

use std::time::Duration;

use primus::{Ended, ManualClock};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![a_client_that_does_not_poll_is_pinged_once_and_dropped,];

const SECOND: Duration = Duration::from_secs(1);

const MOMENT: Duration = Duration::from_millis(1);

fn a_client_that_does_not_poll_is_pinged_once_and_dropped() {
    let clock = ManualClock::new();
    let server = quiet(&clock);
    let baseline = Baseline::of(&server);
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    seen(&mut client);
    clock.advance(45 * SECOND - MOMENT);
    assert!(spark.close_reason().is_none());
    clock.advance(MOMENT);
    assert_eq!(ended(&server, &spark), Ended::Heartbeat);
    client.wait_forgotten();
    wait_for("bytes that wait", 0, || server.primus.metrics().backlog_bytes);
    drop(client);
    baseline.wait();
}
