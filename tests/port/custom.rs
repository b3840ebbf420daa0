//! Transformers of the application's own.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use primus::transformers::{
    CustomTransformer, Inbound, Opened, Replies, Source, Waker, Wire, read_or_woken,
};
use primus::{
    BoxError, Builder, Client, CloseReason, Destroy, Ended, Error, Frame, ManualClock, Parser,
    Primus, Stream,
};

use crate::common::*;
use crate::counts;

/// Messages with an exclamation mark behind each. `!!` says goodbye, `?` is a ping.
struct Shouts(&'static str);

impl CustomTransformer for Shouts {
    fn name(&self) -> &'static str {
        self.0
    }

    fn takes_bytes(&self) -> bool {
        false
    }

    fn open(&self, stream: &Arc<Stream>, max_length: usize) -> Result<Opened, BoxError> {
        let mut first = [0];
        match read_or_woken(stream, &mut first, None)? {
            Some(1) if first == *b"!" => {}
            Some(1) if first == *b"x" => panic!("this one"),
            _ => return Err("it does not shout".into()),
        }
        let source = Heard { stream: stream.clone(), bytes: Vec::new(), max_length };
        Ok(Opened::new(source, &Out).greeting("welcome!"))
    }
}

struct Heard {
    stream: Arc<Stream>,
    bytes: Vec<u8>,
    max_length: usize,
}

impl Source for Heard {
    fn buffered(&mut self, replies: &dyn Replies) -> Option<Inbound> {
        let Some(end) = self.bytes.iter().position(|byte| *byte == b'!') else {
            let long = self.bytes.len() > self.max_length;
            return long.then(|| {
                Inbound::Closed(CloseReason::new(Ended::Protocol, 1009, "too long", true))
            });
        };
        let message: Vec<u8> = self.bytes.drain(..=end).collect();
        Some(match &message[..end] {
            b"" => Inbound::Closed(CloseReason::new(Ended::Remote, 1000, "", true)),
            b"?" => {
                replies.control(b".!");
                Inbound::Alive
            }
            text => Inbound::Frame(Frame::text(String::from_utf8_lossy(text).into_owned())),
        })
    }

    fn has_more(&mut self) -> bool {
        self.bytes.contains(&b'!')
    }

    fn wait(&mut self, waker: Option<&Waker>) -> io::Result<bool> {
        let mut room = [0; 512];
        let read = read_or_woken(&self.stream, &mut room, waker)?;
        self.bytes.extend_from_slice(&room[..read.unwrap_or(0)]);
        Ok(read != Some(0))
    }
}

struct Out;

impl Wire for Out {
    fn format(&self) -> &'static str {
        "shouts"
    }

    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        out.extend_from_slice(frame.as_text().unwrap_or_default().as_bytes());
        out.push(b'!');
    }

    fn close(&self, _: &CloseReason, out: &mut Vec<u8>) {
        out.extend_from_slice(b"bye!");
    }

    fn hangs_up(&self) -> bool {
        true
    }

    fn has_heartbeat(&self) -> bool {
        false
    }
}

fn shouting() -> Builder {
    Primus::builder().custom_transformer(Shouts("shouts"))
}

/// A client, past the greeting.
fn connect(server: &Server) -> UnixStream {
    let (mut near, far) = UnixStream::pair().unwrap();
    near.set_read_timeout(Some(PATIENCE)).unwrap();
    server.primus.serve_as("shouts", far).unwrap();
    near.write_all(b"!").unwrap();
    assert_eq!(hear(&mut near), "welcome");
    near
}

/// Up to the next mark.
fn hear(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while stream.read(&mut byte).unwrap() == 1 && byte != *b"!" {
        text.push(char::from(byte[0]));
    }
    text
}

/// All that is left.
fn rest(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn its_sparks_are_like_all_others() {
    let server = Server::echo(shouting());
    assert!(server.primus.spec().ends_with("\"transformers\":[\"websockets\",\"shouts\"]}"));
    let mut near = connect(&server);
    near.write_all(b"1!\"two\"![3]!").unwrap();
    assert_eq!([hear(&mut near), hear(&mut near), hear(&mut near)], ["1", "\"two\"", "[3]"]);
    let spark = server.spark();
    assert_eq!((spark.transformer(), spark.request().path()), ("shouts", "/"));
    assert!(spark.address().unix);
    assert_eq!(spark.headers().count() + spark.query().count(), 0);
    assert!(matches!(spark.write_frame(&Frame::binary([1])), Err(Error::Misuse(_))));
    near.write_all(b"?!").unwrap();
    assert_eq!(hear(&mut near), ".");
    // In one order with those of others.
    let mut peer = server.open();
    wait_for("sparks", 2, || server.primus.connected());
    server.primus.write("all").unwrap();
    assert_eq!((hear(&mut near), peer.expect_text()), ("\"all\"".into(), "\"all\"".into()));
    assert_eq!(counts(&server), [("shouts", 1), ("websockets", 1)]);
    assert_eq!(server.primus.metrics().messages_in, 3);
    // Requests are the other's alone.
    let answer = server.connect().ask("GET /primusx HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(answer.status, 426);
}

#[test]
fn an_end_is_told_and_then_the_stream_ends() {
    let server = Server::echo(shouting());
    let mut near = connect(&server);
    let spark = server.spark();
    spark.end();
    assert_eq!(rest(&mut near), "\"primus::server::close\"!bye!");
    drop(near);
    server.wait_empty();
    // By the client, with a goodbye, with the end of the stream, and in the middle.
    for (last, by) in [(&b"5!!"[..], Ended::Remote), (b"", Ended::Lost), (b"5", Ended::Lost)] {
        let mut near = connect(&server);
        let spark = server.spark();
        near.write_all(last).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        wait_until("it has ended", || spark.close_reason().is_some());
        assert_eq!(spark.close_reason().unwrap().by, by);
        drop(near);
        server.wait_empty();
    }
}

#[test]
fn what_cannot_be_opened_is_closed_and_harms_nobody() {
    let server = Server::echo(shouting());
    for first in [&b"?"[..], b"x", b""] {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.set_read_timeout(Some(PATIENCE)).unwrap();
        server.primus.serve_as("shouts", far).unwrap();
        near.write_all(first).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest(&mut near), "");
    }
    assert_eq!(server.primus.metrics().panics_caught, 1);
    assert_eq!(server.primus.metrics().connections["shouts"].ever, 0);
    let mut near = connect(&server);
    near.write_all(b"1!").unwrap();
    assert_eq!(hear(&mut near), "1");
    server.still_serves_beside();
}

#[test]
fn a_message_that_is_too_long_breaks_the_protocol() {
    let server = Server::echo(shouting().max_length(8));
    let mut near = connect(&server);
    let spark = server.spark();
    near.write_all(b"123456789").unwrap();
    assert_eq!(rest(&mut near), "bye!");
    assert_eq!(spark.close_reason().unwrap().code, 1009);
}

#[test]
fn nobody_pings_where_there_is_no_heartbeat() {
    let clock = ManualClock::new();
    let server = Server::echo(shouting().clock(&clock));
    let mut near = connect(&server);
    let spark = server.spark();
    for _ in 0..20 {
        clock.advance(Duration::from_secs(60));
    }
    near.write_all(b"1!").unwrap();
    assert_eq!(hear(&mut near), "1");
    assert!(spark.close_reason().is_none());
}

#[test]
fn the_server_ends_them_all() {
    let server = Server::echo(shouting());
    let mut clients = [connect(&server), connect(&server)];
    let mut peer = server.open();
    wait_for("sparks", 3, || server.primus.connected());
    let primus = server.primus.clone();
    let ending = std::thread::spawn(move || primus.destroy(Destroy::default().timeout(PATIENCE)));
    for near in &mut clients {
        assert_eq!(rest(near), "\"primus::server::close\"!bye!");
        near.shutdown(Shutdown::Both).unwrap();
    }
    peer.expect_close_after_goodbye();
    let destroyed = ending.join().unwrap();
    assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (3, 0, 0));
    let (_, far) = UnixStream::pair().unwrap();
    assert!(matches!(server.primus.serve_as("shouts", far), Err(Error::Closed)));
}

#[test]
fn its_name_and_parser_are_looked_at() {
    for name in ["", "all", "Faye", "two words", "a:b", "a,b", "sockjs"] {
        let built = Primus::builder().custom_transformer(Shouts(name)).build();
        assert!(
            matches!(built, Err(Error::Option(text)) if text.contains("cannot be named")),
            "{name}"
        );
    }
    let twice = shouting().custom_transformer(Shouts("SHOUTS")).build();
    assert!(matches!(twice, Err(Error::Option(_))));
    match shouting().parser(Parser::BINARY).build() {
        Err(Error::Option(text)) => assert!(text.contains("`shouts` carries text only"), "{text}"),
        other => panic!("{other:?}"),
    }
    let server = Server::start(shouting());
    let (_, far) = UnixStream::pair().unwrap();
    assert!(matches!(server.primus.serve_as("websockets", far), Err(Error::Option(_))));
}

#[test]
fn it_may_be_the_only_one() {
    let server = Server::echo(shouting().transformer([""; 0]));
    assert!(server.primus.spec().ends_with("\"transformer\":\"shouts\"}"));
    let mut near = connect(&server);
    near.write_all(b"1!").unwrap();
    assert_eq!(hear(&mut near), "1");
    let answer = server.connect().ask("GET /primus HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(answer.status, 404);
    assert!(server.primus.library().contains("no transformer for this client"));
    // A client that looks for one it can speak finds none.
    let found = Client::discover(&format!("http://{}", server.addr));
    assert!(matches!(found, Err(Error::Option(text)) if text.contains("shouts")));
}
