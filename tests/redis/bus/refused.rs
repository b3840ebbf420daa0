//! A server whose user in Redis may not hear the bus.

use super::*;

#[test]
fn it_says_that_it_has_not_joined_and_does_all_the_rest() {
    let Some(redis) = Redis::start() else { return };
    let whole = Member::start(&redis);
    let user = ["ACL", "SETUSER", "ann", "on", ">secret", "+@all", "~*", "resetchannels"];
    redis.cli(&user);
    redis.cli(&["ACL", "SETUSER", "ann", "&metroplex:bus:*"]);
    let deaf = Member::begin(&redis.url_as("ann:secret"), |cluster| cluster);
    wait_until("it is registered", || redis.lines(&["SMEMBERS", "metroplex:servers"]).len() == 2);
    wait_for("refused", 1, || deaf.link.metrics().subscriptions_refused);
    assert!(deaf.link.is_connected() && !deaf.cluster.is_joined());
    let status = deaf.cluster.status();
    assert!(!status.joined && status.link.connected, "{status}");
    assert!(status.to_string().contains("primus_cluster_link_subscriptions_refused 1\n"));
    // What is said to it alone comes, and its rooms and connections are known.
    let (mut peer, _) = deaf.come("there", &["news"]);
    wait_until("it is known where it is", || {
        whole.primus().write_spark("there", "to one").is_ok_and(|was_there| was_there)
    });
    assert_eq!(peer.expect_text(), r#""to one""#);
    wait_until("its rooms are known", || {
        whole.primus().room("news").ids().is_ok_and(|ids| ids == ["there"])
    });
    // And once it may hear the bus, it does.
    redis.cli(&["ACL", "SETUSER", "ann", "&metroplex:bus"]);
    wait_until("it joins", || deaf.cluster.is_joined());
    whole.primus().write("to all").unwrap();
    assert_eq!(peer.expect_text(), r#""to all""#);
}
