//! Requests, and what answers them.

use std::sync::mpsc::channel;
use std::time::Duration;

use primus::plugins::{Responder, ResponderExt};
use primus::{Destroy, Error, Parser, Value};

use super::{SOON, connect, parsers};

#[test]
fn requests_are_answered_under_every_parser() {
    for parser in parsers() {
        let (primus, client, spark) = connect(Responder, parser, |spark| {
            spark.on_request(|_, request| match request.data().as_str() {
                Some("never") => Ok(()),
                Some("nothing") => request.take().ok_or("taken").map(|r| r.send_empty().unwrap()),
                _ => request.respond(&("got", request.data())).map_err(|_| "not sent"),
            });
            // Another listener comes too late.
            spark.on_request(|_, request| request.respond("again"));
        });
        for data in [Value::Null, false.into(), 0.into(), "".into(), Value::from([Value::from(1)])]
        {
            let answer = client.write_and_wait(&data, SOON).unwrap();
            assert_eq!(answer, Value::from(["got".into(), data]));
        }
        assert_eq!(client.write_and_wait("nothing", SOON).unwrap(), Value::Undefined);
        client.on_request(|_, request| request.respond(&(request.parse::<u8>()? + 1)));
        assert_eq!(spark.write_and_wait(&1, SOON).unwrap(), 2.into());
        let (tell, told) = channel();
        spark
            .write_with(&2, SOON, move |_, answer| {
                let _ = tell.send(answer.unwrap());
            })
            .unwrap();
        assert_eq!(told.recv_timeout(SOON).unwrap(), 3.into());
        primus.destroy(Destroy::default());
    }
}

#[test]
fn a_request_ends_with_its_time_or_its_connection() {
    let (primus, client, spark) = connect(Responder, Parser::JSON, |spark| {
        spark.on_request(|spark, request| {
            if request.data().as_str() == Some("end") {
                spark.end();
            }
        });
    });
    assert!(matches!(
        client.write_and_wait("x", Duration::from_millis(10)),
        Err(Error::Timeout(_))
    ));
    // Nobody listens on the other side.
    assert!(matches!(spark.write_and_wait("x", Duration::from_millis(10)), Err(Error::Timeout(_))));
    assert!(matches!(client.write_and_wait("end", SOON), Err(Error::Closed)));
    primus.destroy(Destroy::default());
}
