//! The recordings of a real server: `tests/vectors/sockjs/raw`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::*;

/// Something that was recorded.
pub struct Event {
    pub ms: u64,
    pub connection: u64,
    pub what: What,
}

pub enum What {
    /// The client sent something that is no WebSocket frame.
    Request(String),
    /// The client sent frames.
    Frames(Vec<WireFrame>),
    /// The client ended the connection.
    Left,
    /// The server answered, at least in part.
    Answer(Answer),
    /// The server ended the connection.
    Ended,
    /// What the application saw.
    Note(String),
}

/// What the server sent at a time.
#[derive(Debug)]
pub struct Answer {
    /// Its head begins here.
    pub head: Option<String>,
    /// What it has of the body, which may come in chunks.
    pub body: String,
    /// The body ends here.
    pub whole: bool,
    pub frames: Vec<WireFrame>,
}

/// Reads a recording.
pub fn read(name: &str) -> Vec<Event> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sockjs/raw");
    let text = fs::read_to_string(root.join(name).with_extension("json")).expect(name);
    let events: Vec<Value> = serde_json::from_str(&text).expect(name);
    let mut open = Vec::new();
    events.iter().map(|event| Event::of(event, &mut open)).collect()
}

impl Event {
    /// `open`: the connections whose answer goes on, in chunks.
    fn of(event: &Value, open: &mut Vec<u64>) -> Event {
        let number = |name: &str| event[name].as_u64().unwrap();
        let connection = number("conn");
        let text = event["utf8"].as_str().unwrap_or_default().to_owned();
        let frames = event["ws_frames"].as_array();
        let frames: Vec<_> = frames.into_iter().flatten().map(frame).collect();
        let left = event["tcp"] == "fin";
        let what = match event["dir"].as_str().unwrap() {
            "note" => What::Note(event["note"].as_str().unwrap().to_owned()),
            "c2s" if left => What::Left,
            "c2s" if frames.is_empty() => What::Request(text),
            "c2s" => What::Frames(frames),
            _ if left => What::Ended,
            _ if frames.is_empty() => What::Answer(Answer::of(text, connection, open)),
            _ => What::Answer(Answer { head: None, body: String::new(), whole: false, frames }),
        };
        Event { ms: number("t_ms"), connection, what }
    }
}

impl Answer {
    fn of(text: String, connection: u64, open: &mut Vec<u64>) -> Answer {
        let split = text.starts_with("HTTP/").then(|| text.split_once("\r\n\r\n").unwrap());
        let head = split.map(|(head, _)| head.to_owned());
        let rest = split.map_or(&*text, |(_, rest)| rest);
        if head.as_ref().is_some_and(|head| head.contains("Transfer-Encoding: chunked")) {
            open.push(connection);
        }
        let (body, whole) = match open.contains(&connection) {
            true => dechunked(rest),
            false => (rest.to_owned(), true),
        };
        if whole {
            open.retain(|other| *other != connection);
        }
        Answer { head, body, whole, frames: Vec::new() }
    }
}

/// What is in chunks, and whether the last of them is there.
fn dechunked(mut rest: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((size, behind)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        body += &behind[..size];
        rest = &behind[size + 2..];
    }
    (body, false)
}

fn frame(recorded: &Value) -> WireFrame {
    let number = |name: &str| recorded[name].as_u64().unwrap();
    let text = |name: &str| recorded[name].as_str().unwrap_or_default().as_bytes().to_vec();
    let payload = match recorded["close_code"].as_u64() {
        Some(code) => [&(code as u16).to_be_bytes()[..], &text("close_reason")].concat(),
        None => text("payload"),
    };
    WireFrame { head: FIN | number("opcode") as u8, payload }
}
