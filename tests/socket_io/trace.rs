//! The recordings of a real server: `tests/vectors/socket.io-0.9`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::*;

/// Reads a recording.
pub fn read(name: &str) -> Vec<Event> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/socket.io-0.9");
    let text = fs::read_to_string(root.join(name).with_extension("json")).expect(name);
    let events: Vec<Value> = serde_json::from_str(&text).expect(name);
    events.iter().map(Event::of).collect()
}

/// Something that was recorded.
pub struct Event {
    pub ms: u64,
    pub connection: u64,
    pub what: What,
}

#[derive(Clone)]
pub enum What {
    Request(String),
    Frames(Vec<WireFrame>),
    Left,
    Answer { head: Option<String>, body: String, frames: Vec<WireFrame> },
    Ended,
    Note(String),
}

impl Event {
    fn of(event: &Value) -> Event {
        let number = |name: &str| event[name].as_u64().unwrap();
        let text = event["utf8"].as_str().map_or_else(|| decoded(event), str::to_owned);
        let frames = event["ws_frames"].as_array();
        let frames: Vec<_> = frames.into_iter().flatten().map(frame).collect();
        let left = event["tcp"] == "fin";
        let what = match event["dir"].as_str().unwrap() {
            "note" => What::Note(event["note"].as_str().unwrap().to_owned()),
            "c2s" if left => What::Left,
            "c2s" if frames.is_empty() => What::Request(text),
            "c2s" => What::Frames(frames),
            _ if left => What::Ended,
            // A pong, which Socket.IO gets wrong.
            _ if event["base64"] == "wooA" => {
                answer(None, vec![WireFrame { head: FIN | PONG, payload: b"x".to_vec() }])
            }
            // It was not looked into behind that.
            _ if event["base64"] == "gQMwOjo=" => {
                answer(None, vec![WireFrame { head: FIN | TEXT, payload: b"0::".to_vec() }])
            }
            _ => answer(Some(text), frames),
        };
        Event { ms: number("t_ms"), connection: number("conn"), what }
    }
}

fn answer(text: Option<String>, frames: Vec<WireFrame>) -> What {
    let text = text.unwrap_or_default();
    let split = text.starts_with("HTTP/").then(|| text.split_once("\r\n\r\n").unwrap());
    let head = split.map(|(head, _)| head.to_owned());
    let rest = split.map_or(&*text, |(_, rest)| rest);
    let upgraded = text.starts_with("HTTP/1.1 101");
    let chunked = head.is_none() || text.contains("Transfer-Encoding: chunked");
    let body = match (upgraded || !frames.is_empty(), chunked) {
        (true, _) => String::new(),
        (false, true) => dechunked(rest),
        (false, false) => rest.to_owned(),
    };
    What::Answer { head, body, frames }
}

/// What is in chunks.
fn dechunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, behind)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        body += &behind[..size];
        rest = &behind[size + 2..];
    }
    body
}

/// Bytes that are text but for what is of no matter.
fn decoded(event: &Value) -> String {
    let digits = event["base64"].as_str().unwrap_or_default();
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
    String::from_utf8_lossy(&bytes).into_owned()
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
