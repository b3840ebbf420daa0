//! The requests of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::http;
use crate::http::client::Target;
use crate::transformers::polled::client::Base;

/// Letters of what makes each request another one.
const BUSTER: usize = 12;

/// What is before the first number that was received.
const NOTHING: u64 = u64::MAX;

/// See the module.
#[derive(Clone)]
pub(super) struct Requests {
    /// With the application's query, and the token by which load balancers tell
    /// clients apart.
    pub base: Base,
    /// Empty before it is told.
    sid: String,
    numbers: Arc<Numbers>,
}

/// What is counted, and known to both halves of a session.
struct Numbers {
    /// That of the next request which sends something.
    rid: AtomicU64,
    /// That of the last array that came; [`NOTHING`] before.
    aid: AtomicU64,
    /// The server knows of no back channel.
    unknown: AtomicBool,
}

/// Random letters.
fn random() -> String {
    (0..BUSTER).map(|_| fastrand::digit(36)).collect()
}

impl Requests {
    /// Requests to this target, as for a [`Base`].
    pub fn new(target: Target, credentials: bool) -> Self {
        // What makes each request another one they have already.
        let own = target.query.split('&').filter(|pair| !pair.starts_with("_primuscb="));
        let own = own.filter(|pair| !pair.is_empty()).map(str::to_owned);
        let query: Vec<_> = own.chain([format!("a={}", random())]).collect();
        let target = Target { query: query.join("&"), ..target };
        let base = Base::below(target, credentials);
        let numbers = Numbers {
            rid: AtomicU64::new(fastrand::u64(..100_000)),
            aid: AtomicU64::new(NOTHING),
            unknown: AtomicBool::new(false),
        };
        Requests { base, sid: String::new(), numbers: Arc::new(numbers) }
    }

    /// From now on for this session.
    pub fn of_session(&mut self, sid: String) {
        self.sid = sid;
    }

    /// The number of the last array that came.
    pub fn aid(&self) -> Option<u64> {
        Some(self.numbers.aid.load(Ordering::Relaxed)).filter(|aid| *aid != NOTHING)
    }

    /// This one has come.
    pub fn received(&self, aid: u64) {
        self.numbers.aid.store(aid, Ordering::Relaxed);
    }

    /// The server says that it knows of no back channel.
    pub fn say_unknown(&self) {
        self.numbers.unknown.store(true, Ordering::Relaxed);
        self.base.target().to.waker.wake();
    }

    /// Whether the server has said so since this was asked last.
    pub fn is_unknown(&self) -> bool {
        self.numbers.unknown.swap(false, Ordering::Relaxed)
    }

    /// The target of a request, with this in its query.
    fn target(&self, page: &str, rest: &str) -> Target {
        let mut target = self.base.request(page);
        target.query.push_str("&VER=8&");
        if !self.sid.is_empty() {
            target.query.push_str(&format!("SID={}&", http::encode(&self.sid)));
        }
        target.query.push_str(&format!("{rest}&zx={}&t=1", random()));
        target
    }

    /// Whether answers come piece by piece.
    pub fn probe(&self) -> Target {
        self.target("/test", "TYPE=xmlhttp")
    }

    /// The back channel; `stays`: it has many pieces.
    pub fn wait(&self, stays: bool) -> Target {
        let stays = u8::from(!stays);
        let aid = self.aid().map_or(-1, u64::cast_signed);
        self.target("/bind", &format!("RID=rpc&CI={stays}&AID={aid}&TYPE=xmlhttp"))
    }

    /// One that sends this, or opens the session.
    pub fn send(&self, body: &[u8]) -> Vec<u8> {
        let rid = self.numbers.rid.fetch_add(1, Ordering::Relaxed);
        let aid = self.aid().map_or(String::new(), |aid| format!("&AID={aid}"));
        let target = self.target("/bind", &format!("RID={rid}{aid}"));
        target.post("application/x-www-form-urlencoded", body)
    }

    /// The one that ends the session.
    pub fn terminate(&self) -> Vec<u8> {
        let rid = self.numbers.rid.load(Ordering::Relaxed);
        self.target("/bind", &format!("RID={rid}&TYPE=terminate")).get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(query: &str) -> Requests {
        Requests::new(Target::example("/primus/", query), true)
    }

    /// Without the letters that are random.
    fn told(target: &Target) -> String {
        let pairs = target.query.split('&').map(|pair| match pair.split_once('=') {
            Some((name @ ("a" | "zx"), value)) => {
                assert_eq!(value.len(), BUSTER);
                name
            }
            _ => pair,
        });
        format!("{}?{}", target.pathname, pairs.collect::<Vec<_>>().join("&"))
    }

    #[test]
    fn requests_say_what_the_original_says() {
        let mut requests = requests("token=abc%20d&_primuscb=x");
        let own = "token=abc%20d&a&VER=8";
        assert_eq!(told(&requests.probe()), format!("/primus/test?{own}&TYPE=xmlhttp&zx&t=1"));
        let opener = String::from_utf8(requests.send(b"count=0")).unwrap();
        let rid: u64 =
            opener.split("&RID=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
        assert!(!opener.contains("SID=") && !opener.contains("AID="), "{opener}");
        let lines =
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\ncount=0";
        assert!(opener.ends_with(lines), "{opener}");
        requests.of_session("s/1".into());
        let wait = |requests: &Requests, ci, aid| {
            let stays = ci == 0;
            let rest = format!("{own}&SID=s%2F1&RID=rpc&CI={ci}&AID={aid}&TYPE=xmlhttp&zx&t=1");
            assert_eq!(told(&requests.wait(stays)), format!("/primus/bind?{rest}"));
        };
        wait(&requests, 0, "-1");
        requests.received(7);
        wait(&requests, 1, "7");
        let send = String::from_utf8(requests.clone().send(b"")).unwrap();
        assert!(send.contains(&format!("&SID=s%2F1&RID={}&AID=7&zx=", rid + 1)), "{send}");
        let end = String::from_utf8(requests.terminate()).unwrap();
        assert!(end.contains(&format!("&RID={}&TYPE=terminate&zx=", rid + 2)), "{end}");
        assert!(end.starts_with("GET /primus/bind?"), "{end}");
    }

    #[test]
    fn each_is_another_one_of_the_same_client() {
        let requests = requests("");
        let (first, second) = (requests.probe().query, requests.probe().query);
        let field = |query: &str, name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name).map(str::to_owned))
        };
        assert_eq!(field(&first, "a="), field(&second, "a="));
        assert_ne!(field(&first, "zx="), field(&second, "zx="));
        assert!(first.starts_with("a="), "{first}");
    }
}
