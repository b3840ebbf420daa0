//! Answers that are compressed: those to polls, and the browser client.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};

use flate2::read::{GzDecoder, ZlibDecoder};
use primus::{Builder, Compression, Primus};
use serde_json::json;

use crate::common::engine_io as eio;
use crate::common::node::{self, Process};
use crate::common::*;

/// Longer than the threshold, and worth it.
fn long() -> String {
    "what is said again and again; ".repeat(100)
}

fn compressing() -> Builder {
    Primus::builder().compression(true)
}

fn accepting(codings: &str) -> String {
    if codings.is_empty() { String::new() } else { format!("Accept-Encoding: {codings}\r\n") }
}

fn coding(response: &Response) -> Option<&str> {
    header_of(&response.head, "content-encoding")
}

fn varies(response: &Response) -> bool {
    response.head.to_ascii_lowercase().contains("vary: accept-encoding\r\n")
}

/// The body as it was before it was compressed.
fn plain(response: &Response) -> String {
    let mut text = String::new();
    let read = match coding(response) {
        Some("gzip") => GzDecoder::new(&*response.bytes).read_to_string(&mut text),
        Some("deflate") => ZlibDecoder::new(&*response.bytes).read_to_string(&mut text),
        None => return String::from_utf8(response.bytes.clone()).unwrap(),
        Some(other) => panic!("unknown coding {other}"),
    };
    read.expect("a sound body");
    text
}

/// The answer to a poll that an echo of this message is given with.
fn polled(addr: SocketAddr, codings: &str, message: &str) -> Response {
    let mut client = eio::Client::open(addr);
    let packet = format!("4{}", json!(message));
    assert_eq!(client.send(&[&packet]).status, 200);
    let query = client.query("polling");
    client.get.ask(&eio::request("GET", &query, &accepting(codings)))
}

/// What clients accept, and what engine.io makes of it.
const ACCEPTED: &[(&str, Option<&str>)] = &[
    ("gzip, deflate, br, zstd", Some("gzip")),
    ("deflate", Some("deflate")),
    ("gzip;q=0.5, deflate;q=0.8", Some("deflate")),
    ("gzip;q=0, *", Some("deflate")),
    ("*", Some("gzip")),
    ("identity;q=0, gzip", Some("gzip")),
    ("identity;q=0", None),
    ("identity", None),
    ("br, zstd", None),
    ("gzip;q=0, deflate;q=0", None),
    ("", None),
];

#[test]
fn answers_to_polls_of_engine_io() {
    let server = eio::echo(compressing());
    for (codings, expected) in ACCEPTED {
        let answer = polled(server.addr, codings, &long());
        assert_eq!(coding(&answer), *expected, "{codings}: {}", answer.head);
        assert!(varies(&answer), "{codings}: {}", answer.head);
        assert_eq!(header_of(&answer.head, "content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!(plain(&answer), format!("4\"{}\"", long()), "{codings}");
        assert_eq!(answer.bytes.len() < 500, expected.is_some(), "{codings}");
    }
    // Below the threshold nothing shows.
    for codings in ["gzip", "identity;q=0, gzip", ""] {
        let answer = polled(server.addr, codings, &"x".repeat(1020));
        assert_eq!((coding(&answer), varies(&answer)), (None, false), "{}", answer.head);
    }
    let answer = polled(server.addr, "gzip", &"x".repeat(1021));
    assert_eq!(coding(&answer), Some("gzip"), "at the threshold: {}", answer.head);
}

#[test]
fn answers_of_jsonp() {
    let server = Server::start(eio::engine(compressing()));
    server.primus.on_connection(|spark| spark.write(&long()));
    let mut peer = server.connect();
    let opened = peer.ask(&eio::get("EIO=4&transport=polling&j=0"));
    let (_, sid) = opened.body.split_once(r#"sid\":\""#).expect("a session");
    let (sid, _) = sid.split_once('\\').unwrap();
    let query = format!("EIO=4&transport=polling&j=0&sid={sid}");
    let answer = peer.ask(&eio::request("GET", &query, &accepting("gzip")));
    assert_eq!(coding(&answer), Some("gzip"), "{}", answer.head);
    assert!(plain(&answer).starts_with(r#"___eio[0]("4\"what is said"#), "{}", plain(&answer));
}

#[test]
fn answers_to_polls_of_sockjs_but_not_streams() {
    let server = sockjs::echo(compressing());
    let ask = |session: &str, receiver: &str| {
        let path = format!("{session}/{receiver}");
        sockjs::request("POST", &path, "Accept-Encoding: gzip\r\nContent-Length: 0\r\n")
    };
    let mut client = sockjs::Client::open(server.addr);
    client.say(&json!(long()).to_string());
    let path = client.session.clone();
    let answer = client.polls.ask(&ask(&path, "xhr"));
    assert_eq!((coding(&answer), varies(&answer)), (Some("gzip"), true), "{}", answer.head);
    assert!(plain(&answer).starts_with("a[\"\\\"what is said"), "{}", plain(&answer));
    client.say("1");
    let answer = client.polls.ask(&ask(&path, "xhr"));
    assert_eq!((coding(&answer), varies(&answer)), (None, false), "{}", answer.head);
    let mut peer = Peer::connect(server.addr);
    peer.send(ask(&sockjs::fresh(), "xhr_streaming").as_bytes());
    let head = peer.read_head();
    assert!(header_of(&head, "content-encoding").is_none(), "{head}");
    assert_eq!(peer.read_chunk().unwrap().len(), 2049);
}

#[test]
fn the_browser_client_in_each_coding_has_a_tag_of_its_own() {
    let server = Server::start(compressing());
    let ask = |method: &str, file: &str, headers: &str| {
        let mut peer = server.connect();
        peer.send(
            format!("{method} /primus/{file} HTTP/1.1\r\nHost: a\r\n{headers}\r\n").as_bytes(),
        );
        if method == "HEAD" {
            let head = peer.read_head();
            return Response { status: 200, head, body: String::new(), bytes: Vec::new() };
        }
        peer.read_response()
    };
    let text = server.primus.library().to_string();
    for file in ["primus.js", "primus.mjs", "primus.d.ts", "primus.d.mts"] {
        let mut tags = Vec::new();
        for (codings, expected) in ACCEPTED {
            let answer = ask("GET", file, &accepting(codings));
            assert_eq!(coding(&answer), *expected, "{file} {codings}: {}", answer.head);
            assert!(varies(&answer), "{}", answer.head);
            if file == "primus.js" {
                assert_eq!(plain(&answer), text, "{codings}");
            }
            let tag = header_of(&answer.head, "etag").unwrap().to_owned();
            let known = tags.iter().find(|(of, _)| of == expected);
            assert!(known.is_none_or(|(_, known)| *known == tag), "{tag}");
            if known.is_none() {
                assert!(tags.iter().all(|(_, other)| *other != tag), "{tag} is another's too");
                tags.push((*expected, tag.clone()));
            }
            // As it is asked for again.
            let again = format!("{}If-None-Match: {tag}\r\n", accepting(codings));
            let answer = ask("GET", file, &again);
            assert_eq!((answer.status, answer.bytes.len()), (304, 0), "{}", answer.head);
            assert_eq!(header_of(&answer.head, "etag"), Some(&*tag));
            assert!(varies(&answer) && coding(&answer).is_none(), "{}", answer.head);
            let weak = format!("{}If-None-Match: \"x\", W/{tag}\r\n", accepting(codings));
            assert_eq!(ask("GET", file, &weak).status, 304);
            // HEAD says what GET does.
            let (get, head) =
                (ask("GET", file, &accepting(codings)), ask("HEAD", file, &accepting(codings)));
            for field in ["content-length", "content-encoding", "etag", "content-type", "vary"] {
                let of = |answer: &Response| header_of(&answer.head, field).map(str::to_owned);
                assert_eq!(of(&get), of(&head), "{field}");
            }
        }
        assert_eq!(tags.len(), 3);
        // What one has in another coding is not what is asked for.
        let (_, gzip) = tags.iter().find(|(of, _)| *of == Some("gzip")).unwrap();
        let plain = format!("If-None-Match: {gzip}\r\n");
        assert_eq!(ask("GET", file, &plain).status, 200);
    }
}

#[test]
fn without_the_option_nothing_is_compressed() {
    let server = eio::echo(Primus::builder());
    let answer = polled(server.addr, "gzip", &long());
    assert_eq!((coding(&answer), varies(&answer)), (None, false), "{}", answer.head);
    let request = "GET /primus/primus.js HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
    let answer = server.connect().ask(request);
    assert_eq!((coding(&answer), varies(&answer)), (None, false), "{}", answer.head);
}

#[test]
fn threshold_and_level_are_those_of_the_option() {
    let options = Compression::default().threshold(100).level(0);
    let server = eio::echo(Primus::builder().compression(options));
    // At level 0 nothing becomes shorter.
    let answer = polled(server.addr, "gzip", &long());
    assert_eq!((coding(&answer), varies(&answer)), (None, true), "{}", answer.head);
    let options = Compression::default().threshold(100);
    let server = eio::echo(Primus::builder().compression(options));
    let answer = polled(server.addr, "gzip", &"x".repeat(97));
    assert_eq!(coding(&answer), Some("gzip"), "{}", answer.head);
}

/// The engine.io of Node says the same to the same clients.
#[test]
fn node_does_the_same() {
    if node::is_skipped() {
        return;
    }
    let mut command = std::process::Command::new("node");
    command.args(["echo.js", "--port", "0", "--transformer", "engine.io", "--compression"]);
    let process = Process::spawn(command.current_dir(node::project("node-server")));
    let port = process.line().rsplit(':').next().unwrap().parse().unwrap();
    let theirs = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let server = eio::echo(compressing());
    for (codings, expected) in ACCEPTED {
        let [ours, node] = [server.addr, theirs].map(|addr| polled(addr, codings, &long()));
        assert_eq!(coding(&node), *expected, "{codings}: {}", node.head);
        assert_eq!(coding(&ours), coding(&node), "{codings}");
        assert_eq!(plain(&ours), plain(&node), "{codings}");
        let of = |answer: &Response| header_of(&answer.head, "content-type").map(str::to_owned);
        assert_eq!(of(&ours), of(&node));
    }
    // Except for the threshold: engine.io loses its own where `httpCompression` is
    // `true`, as Primus has it, and compresses the shortest answers too.
    for (length, expected) in [(1000, None), (1020, None), (1021, Some("gzip"))] {
        let [ours, node] =
            [server.addr, theirs].map(|addr| polled(addr, "gzip", &"x".repeat(length)));
        assert_eq!((coding(&ours), coding(&node)), (expected, Some("gzip")), "{length}");
    }
}

/// JavaScript clients read what is compressed, and ours is not sent it.
#[test]
fn clients_read_it() {
    for transformer in ["engine.io", "sockjs"] {
        let server = Server::echo(compressing().transformer(transformer));
        let url = format!("http://{}", server.addr);
        let polls = |builder: primus::ClientBuilder| match transformer {
            "engine.io" => builder.transport("transports", "polling"),
            _ => builder.transport("transports", "xhr-polling"),
        };
        let client = polls(primus::Client::builder(&url).transformer(transformer));
        let client = client.compression(true).connect().unwrap();
        client.write(&long()).unwrap();
        assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some(&*long()));
        client.end();
        if node::is_skipped() {
            continue;
        }
        // Ours in JavaScript, under Node, and that of Primus 8.
        for whose in ["ours", "theirs"] {
            let folder = node::project("client-v8");
            let script = r"
                const [, url, transformer, whose, text] = process.argv;
                const load = async () => {
                  if (whose === 'theirs') {
                    return require('primus').createSocket({ transformer, parser: 'json' });
                  }
                  const answer = await fetch(url + '/primus/primus.js');
                  console.error(answer.headers.get('content-encoding'));
                  const module = { exports: {}, require };
                  new Function('module', 'exports', 'require', await answer.text())(module, module.exports, require);
                  return module.exports.Primus || module.exports;
                };
                load().then((Socket) => {
                  const client = new Socket(url, { transport: { transports: [transformer === 'sockjs' ? 'xhr-polling' : 'polling'] }, websockets: false });
                  client.on('error', (error) => console.log('error ' + error.message));
                  client.on('open', () => client.write(text));
                  client.on('data', (data) => { console.log(data === text); client.end(); });
                });
            ";
            let mut command = std::process::Command::new("node");
            command.args(["-e", script, &url, transformer, whose, &long()]);
            let process = Process::spawn(command.current_dir(folder));
            assert_eq!(process.line(), "true", "{transformer} {whose}");
        }
    }
}
