//! A server with all plugins, for clients that have none: it is one without.

use primus::{Client, Primus};

use crate::common::{CLOSE_MESSAGE, Peer, Server, plugged};

/// Messages that are nobody's, those that look as if they were among them.
const MESSAGES: [&str; 24] = [
    "null",
    "0",
    "-1.5",
    "true",
    r#""""#,
    r#""text""#,
    r#""primus::unknown::x""#,
    "[]",
    "[0]",
    "[1,2,3]",
    r#"[3,"a","news"]"#,
    r#"["0","a","news",1]"#,
    "{}",
    r#"{"a":[1,{"b":null}]}"#,
    r#"{"emit":"text"}"#,
    r#"{"type":0}"#,
    r#"{"type":2,"data":["x"]}"#,
    r#"{"type":0,"data":["x"],"id":"text"}"#,
    r#"{"data":["x"]}"#,
    r#"{"substream":"nobody","args":1}"#,
    r#"{"substream":"__proto__","args":"substream::end"}"#,
    r#"{"plugin":"other","requestId":"x"}"#,
    r#"{"_latency":"text"}"#,
    r#"{"mirage":"x","joinroom":"y"}"#,
];

/// All that a client sees that says these, one after the other, and then closes.
fn seen(server: &Server, target: &str) -> Vec<String> {
    let mut peer = Peer::connect(server.addr);
    peer.send(&crate::common::upgrade(target, ""));
    let head = peer.read_head();
    let mut seen: Vec<String> = head.lines().map(str::to_owned).collect();
    for text in MESSAGES {
        peer.text(text);
        seen.push(peer.expect_text());
    }
    // Its id, whose letters differ, and an end by the server.
    peer.text(r#""primus::id::""#);
    let id = peer.expect_text();
    seen.push(format!("{} {}", &id[..13], id.len()));
    server.spark().end();
    assert_eq!(peer.expect_text(), CLOSE_MESSAGE);
    seen.extend(peer.expect_ended(None).iter().map(|frame| format!("{frame:?}")));
    server.wait_empty();
    seen
}

#[test]
fn clients_without_plugins_see_the_same_as_of_a_server_without_plugins() {
    let bare = Server::echo(Primus::builder());
    let full = Server::echo(plugged::with_all(Primus::builder()));
    let target = "/primus?_mirage=known";
    let expected = seen(&bare, target);
    assert!(MESSAGES.iter().all(|text| expected.iter().any(|seen| seen == text)));
    assert_eq!(seen(&full, target), expected);
}

/// `mirage` alone has something to say to everybody who comes without an id.
#[test]
fn a_client_without_an_id_sees_one_message_more() {
    let full = Server::echo(plugged::with_all(Primus::builder()));
    let mut peer = full.open();
    let id = peer.expect_text();
    assert!(id.starts_with(r#"{"emit":["mirage",""#), "{id}");
    for text in MESSAGES {
        peer.text(text);
        assert_eq!(peer.expect_text(), text);
    }
}

#[test]
fn a_client_of_this_crate_without_plugins_sees_the_same_too() {
    for transformer in ["websockets", "engine.io", "sockjs"] {
        let builder = || Primus::builder().transformer(transformer);
        let bare = Server::echo(builder());
        let full = Server::echo(plugged::with_all(builder()));
        let all = [&bare, &full].map(|server| {
            let url = format!("http://{}?_mirage=known", server.addr);
            let client = Client::builder(&url).transformer(transformer).connect().unwrap();
            let seen = MESSAGES.map(|text| {
                client.write_frame(&primus::Frame::text(text)).unwrap();
                client.recv().unwrap().frame().as_text().map(str::to_owned)
            });
            client.end();
            seen
        });
        assert_eq!(all[0], all[1], "{transformer}");
        assert_eq!(all[1][0].as_deref(), Some("null"));
    }
}
