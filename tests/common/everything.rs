//! Re-entrancy: every call that a listener may make.

use std::time::Duration;

use primus::Spark;
use primus::middleware::{Flow, On};

/// Calls everything that there is.
pub fn everything(spark: &Spark) {
    let primus = spark.primus();
    let _ = (spark.id(), spark.latency(), spark.buffered(), spark.ready_state());
    let _ = (spark.headers().count(), spark.query().count(), spark.address(), spark.close_reason());
    let _ = spark.write("from within");
    let _ = primus.write("to all");
    let _ = spark.write("behind it");
    spark.flush();
    spark.wait_drain(Duration::ZERO);
    let ids = [spark.on_data(|_, _| ()), spark.on_end(|_, _| ()), spark.once_drain(|_| ())];
    ids.into_iter().for_each(|id| assert!(spark.off(id) || spark.buffered() == 0));
    drop(spark.messages());
    primus.for_each(|other| drop(other.write("each")));
    let _ = (primus.spark(spark.id()), primus.connected(), primus.metrics(), primus.spec());
    let id = primus.on_connection(|_| ());
    assert!(primus.off(id));
    primus.middleware().use_layer("own", On::Both, |_| Ok(Flow::Next));
    primus.middleware().remove("own");
    primus.on_request(|_, _| tiny_http::Response::from_string("").boxed());
    primus.authorize(|_| Ok(()));
    let _ = primus.listen("127.0.0.1:0");
    spark.end();
    spark.end();
    let _ = spark.write("late");
}
