//! Where the requests of a client go, and what their heads have in common.

use crate::compression::Compression;
use crate::net::dial::Destination;

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// What connections are made to.
    pub to: Destination,
    pub secure: bool,
    /// Percent-encoded, with its leading slash.
    pub pathname: String,
    /// Percent-encoded, without the question mark.
    pub query: String,
    /// What the application adds to each request; checked.
    pub headers: Vec<(String, String)>,
    /// How messages on a WebSocket are compressed.
    pub compression: Compression,
}

/// What an error calls a place: without credentials, and without a query, which
/// may hold some.
pub(crate) fn place(secure: bool, host: &str, port: u16, pathname: &str) -> String {
    let scheme = if secure { "https" } else { "http" };
    format!("{scheme}://{}{pathname}", authority(secure, host, port))
}

/// Host and port as the `Host` header has them.
pub(crate) fn authority(secure: bool, host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    match (port, secure) {
        (80, false) | (443, true) => host,
        _ => format!("{host}:{port}"),
    }
}

impl Target {
    /// Host and port as the `Host` header has them.
    pub fn authority(&self) -> String {
        authority(self.secure, &self.to.host, self.to.port)
    }

    /// What an error calls it.
    pub fn place(&self) -> String {
        if let Some(name) = self.to.unix() {
            return format!("{name}:{}", self.pathname);
        }
        place(self.secure, &self.to.host, self.to.port, &self.pathname)
    }

    /// The head of a request with these further header lines.
    pub fn head(&self, method: &str, lines: &str) -> String {
        let Target { pathname, query, .. } = self;
        let question = if query.is_empty() { "" } else { "?" };
        let mut head = format!(
            "{method} {pathname}{question}{query} HTTP/1.1\r\nHost: {}\r\n{lines}",
            self.authority()
        );
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head + "\r\n"
    }

    /// A GET.
    pub fn get(&self) -> Vec<u8> {
        self.head("GET", "").into_bytes()
    }

    /// A POST of a body of this type, whatever the application says of types.
    pub fn post(mut self, mime: &str, body: &[u8]) -> Vec<u8> {
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let lines = format!("Content-Type: {mime}\r\nContent-Length: {}\r\n", body.len());
        [self.head("POST", &lines).as_bytes(), body].concat()
    }
}

#[cfg(test)]
impl Target {
    /// One at which nobody is, with a header that no POST may have twice.
    pub fn example(pathname: &str, query: &str) -> Self {
        let waker = std::sync::Arc::new(crate::net::Waker::new().unwrap());
        let host = "h".to_owned();
        let to = Destination { host, port: 80, connector: None, until: None, secure: None, waker };
        Target {
            to,
            secure: false,
            pathname: pathname.to_owned(),
            query: query.to_owned(),
            headers: vec![("content-type".to_owned(), "a/b".to_owned())],
            compression: false.into(),
        }
    }
}
