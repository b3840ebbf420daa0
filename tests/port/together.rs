//! Clients of every kind at the same time: broadcasts, counts, the end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use primus::parsers::{CustomParser, Peer as Other};
use primus::{BoxError, Destroy, Frame, Parser, Primus, Value};

use crate::common::*;
use crate::{counts, spark, three};

/// A client of any kind, by its messages.
trait Talks: Send {
    fn say(&mut self, message: &str);
    /// The next messages.
    fn hear(&mut self, count: usize) -> Vec<String>;
}

impl Talks for Peer {
    fn say(&mut self, message: &str) {
        self.text(message);
    }

    fn hear(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.expect_text()).collect()
    }
}

struct EnginePolls(engine_io::Client);

impl Talks for EnginePolls {
    fn say(&mut self, message: &str) {
        self.0.say(&format!("4{message}"));
    }

    fn hear(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            let packets = self.0.poll().into_iter();
            all.extend(packets.filter_map(|packet| Some(packet.strip_prefix('4')?.to_owned())));
        }
        all
    }
}

struct EngineSocket(Peer);

impl Talks for EngineSocket {
    fn say(&mut self, message: &str) {
        self.0.text(&format!("4{message}"));
    }

    fn hear(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.0.expect_text()[1..].to_owned()).collect()
    }
}

struct SockPolls(sockjs::Client);

impl Talks for SockPolls {
    fn say(&mut self, message: &str) {
        self.0.say(message);
    }

    fn hear(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            let answer = self.0.poll();
            let frames = answer.lines().filter(|frame| frame.starts_with('a'));
            all.extend(frames.flat_map(sockjs::messages));
        }
        all
    }
}

struct SockStream(sockjs::Stream, sockjs::Client);

impl Talks for SockStream {
    fn say(&mut self, message: &str) {
        self.1.say(message);
    }

    fn hear(&mut self, count: usize) -> Vec<String> {
        self.0.messages(count)
    }
}

struct SockSocket(Peer);

impl Talks for SockSocket {
    fn say(&mut self, message: &str) {
        self.0.text(&serde_json::to_string(&[message]).unwrap());
    }

    fn hear(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(sockjs::messages(&self.0.expect_text()));
        }
        assert_eq!(all.len(), count);
        all
    }
}

/// Clients of every kind, each with the name of its transformer.
fn crowd(server: &Server) -> Vec<(&'static str, Box<dyn Talks>)> {
    let addr = server.addr;
    let mut framed = Peer::open_with(addr, "/primus/000/crowd/websocket", "");
    assert_eq!(framed.expect_text(), "o");
    let mut engine = Peer::open_with(addr, "/primus/?EIO=4&transport=websocket", "");
    assert!(engine.expect_text().starts_with("0{"));
    let mut stream = sockjs::Stream::open(addr, "/000/stream", "xhr_streaming");
    assert_eq!(stream.frame(), "o");
    let posts = sockjs::Client {
        addr,
        session: "/000/stream".into(),
        polls: Peer::connect(addr),
        posts: Peer::connect(addr),
    };
    vec![
        ("websockets", Box::new(server.open())),
        ("engine.io", Box::new(EnginePolls(engine_io::Client::open(addr)))),
        ("engine.io", Box::new(EnginePolls(engine_io::Client::open_with(addr, 3, "")))),
        ("engine.io", Box::new(EngineSocket(engine))),
        ("engine.io", Box::new(EngineSocket(engine_io::Client::open(addr).go_over().0))),
        ("sockjs", Box::new(SockPolls(sockjs::Client::open(addr)))),
        ("sockjs", Box::new(SockStream(stream, posts))),
        ("sockjs", Box::new(SockSocket(framed))),
        ("sockjs", Box::new(Peer::open_with(addr, "/primus/websocket", ""))),
    ]
}

#[test]
fn each_spark_knows_its_transformer() {
    let server = Server::start(three());
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, message| spark.write(&(spark.transformer(), message.value())));
    });
    let mut clients = crowd(&server);
    for (name, client) in &mut clients {
        client.say("1");
        assert_eq!(client.hear(1), [format!("[\"{name}\",1]")]);
    }
    wait_for("counts", [4, 4, 1].to_vec(), || {
        counts(&server).iter().map(|(_, now)| *now).collect()
    });
}

#[test]
fn broadcasts_reach_all_kinds_in_one_order_and_between_what_is_written_to_one() {
    const EACH: usize = 60;
    let server = Server::start(three());
    let mut clients = crowd(&server);
    wait_for("sparks", clients.len(), || server.primus.connected());
    let primus = &server.primus;
    let start = Barrier::new(3);
    thread::scope(|scope| {
        for who in 0..3 {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                for number in 0..EACH {
                    primus.write(&(who, number)).unwrap();
                }
            });
        }
    });
    // Behind the broadcasts of this thread.
    primus.write("last").unwrap();
    primus.for_each(|spark| drop(spark.write(spark.transformer())));
    let mut first: Option<Vec<String>> = None;
    for (name, client) in &mut clients {
        let mut heard = client.hear(3 * EACH + 2);
        assert_eq!(heard.pop().unwrap(), format!("\"{name}\""));
        assert_eq!(heard[3 * EACH], "\"last\"");
        for who in 0..3 {
            let own = heard.iter().filter(|text| text.starts_with(&format!("[{who},")));
            assert!(
                own.enumerate().all(|(at, text)| *text == format!("[{who},{at}]")),
                "{heard:?}"
            );
        }
        assert_eq!(heard, *first.get_or_insert_with(|| heard.clone()), "{name}");
    }
}

/// Counts how often it encodes.
struct Counting(Arc<AtomicUsize>);

impl CustomParser for Counting {
    fn encode(&self, value: &Value, _: &dyn Other) -> Result<Option<Frame>, BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Frame::text(value.as_str().unwrap_or("?"))))
    }

    fn decode(&self, frame: &Frame, _: &dyn Other) -> Result<Value, BoxError> {
        Ok(frame.as_text().unwrap_or_default().into())
    }
}

#[test]
fn a_broadcast_is_encoded_once_for_all_kinds() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = Server::start(three().parser(Parser::custom(Counting(count.clone()))));
    let mut clients = crowd(&server);
    wait_for("sparks", clients.len(), || server.primus.connected());
    server.primus.write("to all").unwrap();
    for (_, client) in &mut clients {
        assert_eq!(client.hear(1), ["to all"]);
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn the_end_is_told_to_each_in_its_own_way() {
    let server = Server::start(three());
    let mut clients = crowd(&server);
    wait_for("sparks", clients.len(), || server.primus.connected());
    let primus = server.primus.clone();
    primus.write("before").unwrap();
    let ending = thread::spawn(move || {
        primus.destroy(Destroy::default().timeout(std::time::Duration::from_secs(10)))
    });
    // Those that poll come twice.
    let told = thread::scope(|scope| {
        let hear = |mut client: Box<dyn Talks>| scope.spawn(move || client.hear(2));
        let threads: Vec<_> = clients.drain(..).map(|(_, client)| hear(client)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    for heard in told {
        assert_eq!(heard, ["\"before\"", CLOSE_MESSAGE]);
    }
    let destroyed = ending.join().unwrap();
    assert_eq!((destroyed.sparks, destroyed.stuck), (9, 0));
}

#[test]
fn while_it_shuts_down_newcomers_of_any_kind_are_told() {
    let server = Server::start(three());
    let mut engine = engine_io::Client::open(server.addr);
    let known = spark(&server, &engine.sid);
    server.primus.destroy(Destroy::default().close(false));
    wait_until("it has been ended", || known.close_reason().is_some());
    // Its session is served to its end.
    let mut last = Vec::new();
    while last.last().is_none_or(|packet: &String| packet != "1") {
        last.extend(engine.poll());
    }
    assert_eq!(last[0], engine_io::GOODBYE);
    for target in ["/primus", "/primus/?EIO=4&transport=polling", "/primus/info", "/primus/x"] {
        let answer = server.connect().ask(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(answer.status, 503, "{target}");
    }
}

#[test]
fn metrics_have_each_transformer_from_the_first_moment() {
    let primus = Primus::builder().transformer("sockjs, ws").build().unwrap();
    let names: Vec<_> = primus.metrics().connections.into_keys().collect();
    assert_eq!(names, ["sockjs", "ws"]);
    let text = primus.metrics().to_string();
    assert!(text.contains("primus_connections{transformer=\"ws\"} 0\n"), "{text}");
    primus.destroy(Default::default());
}
