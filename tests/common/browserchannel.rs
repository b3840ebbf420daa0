//! A browserchannel client of which the test says every request.

use std::net::SocketAddr;

use primus::Builder;
use serde_json::Value;

pub use super::requests::{ask, post};
use super::*;

/// These options with browserchannel as the transformer.
pub fn browserchannel(builder: Builder) -> Builder {
    builder.transformer("browserchannel")
}

/// A server that echoes every message.
pub fn echo(builder: Builder) -> Server {
    Server::echo(browserchannel(builder))
}

/// What a request for a session that is not known is answered with.
pub const UNKNOWN: (u16, &str) = (400, "<html><body><h1>Unknown SID</h1></body></html>");

/// A refusal with this text.
pub fn told(text: &str) -> String {
    format!("<html><body><h1>{text}</h1></body></html>")
}

/// A GET on a connection that stays; `headers` end in CR LF.
pub fn get(target: &str, headers: &str) -> Vec<u8> {
    requests::request("GET", target, headers).into_bytes()
}

/// The body of a request that sends these messages, the first of which is so many in
/// its session.
pub fn maps(first: u64, texts: &[&str]) -> String {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let maps = texts.iter().enumerate().map(|(at, text)| format!("&req{at}__S={}", encoded(text)));
    format!("count={}&ofs={first}{}", texts.len(), maps.collect::<String>())
}

/// Takes the chunks of a back channel apart.
pub fn arrays(mut text: &str) -> Vec<Value> {
    let mut all = Vec::new();
    while !text.is_empty() {
        let (length, rest) = text.split_once('\n').unwrap_or_else(|| panic!("no length: {text:?}"));
        let length: usize = length.parse().unwrap_or_else(|_| panic!("no length: {length:?}"));
        let mut units = 0;
        let end = rest.char_indices().find(|(_, c)| {
            units += c.len_utf16();
            units > length
        });
        let (chunk, rest) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        assert_eq!(chunk.encode_utf16().count(), length, "{chunk:?}");
        let chunk: Vec<Value> =
            serde_json::from_str(chunk).unwrap_or_else(|e| panic!("{e}: {chunk:?}"));
        all.extend(chunk);
        text = rest;
    }
    all
}

/// The data of an array that has a message.
pub fn message(array: &Value) -> &str {
    array[1].as_str().unwrap_or_else(|| panic!("no message: {array}"))
}

/// A client with a session.
pub struct Client {
    pub addr: SocketAddr,
    pub sid: String,
    /// The number of the next request that sends something.
    pub rid: u64,
    /// That of the next message that is sent, and of the last array that came.
    pub ofs: u64,
    pub aid: u64,
    pub posts: Peer,
}

impl Client {
    /// Opens a session.
    pub fn open(addr: SocketAddr) -> Client {
        let mut posts = Peer::connect(addr);
        posts.send(&post("/bind?VER=8&RID=100", "", "count=0"));
        let answer = posts.read_response();
        assert_eq!(answer.status, 200, "{answer:?}");
        let greeting = arrays(&answer.body);
        let [Value::Array(first)] = &greeting[..] else { panic!("{greeting:?}") };
        assert_eq!((&first[0], &first[1][0], &first[1][3]), (&0.into(), &"c".into(), &8.into()));
        let sid = first[1][1].as_str().expect("a session").to_owned();
        Client { addr, sid, rid: 101, ofs: 0, aid: 0, posts }
    }

    /// What comes behind `/bind?` for this session.
    pub fn target(&self, rest: &str) -> String {
        format!("/bind?VER=8&SID={}&{rest}", self.sid)
    }

    /// Sends a body as it is.
    pub fn bring(&mut self, body: impl AsRef<[u8]>) -> Response {
        let target = self.target(&format!("RID={}&AID={}", self.rid, self.aid));
        self.rid += 1;
        self.posts.send(&post(&target, "", body));
        self.posts.read_response()
    }

    /// Sends messages, which must be accepted.
    pub fn say(&mut self, texts: &[&str]) {
        let body = maps(self.ofs, texts);
        self.ofs += texts.len() as u64;
        let answer = self.bring(body);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Asks for a back channel, which stays.
    pub fn wait(&self) -> Back {
        self.wait_with("CI=0&TYPE=xmlhttp")
    }

    /// Asks for a back channel of this kind.
    pub fn wait_with(&self, rest: &str) -> Back {
        let mut peer = Peer::connect(self.addr);
        peer.send(&get(&self.target(&format!("RID=rpc&AID={}&{rest}", self.aid)), ""));
        let head = peer.read_head();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let whole = head.to_ascii_lowercase().contains("content-length");
        let rest =
            if whole { String::from_utf8(peer.read_body(&head)).unwrap() } else { String::new() };
        Back { peer, head, rest, whole }
    }

    /// Sends a message, which must come back by a back channel of its own.
    pub fn round(&mut self, text: &str) {
        self.say(&[text]);
        let mut back = self.wait();
        let array = back.next();
        assert_eq!(message(&array), text);
        self.aid = array[0].as_u64().unwrap();
    }

    /// Ends the session.
    pub fn terminate(&mut self) -> Response {
        let target = self.target(&format!("RID={}&TYPE=terminate", self.rid));
        ask(self.addr, get(&target, ""))
    }

    /// Whether the server knows this session.
    pub fn is_known(&self) -> bool {
        is_known(self.addr, &self.sid)
    }
}

/// Whether the server knows a session.
pub fn is_known(addr: SocketAddr, sid: &str) -> bool {
    let target = format!("/bind?VER=8&SID={sid}&RID=0");
    ask(addr, post(&target, "", "count=0")).status == 200
}

/// A back channel.
pub struct Back {
    pub peer: Peer,
    pub head: String,
    pub rest: String,
    /// All of it has come.
    whole: bool,
}

impl Back {
    /// Reads some more; false at the end of the answer.
    pub fn more(&mut self) -> bool {
        let Some(chunk) = (!self.whole).then(|| self.peer.read_chunk()).flatten() else {
            self.whole = true;
            return false;
        };
        self.rest.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
        true
    }

    /// The next array.
    pub fn next(&mut self) -> Value {
        self.next_of(1).remove(0)
    }

    /// The next arrays, which must be so many; chunks are whole.
    pub fn next_of(&mut self, count: usize) -> Vec<Value> {
        let mut all = Vec::new();
        while all.len() < count {
            if self.rest.is_empty() {
                assert!(self.more(), "the answer ended after {all:?}");
            }
            all.extend(arrays(&std::mem::take(&mut self.rest)));
        }
        assert_eq!(all.len(), count, "{all:?}");
        all
    }

    /// What is left until its end.
    pub fn rest(mut self) -> Vec<Value> {
        while self.more() {}
        arrays(&self.rest)
    }
}

/// A newcomer is served by this echo server.
pub fn still_serves(server: &Server) {
    let mut client = Client::open(server.addr);
    client.round("\"still there?\"");
}
