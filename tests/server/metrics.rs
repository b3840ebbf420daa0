//! Metrics.

use primus::Primus;

use crate::common::*;

#[test]
fn metrics_count_and_never_go_back() {
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    let mut other = server.open();
    wait_for("sparks", 2, || server.primus.connected());
    for _ in 0..10 {
        peer.text("\"12345678\"");
        peer.expect_text();
    }
    server.primus.write("all!").unwrap();
    assert_eq!((peer.expect_text(), other.expect_text()), ("\"all!\"".into(), "\"all!\"".into()));
    wait_for("messages out", 12, || server.primus.metrics().messages_out);
    let metrics = server.primus.metrics();
    assert_eq!((metrics.messages_in, metrics.bytes_in), (10, 100));
    assert_eq!(metrics.bytes_out, 100 + 2 * 6);
    assert_eq!(metrics.broadcasts, 1);
    let counts = metrics.connections["websockets"];
    assert_eq!((counts.now, counts.ever), (2, 2));
    // The peer ends without completing the closing handshake: the spark is
    // gone from the server and its traffic is still counted.
    server.primus.for_each(|spark| spark.end());
    server.wait_empty();
    let ending = server.primus.metrics();
    assert_eq!((ending.messages_in, ending.messages_out), (10, 12));
    drop((peer, other));
    wait_for("connections", 0, || server.primus.metrics().connections["websockets"].now);
    let ended = server.primus.metrics();
    assert_eq!((ended.messages_in, ended.messages_out, ended.bytes_out), (10, 12, 112));
    let text = ended.to_string();
    for line in [
        "# TYPE primus_connections gauge",
        "primus_connections{transformer=\"websockets\"} 0",
        "primus_connections_total{transformer=\"websockets\"} 2",
        "primus_messages_in_total 10",
        "primus_messages_out_total 12",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

/// A rate over a series that begins with its first event misses that event.
#[test]
fn every_family_of_the_metrics_has_its_help_and_samples_from_the_first_moment() {
    for transformer in ["websockets", "engine.io"] {
        let primus = Primus::builder().transformer(transformer).build().unwrap();
        let metrics = primus.metrics();
        assert_eq!(metrics.connections[transformer], Default::default());
        let text = metrics.to_string();
        for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = name.split(' ').next().unwrap();
            let has = |start: &str| text.lines().any(|line| line.starts_with(start));
            assert!(has(&format!("# HELP {name} ")), "{name} in\n{text}");
            assert!(has(&format!("{name} ")) || has(&format!("{name}{{")), "{name} in\n{text}");
        }
        let samples = || text.lines().filter(|line| !line.starts_with('#'));
        assert!(samples().all(|line| line.ends_with(" 0")), "{text}");
        primus.destroy(Default::default());
    }
}
