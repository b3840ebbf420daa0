//! Listeners that fail, hang, or call back.

use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{Destroy, Primus, Spark};

use crate::client::*;
use crate::common::everything::everything;
use crate::common::*;

#[test]
fn every_call_is_allowed_in_every_listener() {
    for place in ["connection", "data", "end", "error", "drain", "state", "disconnection"] {
        for destroys in [false, true] {
            let server = Server::start(engine(Primus::builder().origins(["*"])));
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
            server.primus.on_connection(move |spark| {
                let run = run.clone();
                match place {
                    "connection" => run(spark),
                    "data" => drop(spark.on_data(move |spark, _| run(spark))),
                    "end" => drop(spark.on_end(move |spark, _| run(spark))),
                    "error" => drop(spark.on_error(move |spark, _| run(spark))),
                    "drain" => {
                        spark.on_drain(run);
                        spark.write("waits").unwrap();
                    }
                    "state" => drop(spark.on_ready_state_change(move |spark, _| run(spark))),
                    _ => {}
                }
            });
            if place == "disconnection" {
                server.primus.on_disconnection(disconnected);
            }
            let (mut poll, mut peer) = (server.connect(), server.connect());
            poll.send(get("EIO=4&transport=polling").as_bytes());
            // Destroyed by its first listener the server may not even answer.
            if place != "connection" {
                let opened = poll.read_response();
                let query = format!("EIO=4&transport=polling&sid={}", sid_of(&opened.body));
                if place == "drain" {
                    wait_until("something waits", || server.spark().buffered() > 0);
                }
                poll.send(get(&query).as_bytes());
                if place != "drain" {
                    let all = ["4not json", "4\"x\"", "1"].join("\x1e");
                    peer.send(&post(&query, "", all.as_bytes()));
                }
            }
            let came = result.recv_timeout(PATIENCE);
            assert!(came.is_ok(), "hangs in {place}, destroys: {destroys}");
        }
    }
}
