//! What a real server has said to a real client, said again to ours.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::Path;
use std::thread;

use primus::parsers::NoPeer;
use primus::{Error, Frame, Parser};
use serde_json::Value;

use super::server::{Server, WAYS};
use crate::server::{CLOSE, Peer, SOON, TEXT, frame};

/// The answers of a recording, by the end of the path that was asked for, and what
/// else is in it.
#[derive(Default)]
struct Recording {
    answers: BTreeMap<String, VecDeque<String>>,
    /// The frames on the WebSocket.
    frames: Vec<(u8, Vec<u8>)>,
    /// What the application got.
    data: Vec<Value>,
    /// What the client sent.
    sent: Vec<String>,
}

fn read(way: &str, name: &str) -> Recording {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sockjs");
    let text = fs::read_to_string(root.join(way).join(format!("{name}.json"))).unwrap();
    let mut recording = Recording::default();
    // On each connection: what was asked for, and which answer is arriving.
    let mut asked: BTreeMap<u64, VecDeque<String>> = BTreeMap::new();
    let mut arriving: BTreeMap<u64, String> = BTreeMap::new();
    for event in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
        let conn = event["conn"].as_u64().unwrap();
        let from_client = event["dir"] == "c2s";
        if let Some(data) =
            event["note"].as_str().and_then(|n| n.strip_prefix("client event: data "))
        {
            // What no string of ours can hold is replaced.
            let data = ["\\ud83d", "\\ude00"]
                .iter()
                .fold(data.to_owned(), |data, lone| data.replace(lone, "\\ufffd"));
            recording.data.push(serde_json::from_str(&data).unwrap());
        } else if let Some(frames) = event["ws_frames"].as_array() {
            let frames = frames.iter().map(of_frame);
            if from_client {
                let texts = frames.filter(|(opcode, _)| *opcode == TEXT);
                recording.sent.extend(texts.map(|(_, text)| String::from_utf8(text).unwrap()));
            } else {
                recording.frames.extend(frames);
            }
        } else if let Some(text) = text_of(&event) {
            let text = text.as_str();
            if !from_client {
                if text.starts_with("HTTP/1.1 ") {
                    let end = asked.get_mut(&conn).and_then(VecDeque::pop_front).unwrap();
                    recording.answers.entry(end.clone()).or_default().push_back(String::new());
                    arriving.insert(conn, end);
                }
                let answers = recording.answers.get_mut(&arriving[&conn]).unwrap();
                answers.back_mut().unwrap().push_str(text);
            } else if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let path = head.split([' ', '?']).nth(1).unwrap();
                let end = path.rsplit('/').next().unwrap();
                asked.entry(conn).or_default().push_back(end.to_owned());
                // In one chunk, if there is any.
                recording.sent.extend(body.split("\r\n").nth(1).map(str::to_owned));
            }
        }
    }
    recording
}

/// What went over a connection without frames.
fn text_of(event: &Value) -> Option<String> {
    let text = match event["base64"].as_str() {
        Some(base64) => {
            let ejson = Frame::text(format!("{{\"$binary\":{base64:?}}}"));
            let bytes = Parser::EJSON.decode(&ejson, &NoPeer).unwrap();
            String::from_utf8(bytes.as_bytes().unwrap().to_vec()).unwrap()
        }
        None => event["utf8"].as_str()?.to_owned(),
    };
    Some(text).filter(|text| !text.is_empty())
}

fn of_frame(frame: &Value) -> (u8, Vec<u8>) {
    let opcode = frame["opcode"].as_u64().unwrap().try_into().unwrap();
    let payload = match frame["close_code"].as_u64() {
        Some(code) => {
            let code = u16::try_from(code).unwrap().to_be_bytes();
            [&code[..], frame["close_reason"].as_str().unwrap().as_bytes()].concat()
        }
        None => frame["payload"].as_str().unwrap_or_default().into(),
    };
    (opcode, payload)
}

/// Says what was recorded to whoever asks for it, until nobody has for a while.
fn serve(server: &Server, mut recording: Recording, ends: bool) {
    let mut held: Vec<Peer> = Vec::new();
    while let Some(request) = server.try_next(SOON) {
        if request.is_upgrade() {
            let mut peer = Peer { stream: request.stream, head: request.head };
            let answer = peer.switching();
            peer.send(answer.as_bytes());
            for (opcode, payload) in &recording.frames {
                peer.send(&frame(*opcode, payload));
            }
            held.push(peer);
            continue;
        }
        let end = request.path().rsplit('/').next().unwrap().to_owned();
        let answer = recording.answers.get_mut(&end).and_then(VecDeque::pop_front);
        match answer {
            Some(answer) => request.send(answer),
            // Ours may say more, and in more pieces.
            None if end == "xhr_send" => request.taken(),
            // The real one was no more.
            None if ends => request.cut(),
            None => {}
        }
    }
}

#[test]
fn what_was_recorded_is_understood() {
    for way in WAYS {
        for (name, ends) in [
            ("unicode", false),
            ("connect-echo-id-clientend", false),
            ("buffered-writes-before-open", false),
            ("heartbeat", false),
            ("server-end", true),
            ("server-end-with-data", true),
            ("server-destroy", true),
        ] {
            let mut recording = read(way, name);
            if !ends {
                // It answers the client's.
                recording.frames.retain(|(opcode, _)| *opcode != CLOSE);
            }
            let expected = recording.data.clone();
            let server = Server::new();
            let client = server.client(way).build().unwrap();
            // It ends when there is nobody left to serve.
            thread::spawn(move || serve(&server, recording, ends));
            for value in &expected {
                let message = client.recv_timeout(SOON).unwrap();
                assert_eq!(&message.parse::<Value>().unwrap(), value, "{way} {name}");
            }
            if ends {
                assert!(matches!(client.recv_timeout(SOON), Err(Error::Ended(_))), "{way} {name}");
            } else {
                client.wait_open(SOON).unwrap();
            }
        }
    }
}

/// Ours says it with the same letters, but for those that old browsers needed.
#[test]
fn what_was_recorded_is_said() {
    for way in WAYS {
        let recording = read(way, "unicode");
        let server = Server::new();
        let (client, mut line) = server.open(way);
        let mut count = 0;
        for sent in &recording.sent {
            for message in serde_json::from_str::<Vec<String>>(sent).unwrap() {
                // A lone surrogate has no place in our strings, nor what Primus says.
                if message.contains("\\ud") || message.contains("primus::") {
                    continue;
                }
                client.write(&serde_json::from_str::<Value>(&message).unwrap()).unwrap();
                let ours = match &mut line {
                    super::server::Line::Socket(peer) => peer.read_text(),
                    _ => {
                        let send = server.to("xhr_send");
                        send.taken();
                        send.body
                    }
                };
                let ours: Vec<String> = serde_json::from_str(&ours).unwrap();
                let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
                assert_eq!(ours.len(), 1);
                assert_eq!(value(&ours[0]), value(&message), "{way}");
                count += 1;
            }
        }
        assert!(count >= 5, "{way}: {count}");
    }
}

#[test]
fn a_recorded_refusal() {
    for way in WAYS {
        let recording = read(way, "auth-refused");
        let server = Server::new();
        let client = server.client(way).build().unwrap();
        server.to("info").send(&recording.answers["info"][0]);
        match client.wait_open(SOON).unwrap_err() {
            Error::Refused { status: 401, .. } => {}
            other => panic!("{way}: {other:?}"),
        }
        assert_eq!(recording.frames.iter().filter(|(opcode, _)| *opcode == CLOSE).count(), 0);
    }
}
