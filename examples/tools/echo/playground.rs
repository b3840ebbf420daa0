//! The playground: a page to try the wire protocols and parsers in a browser. For
//! each pair of them it has a server of its own, started when it is first asked
//! for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use primus::tiny_http::ResponseBox;
use primus::{Primus, Request};

use crate::page::{self, File, Kind, STYLE};

const FILES: &[File] = &[
    ("/", include_str!("page.html"), Kind::Html),
    ("/playground.css", include_str!("page.css"), Kind::Css),
    ("/playground.js", include_str!("page.js"), Kind::JavaScript),
    STYLE,
];

/// The servers listen on other ports.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src http: https: ws: wss:; img-src data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const TRANSFORMERS: [&str; 5] =
    ["websockets", "engine.io", "sockjs", "browserchannel", "socket.io"];
const PARSERS: [&str; 4] = ["json", "ejson", "binary", "msgpack"];

/// Servers by transformer and parser.
type Servers = Mutex<BTreeMap<(String, String), Primus>>;

/// Answers everything outside the pathname of `primus` with the playground; its
/// servers listen on `ip`.
pub fn serve(primus: &Primus, ip: IpAddr) {
    let servers = Arc::new(Servers::default());
    primus.on_request(move |request, _| {
        answer(&servers, ip, request)
            .unwrap_or_else(|| page::answer(FILES, request.method(), request.path(), POLICY))
    });
}

/// The answer to `/playground/<transformer>/<parser>`, which says where that
/// server listens, and with `.js` behind it is the client for it.
fn answer(servers: &Servers, ip: IpAddr, request: &Request) -> Option<ResponseBox> {
    let (transformer, parser) = request.path().strip_prefix("/playground/")?.split_once('/')?;
    let (parser, is_script) = match parser.strip_suffix(".js") {
        Some(parser) => (parser, true),
        None => (parser, false),
    };
    if !TRANSFORMERS.contains(&transformer) || !PARSERS.contains(&parser) {
        return None;
    }
    Some(match server(servers, ip, transformer, parser) {
        Ok(server) if is_script => page::text(Kind::JavaScript, server.library().to_string()),
        Ok(server) => {
            let port = server.local_addr().map_or(0, |address| address.port());
            page::text(Kind::Json, format!("{{\"port\":{port}}}"))
        }
        Err(error) => page::text(Kind::Json, error.to_string()).with_status_code(503).boxed(),
    })
}

fn server(
    servers: &Servers,
    ip: IpAddr,
    transformer: &str,
    parser: &str,
) -> primus::Result<Primus> {
    let mut servers = servers.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (transformer.to_owned(), parser.to_owned());
    if let Some(server) = servers.get(&key) {
        return Ok(server.clone());
    }
    let server = Primus::builder().transformer(transformer).parser_name(parser).build()?;
    server.on_connection(|spark| {
        spark.on_data(crate::echo);
    });
    server.listen((ip, 0))?;
    servers.insert(key, server.clone());
    Ok(server)
}
