//! Recordings, read: which side sent which request, answer or frame, and when.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::base64;
use crate::frame::Frame;

/// All recordings, by their path below the folder of vectors.
pub(super) fn all() -> BTreeMap<String, Vec<Event>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/engine.io");
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            let name = name.strip_suffix(".json").expect("there are only JSON files").to_owned();
            let json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            found.insert(name, read(json.as_array().unwrap()));
        }
    }
    found
}

/// Something that was observed.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Milliseconds since the recording began.
    pub at: u64,
    /// Which connection, counted from 1.
    pub conn: u64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// A request has begun.
    Request(Request),
    /// The body of this POST has come.
    Body(Request, Vec<u8>),
    /// A frame of the client.
    Frame(Frame),
    /// The client's close frame.
    Close,
    /// The client's end of the connection.
    Fin,
    /// What the server sent.
    Reply(Reply),
    /// What an application saw.
    Note(String),
}

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub method: String,
    pub query: String,
    pub origin: Option<String>,
    pub content_type: Option<String>,
    pub upgrade: bool,
    /// Another layer's business: a preflight request.
    pub preflight: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Reply {
    Http {
        status: u16,
        mime: String,
        body: Vec<u8>,
    },
    Frame(Frame),
    Close,
    /// The connection ended although a request was not answered.
    Cut,
}

/// One direction of one connection.
#[derive(Default)]
struct Side {
    bytes: Vec<u8>,
    /// Frames are read from the recorder's annotations.
    frames: bool,
    /// Complete messages (requests or answers) so far.
    messages: usize,
    /// The request whose body is on the way.
    begun: Option<Request>,
}

fn read(entries: &[Value]) -> Vec<Event> {
    let (mut events, mut sides) = (Vec::new(), BTreeMap::<(u64, bool), Side>::new());
    for entry in entries {
        let number = |name: &str| entry[name].as_u64().unwrap();
        let (at, conn) = (number("t_ms"), number("conn"));
        let mut push = |what| events.push(Event { at, conn, what });
        let client = match entry["dir"].as_str().unwrap() {
            "note" => {
                push(What::Note(entry["note"].as_str().unwrap().to_owned()));
                continue;
            }
            dir => dir == "c2s",
        };
        if entry.get("tcp").is_some() {
            let of = |client| sides.get(&(conn, client)).map_or(0, |side| side.messages);
            match client {
                true => push(What::Fin),
                false if of(false) < of(true) => push(What::Reply(Reply::Cut)),
                false => {}
            }
            continue;
        }
        let side = sides.entry((conn, client)).or_default();
        if !side.frames {
            side.bytes.extend(bytes(entry));
            match client {
                true => requests(side, &mut push),
                false => answers(side, &mut push),
            }
        }
        for frame in entry["ws_frames"].as_array().into_iter().flatten() {
            push(match (frame["opcode"].as_u64().unwrap(), client) {
                (8, true) => What::Close,
                (8, false) => What::Reply(Reply::Close),
                (_, true) => What::Frame(payload(frame)),
                (_, false) => What::Reply(Reply::Frame(payload(frame))),
            });
        }
    }
    events
}

/// The bytes of one read. Long ones have lost their middle, which was always
/// the same letter over and over.
fn bytes(entry: &Value) -> Vec<u8> {
    let part = |part: &Value| match part.get("utf8") {
        Some(text) => text.as_str().unwrap().as_bytes().to_vec(),
        None => base64::decode(part["base64"].as_str().unwrap()).unwrap(),
    };
    if entry.get("truncated").is_none() {
        return part(entry);
    }
    let (mut all, tail) = (part(&entry["head"]), part(&entry["tail"]));
    let fill = *all.last().unwrap();
    all.resize(entry["total_len"].as_u64().unwrap() as usize - tail.len(), fill);
    all.extend(tail);
    all
}

fn payload(frame: &Value) -> Frame {
    let text = |name: &str| frame.get(name).map(|text| text.as_str().unwrap().to_owned());
    if let Some(mut head) = text("payload_head") {
        let fill = head.pop().unwrap().to_string();
        let missing = frame["len"].as_u64().unwrap() as usize - head.len() - 2;
        return Frame::text(head + &fill.repeat(missing) + "\"}");
    }
    match text("payload") {
        Some(payload) => Frame::text(payload),
        None => {
            let payload = text("payload_base64").unwrap();
            Frame::binary(base64::decode(&payload).unwrap())
        }
    }
}

/// A head that has come whole: its lines, and its length.
fn head(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..end]).unwrap();
    Some((text.split("\r\n").map(str::to_owned).collect(), end + 4))
}

fn header<'a>(lines: &'a [String], name: &str) -> Option<&'a str> {
    let headers = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
    headers.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}

fn requests(side: &mut Side, push: &mut dyn FnMut(What)) {
    while let Some((lines, length)) = head(&side.bytes) {
        let own = |name| header(&lines, name).map(str::to_owned);
        let body = own("content-length").map_or(0, |text| text.parse().unwrap());
        let upgrade = own("upgrade").is_some();
        if side.begun.is_none() {
            let mut words = lines[0].split(' ').map(str::to_owned);
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            let request = Request {
                method,
                query: target.split_once('?').unwrap().1.to_owned(),
                origin: own("origin"),
                content_type: own("content-type"),
                preflight: own("access-control-request-method").is_some(),
                upgrade,
            };
            side.begun = Some(request.clone());
            side.messages += 1;
            push(What::Request(request));
        }
        let Some(rest) = side.bytes.get(length..).filter(|rest| rest.len() >= body) else { return };
        let request = side.begun.take().filter(|request| request.method == "POST");
        if let Some(request) = request {
            push(What::Body(request, rest[..body].to_vec()));
        }
        side.bytes.drain(..length + body);
        side.frames = upgrade;
    }
}

fn answers(side: &mut Side, push: &mut dyn FnMut(What)) {
    while let Some((lines, length)) = head(&side.bytes) {
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        let rest = &side.bytes[length..];
        let body = match header(&lines, "content-length") {
            _ if status == 101 => Some((Vec::new(), 0)),
            Some(body) => {
                let body: usize = body.parse().unwrap();
                rest.get(..body).map(|bytes| (bytes.to_vec(), body))
            }
            None => chunked(rest),
        };
        let Some((body, read)) = body else { return };
        let mime = header(&lines, "content-type").unwrap_or_default().to_owned();
        push(What::Reply(Reply::Http { status, mime, body }));
        side.messages += 1;
        side.frames = status == 101;
        side.bytes.drain(..length + read);
        if side.frames {
            return;
        }
    }
}

fn chunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let digits = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + digits]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        at += digits + 2;
        body.extend(bytes.get(at..at + size)?);
        at += size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}
