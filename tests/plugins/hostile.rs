//! Recorded messages with each of their parts replaced by something else, to a server and
//! to a client that have all plugins: nothing panics, ends, or reaches what only one's own
//! side raises. What each plugin makes of them is in its own tests, and in those of the
//! wire forms.

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use primus::plugins::mirage::Mirage;
use primus::plugins::multiplex::{Multiplex, OpenChannel, PrimusChannels};
use primus::plugins::resource::{ClientResources, Resources};
use primus::plugins::responder::Request;
use primus::plugins::substream::{OpenSubstream, Substreams};
use primus::plugins::{Emit, Emitter, EventExt, Responder, ResponderExt};
use primus::{Channel, Client, Frame, Primus};
use serde_json::{Value as Json, json};

use crate::common::{FIN, PATIENCE, PING, PONG, Peer, Server, plugged};

/// What takes the place of a part.
fn substitutes() -> Vec<Json> {
    let names = ["", "text", "__proto__", "constructor", "data", "end", "news", "foo"];
    let names = names.into_iter().map(Json::from);
    let others = [
        json!(null),
        json!(false),
        json!(0),
        json!(1),
        json!(2),
        json!(-1.5),
        json!(1e300),
        json!("substream::end"),
        json!([]),
        json!({}),
        json!([0, "id", "news", null]),
        json!({ "emit": ["data"], "type": 0, "data": ["end"], "substream": "foo", "id": 1 }),
    ];
    names.chain(others).collect()
}

/// The value with each of its parts replaced by each substitute, and left out.
fn mangle(value: &Json, substitutes: &[Json], out: &mut Vec<Json>) {
    out.extend(substitutes.iter().cloned());
    let mut inside = |part: &Json, with: &dyn Fn(Option<Json>) -> Json| {
        out.push(with(None));
        let mut parts = Vec::new();
        mangle(part, substitutes, &mut parts);
        out.extend(parts.into_iter().map(|part| with(Some(part))));
    };
    match value {
        Json::Array(list) => {
            for (at, part) in list.iter().enumerate() {
                inside(part, &|part| {
                    let mut list = list.clone();
                    list.splice(at..=at, part);
                    Json::Array(list)
                });
            }
        }
        Json::Object(entries) => {
            for (name, part) in entries {
                inside(part, &|part| {
                    let mut entries = entries.clone();
                    entries.remove(name);
                    entries.extend(part.map(|part| (name.clone(), part)));
                    Json::Object(entries)
                });
            }
        }
        _ => {}
    }
}

/// All that was recorded, mangled, and some that is large.
fn texts() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/plugins");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let frames = files.filter_map(|file| {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        serde_json::from_str::<Vec<serde_json::Map<String, Json>>>(&text).ok()
    });
    let recorded = frames
        .flatten()
        .filter_map(|frame| serde_json::from_str::<Json>(frame.get("text")?.as_str()?).ok());
    let (substitutes, mut all) = (substitutes(), Vec::new());
    recorded.for_each(|message| mangle(&message, &substitutes, &mut all));
    let long = "n".repeat(64 << 10);
    let deep = (0..100).fold(json!(0), |inside, _| json!([inside]));
    let fields = ["emit", "data", "substream", "plugin", "requestId", "responseId", "args"];
    for large in [json!(long), deep] {
        all.extend(fields.map(|field| json!({ field: large })));
        all.extend([0, 1, 2].map(|kind| json!([kind, large, "news", 1])));
        all.extend([0, 1, 2].map(|kind| json!([kind, "id", large])));
        all.push(json!({ "emit": [large] }));
        all.push(json!({ "type": 0, "data": [large, large], "id": 1 }));
    }
    let mut texts: Vec<String> = all.iter().map(Json::to_string).collect();
    // Primus's own are no business of plugins.
    texts.retain(|text| !text.starts_with(r#""primus::"#));
    texts.sort_unstable();
    texts.dedup();
    assert!(texts.len() > 5_000, "{}", texts.len());
    texts
}

/// Names that only a side itself raises.
const OWN: [&str; 16] = [
    "data",
    "end",
    "error",
    "heartbeat",
    "readyStateChange",
    "mirage",
    "invalid",
    "joinroom",
    "leaveroom",
    "leaveallrooms",
    "roomserror",
    "subscribe",
    "unsubscribe",
    "__proto__",
    "constructor",
    "toString",
];

/// Reads all that is there, up to the answer to a question behind it.
fn settle(peer: &mut Peer) {
    peer.text(r#""primus::id::""#);
    loop {
        match peer.expect_frame() {
            frame if frame.head == FIN | PING => peer.frame(FIN | PONG, &frame.payload),
            frame if frame.text().starts_with(r#""primus::id::"#) => return,
            _ => {}
        }
    }
}

#[test]
fn mangled_messages_do_a_server_no_harm() {
    let server = Server::start(plugged::with_all(Primus::builder()));
    plugged::offer_all(&server.primus);
    let (tell, raised) = channel();
    server.primus.on_connection(move |spark| {
        for name in OWN {
            let tell = tell.clone();
            spark.on_event(name, move |_, _| tell.send(name));
        }
    });
    let mut other = Peer::open_with(server.addr, "/primus?_mirage=other", "");
    let mut peer = Peer::open_with(server.addr, "/primus?_mirage=hostile", "");
    settle(&mut peer);
    for texts in texts().chunks(50) {
        texts.iter().for_each(|text| peer.text(text));
        settle(&mut peer);
    }
    // It is the same connection, and the other one has heard nothing of it.
    assert_eq!(server.primus.connected(), 2);
    assert_eq!(server.primus.metrics().panics_caught, 0);
    assert!(raised.try_recv().is_err());
    peer.text(r#"{"emit":["there","still"]}"#);
    assert_eq!(peer.expect_text(), r#"{"emit":["back","still"]}"#);
    other.text(r#"{"emit":["there","undisturbed"]}"#);
    assert_eq!(other.expect_text(), r#"{"emit":["back","undisturbed"]}"#);
    // What it has opened goes with it.
    let news = server.primus.channel("news").unwrap();
    assert!(news.connected() <= 1_000);
    peer.close();
    crate::common::wait_for("subscriptions", 0, || news.connected());
}

#[test]
fn mangled_messages_do_a_client_no_harm() {
    let server = Server::start(Primus::builder());
    let (tell, told) = channel();
    server.primus.on_connection(move |spark| {
        // It has to be read, whatever it says.
        spark.on_data(|_, _| {});
        tell.send(spark.clone())
    });
    let (raise, raised) = channel();
    let builder = Client::builder(&format!("http://{}", server.addr)).strategy("");
    let builder = builder.plugin(Emit).plugin(Emitter).plugin(Mirage::new()).plugin(Responder);
    let builder = builder.plugin(Substreams::new()).plugin(Multiplex::new());
    let client = builder.plugin(Resources::new()).connect_with(move |client| {
        for name in OWN.into_iter().chain(["open", "close", "reconnect"]) {
            // This one is the server's, which has no such plugins.
            if client.is_reserved(name) || name.starts_with("__") {
                let raise = raise.clone();
                client.on_event(name, move |_, _| raise.send(name));
            }
        }
        client.on_data(|_, _| {});
        client.on_request(|_, request: &Request<'_>| request.respond(request.data()));
        client.on_event("hello", |_, event| event.ack(event.args()));
    });
    let client = client.unwrap();
    let _open = ["foo", "x"].map(|name| client.substream(name).unwrap());
    let _channels = ["news", "x"].map(|name| client.channel(name).unwrap());
    let _resource = client.resource("creature").unwrap();
    let _flat = client.flat_resource("creature").unwrap();
    let (panic, panics) = channel();
    client.on_error(move |_, error| {
        if matches!(error, primus::Error::Panicked(_)) {
            drop(panic.send(error.to_string()));
        }
    });
    let spark = told.recv_timeout(PATIENCE).unwrap();
    for texts in texts().chunks(50) {
        for text in texts {
            spark.write_frame(&Frame::text(text.clone())).unwrap();
        }
        assert!(spark.wait_drain(PATIENCE));
    }
    let (tell, answered) = channel();
    client.request_id(move |_| tell.send(()).unwrap_or_default()).unwrap();
    answered.recv_timeout(PATIENCE).unwrap();
    assert!(client.is_open() && spark.is_open());
    assert!(raised.try_recv().is_err() && panics.try_recv().is_err());
    let text = r#"{"type":0,"data":["hello",7],"id":9}"#;
    let (tell, acked) = channel();
    spark.on_data(move |_, message| tell.send(message.frame().as_text().map(str::to_owned)));
    spark.write_frame(&Frame::text(text)).unwrap();
    let ack = std::iter::from_fn(|| acked.recv_timeout(Duration::from_secs(20)).ok().flatten())
        .find(|text| text.contains(r#""id":9"#));
    assert_eq!(ack.as_deref(), Some(r#"{"id":9,"type":1,"data":[7]}"#));
}
