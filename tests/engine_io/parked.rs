//! Connections that wait for their clients without a thread: held polls, and those
//! that are kept for requests that may come.

use std::time::{Duration, Instant};

use crate::client::*;
use crate::common::*;

#[test]
fn a_kept_connection_is_closed_in_time_though_no_thread_waits_with_it() {
    let server = echo(limited(|limits| limits.keep_alive = Duration::from_secs(1)));
    let mut kept = server.connect();
    assert_eq!(kept.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 404);
    let since = Instant::now();
    kept.expect_end();
    assert!(since.elapsed() >= Duration::from_secs(1));
    let mut client = Client::open_with(server.addr, 4, "");
    client.say("4\"x\"");
    client.post.expect_end();
    client.post = server.connect();
    client.close();
}
