//! Ids that outlive connections.

use std::sync::mpsc::channel;
use std::time::Duration;

use primus::plugins::{ClientMirage, Emit, EmitExt, Emitter, EventExt, Mirage, SparkMirage};
use primus::testing::pair;
use primus::{Client, Destroy, Error, Primus};

use crate::common::*;

const SOON: Duration = Duration::from_secs(20);

fn is_an_id(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[test]
fn a_client_without_an_id_gets_one_first_of_all_and_one_that_has_keeps_it() {
    for emitter in [false, true] {
        let builder = match emitter {
            false => Primus::builder().plugin(Emit),
            true => Primus::builder().plugin(Emitter),
        };
        let server = Server::start(builder.plugin(Mirage::new()));
        server.primus.on_connection(|spark| spark.write(&spark.mirage()));
        let mut peer = server.open();
        let event = peer.expect_text();
        let (before, after) = match emitter {
            false => (r#"{"emit":["mirage",""#, r#""]}"#),
            true => (r#"{"type":0,"data":["mirage",""#, r#""]}"#),
        };
        let id = event.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        let id = id.unwrap_or_else(|| panic!("{event}"));
        assert!(is_an_id(id), "{id}");
        assert_eq!(peer.expect_text(), format!("\"{id}\""));
        // As the JavaScript client presents it.
        let mut peer =
            Peer::open_with(server.addr, "/primus?_primuscb=x&_mirage=a%20b%26c%3D%C3%BC", "");
        assert_eq!(peer.expect_text(), r#""a b&c=ü""#);
    }
}

#[test]
fn a_client_presents_what_it_was_given_also_after_a_reconnect() {
    let primus = Primus::builder().plugin(Emit).plugin(Mirage::new()).build().unwrap();
    let (told, tells) = channel();
    let ids = told.clone();
    primus.on_connection(move |spark| ids.send(spark.mirage().map(str::to_owned)));
    let address = primus.listen("127.0.0.1:0").unwrap();
    let build = |mirage: Mirage| {
        let told = told.clone();
        Client::builder(&format!("http://{address}")).plugin(mirage).build_with(move |client| {
            client.on_mirage(move |client, id| {
                assert_eq!(client.mirage().as_deref(), Some(id));
                told.send(Some(format!("given {id}")))
            });
        })
    };
    let client = build(Mirage::new()).unwrap();
    let next = || tells.recv_timeout(SOON).unwrap().unwrap();
    let (mut first, mut second) = (next(), next());
    if first.starts_with("given") {
        std::mem::swap(&mut first, &mut second);
    }
    assert!(is_an_id(&first) && second == format!("given {first}"), "{first} {second}");
    client.end();
    assert!(client.wait_end(SOON));
    client.open().unwrap();
    assert_eq!(next(), first);
    let other = build(Mirage::new().id("kept")).unwrap();
    assert_eq!(next(), "kept");
    assert_eq!(other.mirage().as_deref(), Some("kept"));
    assert!(tells.try_recv().is_err());
    primus.destroy(Destroy::default());
}

/// Whichever of the two brings the id, and in whichever order the plugins are.
#[test]
fn a_client_with_other_plugins_gets_its_id_too() {
    for emitter in [false, true] {
        let builder = match emitter {
            false => Primus::builder().plugin(Emit).plugin(Emitter),
            true => Primus::builder().plugin(Emitter),
        };
        let primus = builder.plugin(Mirage::new()).build().unwrap();
        for before in [false, true] {
            let pair = pair(&primus, |client| match before {
                false => client.plugin(Emit).plugin(Emitter).plugin(Mirage::new()),
                true => client.plugin(Mirage::new()).plugin(Emit).plugin(Emitter),
            });
            let pair = pair.unwrap();
            let (client, spark) = (pair.client(), pair.spark().unwrap());
            let given =
                || client.mirage().is_some() && client.mirage().as_deref() == spark.mirage();
            wait_until("the id is there", given);
        }
        primus.destroy(Destroy::default());
    }
}

#[test]
fn ids_are_made_judged_and_refused_before_the_application_knows_of_the_client() {
    let mirage = Mirage::new().generator(|_| Ok::<_, Error>("made".to_owned())).validator(
        |_, id| match id {
            "old" => Ok(Some("new".to_owned())),
            "bad" => Err("no such id"),
            _ => Ok(None),
        },
    );
    let server = Server::start(Primus::builder().plugin(Emit).plugin(mirage));
    server.primus.on_connection(|spark| spark.write(&spark.mirage()));
    for (presented, expected) in [
        ("", vec![r#"{"emit":["mirage","made"]}"#, r#""made""#]),
        ("?_mirage=", vec![r#"{"emit":["mirage","made"]}"#, r#""made""#]),
        ("?_mirage=old", vec![r#"{"emit":["mirage","new"]}"#, r#""new""#]),
        ("?_mirage=good", vec![r#""good""#]),
    ] {
        let mut peer = Peer::open_with(server.addr, &format!("/primus{presented}"), "");
        for text in expected {
            assert_eq!(peer.expect_text(), text, "{presented}");
        }
    }
    let client = Client::builder(&format!("http://{}?_mirage=bad", server.addr)).strategy("");
    let (tell, told) = channel();
    server.primus.on_log(move |_, text| tell.send(text.to_owned()));
    let Err(Error::Ended(reason)) = client.connect().unwrap().recv_timeout(SOON) else {
        panic!("it is let in")
    };
    assert_eq!(reason.code, 1011);
    assert!(told.recv_timeout(SOON).unwrap().contains("no such id"));
}

#[test]
fn an_id_that_takes_too_long_refuses_the_client() {
    let mirage = Mirage::new().timeout(Duration::ZERO);
    let server = Server::start(Primus::builder().plugin(Emit).plugin(mirage));
    server.primus.on_connection(|_| -> () { panic!("it is let in") });
    let (tell, told) = channel();
    server.primus.on_log(move |_, text| tell.send(text.to_owned()));
    for (query, doing) in [("", "generate"), ("?_mirage=x", "validate")] {
        let client = Client::builder(&format!("http://{}{query}", server.addr)).strategy("");
        let Err(Error::Ended(reason)) = client.connect().unwrap().recv_timeout(SOON) else {
            panic!("it is let in")
        };
        assert_eq!(reason.code, 1011);
        let text = told.recv_timeout(SOON).unwrap();
        assert!(text.contains(&format!("Failed to {doing} id in a timely manner")), "{text}");
    }
}

#[test]
fn it_needs_a_plugin_that_carries_the_id() {
    let built = Primus::builder().plugin(Mirage::new()).plugin(Emit).build();
    assert!(matches!(built, Err(Error::Listener(_))));
}

/// The event of this name that brings no id, and what the application sends under it.
#[test]
fn what_is_no_id_changes_nothing() {
    let primus = Primus::builder().plugin(Emit).plugin(Mirage::new()).build().unwrap();
    let pair = pair(&primus, |client| client.plugin(Mirage::new())).unwrap();
    let (client, spark) = (pair.client(), pair.spark().unwrap());
    for args in
        [primus::Value::Null, 7.into(), "".into(), primus::Value::from_iter([primus::Value::Null])]
    {
        spark.emit("mirage", (args,)).unwrap();
    }
    spark.emit("mirage", ()).unwrap();
    spark.write("then").unwrap();
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("then"));
    assert_eq!(client.mirage().as_deref(), spark.mirage());
    // A client cannot raise it on the server.
    spark.on_event("mirage", |_, _| -> () { panic!("it is raised") });
    client.emit("mirage", "forged").unwrap();
    primus.destroy(Destroy::default());
}
