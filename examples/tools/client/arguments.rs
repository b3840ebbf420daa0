//! The arguments of the client.

use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use primus::{BoxError, Client, ClientBuilder, Parser};

use crate::raw::Raw;
use crate::{say, tls};

/// What was asked for.
pub struct Args {
    pub client: ClientBuilder,
    /// As it is told: without a password.
    pub url: String,
    /// Lines are not looked at.
    pub raw: bool,
    pub idle: Duration,
}

pub const HELP: &str = "\
Usage: client URL [options]
       client --unix PATH [options]
  --unix PATH                 the server's Unix socket; @NAME for an abstract one
  --transformer NAME          websockets, engine.io, sockjs, browserchannel or
                              socket.io
                              (websockets)
  --transport KEY=VALUE       option of the transformer, may be repeated; those of
                              engine.io: transports, upgrade, protocol,
                              doubleEncoding, forceBase64, withCredentials;
                              of sockjs and socket.io: transports, timeout,
                              withCredentials; of browserchannel: withCredentials
  --parser NAME               json, ejson, binary, msgpack or raw (json)
  --pathname PATH             path of the server (/primus)
  --ca FILE                   for https: trust these authorities (PEM; needs the
                              feature `tls`), not those that are built in; with
                              --unix it says that the server speaks TLS there
  --compression               permessage-deflate (needs the feature `compression`)
  --idle MS                   how long to wait for answers after the input (300)
  --retries N                 attempts in a row to connect again (10); if it is
                              given, the first connection is tried again as well
Exit status: 0 all was sent, 1 no connection, 2 bad arguments, 3 some of the
input was lost, 4 messages could not be printed";

/// `None` when only help was asked for.
pub fn args() -> Result<Option<Args>, BoxError> {
    let mut url = None;
    let mut options = Vec::new();
    let (mut compression, mut on_unix) = (false, false);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Short('h') | Long("help") => return Ok(None),
            Value(value) if url.is_none() => {
                url = Some(value.into_string().map_err(|_| "the URL is not UTF-8")?);
            }
            Value(value) => {
                return Err(format!("a second URL: {}", value.to_string_lossy()).into());
            }
            Long("compression") => compression = true,
            Long("unix") if url.is_none() => {
                let path = parser.value()?.into_string().map_err(|_| "--unix: not UTF-8")?;
                url = Some(unix_url(&path));
                on_unix = true;
            }
            Long(
                name @ ("transformer" | "transport" | "parser" | "pathname" | "idle" | "retries"
                | "ca"),
            ) => {
                let name = name.to_owned();
                let value = parser.value()?.into_string();
                options.push((value.map_err(|_| format!("--{name}: not UTF-8"))?, name));
            }
            _ => return Err(format!("{}; see --help", arg.unexpected()).into()),
        }
    }
    let mut url = url.ok_or("no URL; see --help")?;
    if on_unix && options.iter().any(|(_, name)| name == "ca") {
        url.insert_str(0, "wss+");
    }
    let client = Client::builder(&url).compression(compression);
    let mut args = Args { client, url: shown(&url), raw: false, idle: Duration::from_millis(300) };
    // A first connection that fails is told at once, by the status.
    if !options.iter().any(|(_, name)| name == "retries") {
        args.client = args.client.strategy("disconnect, online");
    }
    let mut pathname = None;
    for (value, name) in options {
        if name == "pathname" {
            pathname = Some(value.clone());
        }
        args = args.with(&name, &value).map_err(|error| format!("--{name} {value}: {error}"))?;
    }
    tell_path(&url, pathname.as_deref().unwrap_or("/primus"));
    Ok(Some(args))
}

impl Args {
    fn with(mut self, name: &str, value: &str) -> Result<Self, BoxError> {
        let number = |what| {
            let expected = move |_| format!("expected {what}, a whole number from 0");
            value.parse::<u64>().map_err(expected)
        };
        match name {
            "idle" => self.idle = Duration::from_millis(number("milliseconds")?),
            "retries" => {
                let retries = number("attempts")?;
                let retries = u32::try_from(retries).unwrap_or(u32::MAX);
                self.client = self.client.reconnect_retries(retries);
            }
            "ca" => self.client = tls::client(self.client, value)?,
            "transformer" => self.client = self.client.transformer(value),
            "transport" => {
                let (name, value) = value.split_once('=').ok_or("expected KEY=VALUE")?;
                self.client = self.client.transport(name, value);
            }
            "parser" => {
                self.raw = value.eq_ignore_ascii_case("raw");
                let parser = if self.raw { Parser::custom(Raw) } else { value.parse()? };
                self.client = self.client.parser(parser);
            }
            _ => self.client = self.client.pathname(value),
        }
        Ok(self)
    }
}

/// The URL of a server on a Unix socket.
fn unix_url(path: &str) -> String {
    let mut url = "unix:".to_owned();
    for letter in path.chars() {
        match letter {
            '%' | ':' | '?' | '#' => url += &format!("%{:02X}", u32::from(letter)),
            _ => url.push(letter),
        }
    }
    url
}

fn is_unix(url: &str) -> bool {
    url.split(':').next().is_some_and(|scheme| scheme.ends_with("unix"))
}

/// The URL without what is secret in it.
fn shown(url: &str) -> String {
    if is_unix(url) {
        return url.split(['?', '#']).next().unwrap_or_default().to_owned();
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    format!("{scheme}://{place}")
}

/// Says that a path in the URL does not count.
fn tell_path(url: &str, pathname: &str) {
    if is_unix(url) {
        return;
    }
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
    let path = path.trim_end_matches('/');
    if !path.is_empty() && path != pathname {
        say(format_args!(
            "note: the path {path} of the URL is not used; the server is asked for {pathname} \
             (try --pathname {path})"
        ));
    }
}
