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
}
