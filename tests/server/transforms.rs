//! Transforms of messages, both ways.

use crossbeam_channel::unbounded;
use primus::{Primus, Value};

use crate::common::*;

#[test]
fn transforms_change_drop_and_fail_messages_in_order() {
    let server = Server::echo(Primus::builder());
    let (failed, failures) = unbounded();
    server.primus.on_connection(move |spark| {
        let failed = failed.clone();
        spark.on_error(move |_, error| tell(&failed, error.to_string()));
        spark.on_data(|spark, message| drop(spark.write(message.value())));
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    server.primus.transform_incoming(move |_, value| match &text(&value)[..] {
        "drop" => Ok(None),
        "fail" => Err("refused".into()),
        "panic" => panic!("in a transform"),
        other => Ok(Some(Value::from(format!("{other}1")))),
    });
    let second = server
        .primus
        .transform_incoming(move |_, value| Ok(Some(Value::from(format!("{}2", text(&value))))));
    server.primus.transform_outgoing(move |_, value| match &text(&value)[..] {
        "quiet12" => Ok(None),
        "loud12" => Err("too loud".into()),
        _ => Ok(Some(value)),
    });
    let mut peer = server.open();
    // The echo writes the frame as it came; the second listener the value.
    for (sent, answered) in
        [("a", Some("a12")), ("drop", None), ("fail", None), ("quiet", None), ("loud", None)]
    {
        peer.text(&format!("\"{sent}\""));
        if let Some(answered) = answered {
            assert_eq!(peer.expect_text(), format!("\"{sent}\""));
            assert_eq!(peer.expect_text(), format!("\"{answered}\""));
        } else if ["quiet", "loud"].contains(&sent) {
            assert_eq!(peer.expect_text(), format!("\"{sent}\""));
        }
    }
    assert!(server.primus.off(second));
    peer.text("\"b\"");
    assert_eq!(peer.expect_text(), "\"b\"");
    assert_eq!(peer.expect_text(), "\"b1\"");
    let failures: Vec<_> = failures.try_iter().collect();
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(failures[0].contains("refused") && failures[1].contains("too loud"), "{failures:?}");
    // Broadcasts pass the outgoing transforms as well.
    server.primus.write("loud12").unwrap();
    server.primus.write("all").unwrap();
    assert_eq!(peer.expect_text(), "\"all\"");
    peer.text("\"panic\"");
    peer.expect_ended(Some(1011));
    server.still_serves_any();
}

impl Server {
    fn still_serves_any(&self) {
        self.open().close();
    }
}
