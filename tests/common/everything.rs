//! Re-entrancy: every call that a listener may make.

use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use primus::middleware::{Flow, On};
use primus::{Destroy, Primus, Spark};

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

/// Calls everything in this listener of each spark's, and perhaps destroys the
/// server there. What it returns tells when that is done.
pub fn everything_within(primus: &Primus, listener: &'static str, destroys: bool) -> Receiver<()> {
    let (done, result) = unbounded();
    let run = move |spark: &Spark| {
        everything(spark);
        if destroys {
            let options = Destroy::default().timeout(Duration::from_millis(20));
            assert_eq!(spark.primus().destroy(options).stuck, 0);
        }
        let _ = done.try_send(());
    };
    let disconnected = run.clone();
    primus.on_connection(move |spark| {
        let run = run.clone();
        match listener {
            "connection" => run(spark),
            "data" => drop(spark.on_data(move |spark, _| run(spark))),
            "end" => drop(spark.on_end(move |spark, _| run(spark))),
            "error" => drop(spark.on_error(move |spark, _| run(spark))),
            "heartbeat" => drop(spark.on_heartbeat(move |spark| run(spark))),
            "drain" => {
                spark.on_drain(run);
                spark.write("waits").unwrap();
            }
            "state" => drop(spark.on_ready_state_change(move |spark, _| run(spark))),
            "disconnection" => {}
            other => panic!("no listener {other}"),
        }
    });
    if listener == "disconnection" {
        primus.on_disconnection(disconnected);
    }
    result
}
