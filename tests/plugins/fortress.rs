//! A gate for messages.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use primus::plugins::substream::{OpenSubstream, Substreams};
use primus::plugins::{Emit, Emitter, EventExt, Fortress};
use primus::{Primus, Value};

use crate::common::*;

const SOON: Duration = Duration::from_secs(20);

fn rules() -> Fortress {
    Fortress::new()
        .validate("two", 2, |_, args| match args[0].as_f64() {
            Some(_) => Ok(()),
            None => Err("the first is no number"),
        })
        .validate("some", 0..=1, |_, _| ())
        .validate_as::<(String, u8)>("typed")
        .validate_data(|_, data| if data.is_null() { Err("nothing") } else { Ok(()) })
}

/// A server that tells what passes and what does not.
fn gated(fortress: Fortress, emitter: bool) -> (Server, Receiver<String>) {
    let (tell, told) = channel();
    let invalid = tell.clone();
    let fortress = fortress.on_invalid(move |spark, invalid_message| {
        assert!(!spark.id().is_empty());
        invalid.send(format!(
            "{} with {}: {invalid_message}",
            invalid_message.event,
            invalid_message.args.len()
        ))
    });
    let builder = Primus::builder();
    // In either order.
    let builder = match emitter {
        false => builder.plugin(Emit).plugin(fortress),
        true => builder.plugin(fortress).plugin(Emitter),
    };
    let server = Server::start(builder);
    server.primus.on_connection(move |spark| {
        for name in ["two", "some", "typed", "other", "data"] {
            let tell = tell.clone();
            spark.on_event(name, move |_, event| {
                tell.send(format!("{name} {}", event.args().len()))
            });
        }
        let tell = tell.clone();
        spark.on_data(move |_, message| tell.send(format!("data {}", message.value())));
    });
    (server, told)
}

#[test]
fn only_what_passes_is_raised_and_the_rest_is_told() {
    let cases = [
        (r#"["two",1,2]"#, "two 2"),
        (r#"["two","x",2]"#, "two with 2: the first is no number"),
        (r#"["two",1]"#, "two with 1: Missing arguments for two"),
        (r#"["two",1,2,3]"#, "two with 3: Missing arguments for two"),
        (r#"["some"]"#, "some 0"),
        (r#"["some",null]"#, "some 1"),
        (r#"["typed","x",7]"#, "typed 2"),
        (r#"["other",1]"#, "other with 1: Missing validator for other"),
        (r#"["data",1]"#, "data with 1: data is a reserved event"),
        (r#"["end"]"#, "end with 0: end is a reserved event"),
        (r#"["__proto__"]"#, "__proto__ with 0: Missing validator for __proto__"),
    ];
    for emitter in [false, true] {
        let (server, told) = gated(rules(), emitter);
        let mut peer = server.open();
        let next = || told.recv_timeout(SOON).unwrap();
        for (list, expected) in cases {
            peer.text(&match emitter {
                false => format!(r#"{{"emit":{list}}}"#),
                true => format!(r#"{{"type":0,"data":{list},"id":1}}"#),
            });
            assert_eq!(next(), expected, "{list}");
        }
        // The texts of serde are its own.
        peer.text(match emitter {
            false => r#"{"emit":["typed","x",700]}"#,
            true => r#"{"type":0,"data":["typed","x",700]}"#,
        });
        assert!(next().starts_with("typed with 2: "));
        // Neither an event nor data; both raise nothing.
        peer.text(match emitter {
            false => r#"{"emit":[]}"#,
            true => r#"{"type":1,"data":[],"id":9}"#,
        });
        for (text, expected) in [
            ("null", "data with 1: nothing"),
            (r#"{"emit":1}"#, r#"data {"emit":1}"#),
            ("[1]", "data [1]"),
        ] {
            peer.text(text);
            assert_eq!(next(), expected, "{text}");
        }
    }
}

#[test]
fn what_is_inside_of_a_stream_is_checked_as_what_is_not() {
    let (tell, told) = channel();
    let invalid = tell.clone();
    let fortress = rules().on_invalid(move |_, wrong| invalid.send(format!("wrong: {wrong}")));
    // In either order.
    for builder in [
        Primus::builder().plugin(fortress.clone()).plugin(Substreams::new()),
        Primus::builder().plugin(Substreams::new()).plugin(fortress),
    ] {
        let server = Server::start(builder.plugin(Emit));
        let tell = tell.clone();
        server.primus.on_connection(move |spark| -> primus::Result<()> {
            let stream = spark.substream("s")?;
            let event = tell.clone();
            stream.on_event("two", move |_, args| event.send(format!("two {}", args.len())));
            let data = tell.clone();
            stream.on_data(move |_, message| data.send(format!("data {message}")));
            Ok(())
        });
        let mut peer = server.open();
        for (inside, expected) in [
            (r#"{"emit":["two",1,2]}"#, "two 2"),
            (r#"{"emit":["two",1]}"#, "wrong: Missing arguments for two"),
            (r#"{"emit":["other"]}"#, "wrong: Missing validator for other"),
            ("[1]", "data [1]"),
            ("null", "wrong: nothing"),
        ] {
            peer.text(&format!(r#"{{"substream":"s","args":{inside}}}"#));
            assert_eq!(told.recv_timeout(SOON).unwrap(), expected, "{inside}");
        }
    }
}

#[test]
fn one_without_rules_lets_nothing_pass_and_one_that_is_taken_out_everything() {
    let (server, told) = gated(Fortress::new(), false);
    let mut peer = server.open();
    let next = || told.recv_timeout(SOON).unwrap();
    peer.text("1");
    assert_eq!(next(), "data with 1: Missing validator for data");
    assert!(server.primus.plugout("fortress"));
    peer.text("2");
    assert_eq!(next(), format!("data {}", Value::from(2)));
}

#[test]
fn a_validator_that_panics_ends_its_spark_alone() {
    let fortress = Fortress::new().validate_data(|_, data| {
        assert!(data.as_str() != Some("bang"), "in a test");
    });
    let (server, told) = gated(fortress, false);
    let (mut one, mut other) = (server.open(), server.open());
    one.text(r#""bang""#);
    one.expect_close(Some(1011));
    other.text("1");
    assert_eq!(told.recv_timeout(SOON).unwrap(), "data 1");
}
