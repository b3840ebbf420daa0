//! The recordings of real servers and their clients: `tests/vectors`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::frames::{FIN, WireFrame, parse};

/// Something that was recorded.
pub struct Event {
    /// When, from the beginning.
    pub ms: u64,
    /// Of which connection; 0 for what the application saw.
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
    /// What an application saw.
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

/// Reads a recording: its path below `tests/vectors`, without the extension.
pub fn read(path: &str) -> Vec<Event> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let text = fs::read_to_string(root.join(path).with_extension("json")).expect(path);
    let events: Vec<Value> = serde_json::from_str(&text).expect(path);
    let mut open = Vec::new();
    events.iter().map(|event| Event::of(event, &mut open)).collect()
}

impl Event {
    /// `open`: the connections whose answer goes on, in chunks.
    fn of(event: &Value, open: &mut Vec<u64>) -> Event {
        let number = |name: &str| event[name].as_u64().unwrap();
        let connection = number("conn");
        let (text, frames) = content(event);
        let left = event["tcp"] == "fin";
        let what = match event["dir"].as_str().unwrap() {
            "note" => What::Note(event["note"].as_str().unwrap().to_owned()),
            "c2s" if left => What::Left,
            "c2s" if frames.is_empty() => What::Request(text),
            "c2s" => What::Frames(frames),
            _ if left => What::Ended,
            _ => What::Answer(Answer::of(&text, frames, connection, open)),
        };
        Event { ms: number("t_ms"), connection, what }
    }

    /// Whether it is an answer on this connection.
    pub fn answers(&self, connection: u64) -> bool {
        self.connection == connection && matches!(self.what, What::Answer(_))
    }
}

impl Answer {
    fn of(text: &str, frames: Vec<WireFrame>, connection: u64, open: &mut Vec<u64>) -> Answer {
        let split = text.starts_with("HTTP/").then(|| text.split_once("\r\n\r\n").unwrap());
        let head = split.map(|(head, _)| head.to_owned());
        if !frames.is_empty() {
            return Answer { head, body: String::new(), whole: false, frames };
        }
        let rest = split.map_or(text, |(_, rest)| rest);
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
        Answer { head, body, whole, frames }
    }

    /// It makes a WebSocket of its connection.
    pub fn upgrades(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.starts_with("HTTP/1.1 101 "))
    }
}

/// What was sent as text, and as frames. Bytes that are neither text nor frames are of
/// no matter.
fn content(event: &Value) -> (String, Vec<WireFrame>) {
    let frames = event["ws_frames"].as_array();
    let frames: Vec<_> = frames.into_iter().flatten().map(frame).collect();
    if let Some(text) = event["utf8"].as_str() {
        return (text.to_owned(), frames);
    }
    let bytes = decoded(event["base64"].as_str().unwrap_or_default());
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // Some recordings were not looked into up to the end.
    let one = parse(&bytes).filter(|(.., length)| frames.is_empty() && *length == bytes.len());
    (text, one.map_or(frames, |(frame, ..)| vec![frame]))
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

/// Decodes Base64.
fn decoded(digits: &str) -> Vec<u8> {
    let value = |digit: u8| match digit {
        b'A'..=b'Z' => u32::from(digit - b'A'),
        b'a'..=b'z' => u32::from(digit - b'a') + 26,
        b'0'..=b'9' => u32::from(digit - b'0') + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for four in digits.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four.iter().fold(0, |bits, digit| bits << 6 | value(*digit));
        let bits = bits << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
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
