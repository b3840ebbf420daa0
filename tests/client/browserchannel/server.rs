//! A server of browserchannel that does what a test tells it, request by request.

use primus::{Client, ClientBuilder};

use crate::script::{Of, Request, Script};
use crate::server::SOON;

/// A chunk of these arrays.
pub fn chunk(arrays: &str) -> String {
    let text = format!("[{arrays}]\n");
    format!("{}\n{text}", text.encode_utf16().count())
}

/// What the server answers that opens the session `sid/1`.
pub fn greeting() -> String {
    chunk("[0,[\"c\",\"sid/1\",null,8]]")
}

pub enum BrowserChannel {}

pub type Server = Of<BrowserChannel>;

impl Server {
    /// A client that does not reconnect.
    pub fn client(&self) -> ClientBuilder {
        Script::client(self, "browserchannel").strategy("off")
    }

    /// The question whether answers come piece by piece.
    #[track_caller]
    pub fn probe(&self) -> Request {
        self.next(|request| request.is("GET /primus/test?"))
    }

    /// That is answered as where they do.
    #[track_caller]
    pub fn probed(&self) {
        let probe = self.probe();
        begin(&probe);
        piece(&probe, "11111");
    }

    /// The request that waits.
    #[track_caller]
    pub fn waits(&self) -> Request {
        self.next(|request| request.field("RID") == Some("rpc"))
    }

    /// The same, of which the answer has begun.
    #[track_caller]
    pub fn listens(&self) -> Request {
        let waits = self.waits();
        begin(&waits);
        waits
    }

    /// A client that is open, and its request that waits.
    #[track_caller]
    pub fn open(&self) -> (Client, Request) {
        let client = self.client().build().unwrap();
        self.probed();
        self.post().answer(&greeting());
        client.wait_open(SOON).unwrap();
        (client, self.listens())
    }
}

/// Begins with an answer that has no length.
pub fn begin(request: &Request) {
    request.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

/// A piece of such an answer.
pub fn piece(request: &Request, text: &str) {
    request.send(format!("{:x}\r\n{text}\r\n", text.len()));
}

/// Its end.
pub fn finish(request: &Request) {
    request.send("0\r\n\r\n");
}

impl Request {
    /// A field of the query.
    pub fn field(&self, name: &str) -> Option<&str> {
        let query = self.target().split_once('?')?.1;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// Its number.
    pub fn rid(&self) -> u64 {
        self.field("RID").unwrap().parse().unwrap()
    }

    /// Answers what was sent.
    pub fn take(&self) {
        self.answer("7\n[1,0,0]");
    }
}
