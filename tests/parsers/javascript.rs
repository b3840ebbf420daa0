//! Random messages of the real JavaScript parsers, decoded and encoded again: the
//! same bytes. Needs Node.js and npm; `PRIMUS_SKIP_INTEROP=1` goes without.

use std::process::Command;

use primus::{Frame, Parser, Value};

use crate::{PEER, node};

const MESSAGES: &str = "1000";

fn compare(name: &str) {
    let Ok(parser) = name.parse::<Parser>() else { return };
    if node::is_skipped() {
        return;
    }
    let script = node::project("parsers").join("values.js");
    let output = Command::new("node").arg(script).args([name, MESSAGES]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count().to_string(), MESSAGES);
    for line in lines.lines() {
        let packet = Frame::text(format!("{{\"$binary\":\"{line}\"}}"));
        let bytes = Parser::EJSON.decode(&packet, PEER).unwrap().as_bytes().unwrap().to_vec();
        let frame = match name {
            "json" | "ejson" => Frame::text(String::from_utf8(bytes).unwrap()),
            _ => Frame::binary(bytes),
        };
        parser.check(&frame, PEER).unwrap();
        let value: Value = parser.decode(&frame, PEER).unwrap();
        let again = parser.encode(&value, PEER).unwrap().unwrap();
        assert!(again == frame, "{name}: {value:?}\n{again:?}\n{frame:?}");
    }
}

#[test]
fn json() {
    compare("json");
}

#[test]
fn ejson() {
    compare("ejson");
}

#[test]
fn binary() {
    compare("binary");
}

#[test]
fn msgpack() {
    compare("msgpack");
}
