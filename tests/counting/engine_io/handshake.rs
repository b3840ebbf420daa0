//! Handshakes that are refused late.

use primus::{Builder, Primus};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![the_id_of_a_spark_may_differ_from_its_sessions,];

const POLLING: &str = "EIO=4&transport=polling";

/// A generator of ids is the application's; sessions are found all the same.
fn the_id_of_a_spark_may_differ_from_its_sessions() {
    let builder: Builder = Primus::builder().id_generator(|_| "mine".into());
    let server = echo(builder);
    let mut client = Client::open(server.addr);
    assert_eq!(server.spark().id(), "mine");
    client.say("4\"primus::id::\"");
    assert_eq!(client.poll(), ["4\"primus::id::mine\""]);
    // A second spark of that name cannot be.
    let baseline = descriptors();
    assert_eq!(ask(server.addr, get(POLLING)).status, 503);
    assert!(descriptors() <= baseline + 1);
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
}
