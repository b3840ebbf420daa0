//! The wire forms of the plugins, held to recorded traffic and to bad input.

mod args;
mod mangled;
mod pending;
mod recorded;

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::frame::Frame;
use crate::parsers::{NoPeer, Parser};
use crate::value::Value;

/// One message of a recording.
#[derive(Debug, Deserialize)]
struct Recorded {
    text: String,
}

/// The messages of one recording, by plugin and scenario.
fn recording(plugin: &str, scenario: &str) -> Vec<Recorded> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/plugins");
    let text = fs::read_to_string(root.join(plugin).join(scenario).with_extension("json"));
    serde_json::from_str(&text.unwrap()).unwrap()
}

/// All messages of all recordings.
fn recordings() -> Vec<Recorded> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/plugins");
    let folders = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    // Recordings of other things than messages have another shape.
    let lists = files.filter_map(|file| {
        serde_json::from_str::<Vec<Recorded>>(&fs::read_to_string(file).unwrap()).ok()
    });
    // Nor is what was asked over HTTP, and answered.
    let is_http = |recorded: &Recorded| recorded.text.contains("HTTP/1.1");
    let all: Vec<Recorded> = lists.flatten().filter(|one| !is_http(one)).collect();
    assert!(all.len() > 150, "{}", all.len());
    all
}

fn json(text: &str) -> Value {
    Parser::JSON.decode(&Frame::text(text), &NoPeer).unwrap()
}

fn text<T: serde::Serialize>(value: &T) -> String {
    let frame = Parser::JSON.encode(value, &NoPeer).unwrap().unwrap();
    frame.as_text().unwrap().to_owned()
}
