//! The plugins against those of npm: a Node server with our client, and a Node
//! client with our server.
//!
//! Needs Node.js and npm, see `tests/interop/README.md`.

use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use primus::plugins::mirage::{ClientMirage, Mirage, SparkMirage};
use primus::plugins::{Emit, EmitExt, Emitter, EmitterExt, EventExt, Responder, ResponderExt};
use primus::{Channel, Client, Destroy, EndOptions, Error, Plugin, Primus, Value};

use crate::common::node::{self, Process};

const SOON: Duration = Duration::from_secs(20);

fn node(args: &[&str]) -> Process {
    let mut command = Command::new("node");
    command.env("NODE_PATH", node::project("library").join("node_modules"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugins/npm.js")).args(args);
    Process::spawn(&mut command)
}

/// What one of our ends does, whichever it is.
trait Scenario: Clone + Send + Sync + 'static {
    /// Before anything comes.
    fn listen<C: Channel>(&self, end: &C);
    /// Afterwards, on a thread of its own.
    fn run<C: Channel>(&self, end: &C, process: &Process);
}

fn with_their_server<S: Scenario>(name: &str, plugin: impl Plugin, scenario: &S) {
    let process = node(&["server", name]);
    let line = process.line();
    let url = line.strip_prefix("listening on ").expect("it tells where it listens");
    let builder = Client::builder(url).plugin(plugin);
    let client = builder.connect_with(|client| scenario.listen(client)).unwrap();
    scenario.run(&client, &process);
    client.end();
}

fn with_their_client<S: Scenario>(name: &str, plugin: impl Plugin, scenario: &S) {
    let primus = Primus::builder().plugin(plugin).build().unwrap();
    let (tell, told) = channel();
    let listens = scenario.clone();
    primus.on_connection(move |spark| {
        listens.listen(spark);
        tell.send(spark.clone())
    });
    let address = primus.listen("127.0.0.1:0").unwrap();
    let process = node(&["client", name, &format!("http://{address}")]);
    scenario.run(&told.recv_timeout(SOON).unwrap(), &process);
    primus.destroy(Destroy::default());
}

/// What our end was told, in words.
#[derive(Clone)]
struct Told(Sender<String>, Arc<Mutex<Receiver<String>>>);

impl Told {
    fn new() -> Self {
        let (tell, told) = channel();
        Told(tell, Arc::new(Mutex::new(told)))
    }

    fn next(&self) -> String {
        self.1.lock().unwrap().recv_timeout(SOON).expect("it is told in time")
    }
}

#[derive(Clone)]
struct Events(Told);

impl Scenario for Events {
    fn listen<C: Channel>(&self, end: &C) {
        for name in ["hello", "echo"] {
            let tell = self.0.0.clone();
            end.on_event(name, move |_, event| {
                tell.send(format!("{name} {}", Value::of(event.args())?))
                    .map_err(primus::BoxError::from)
            });
        }
    }

    fn run<C: Channel>(&self, end: &C, _: &Process) {
        assert_eq!(self.0.next(), r#"hello ["from js",{"n":1}]"#);
        end.emit("echo", ()).unwrap();
        assert_eq!(self.0.next(), "echo []");
        end.emit(
            "echo",
            (Value::Undefined, 1.5, "ü", [[1], [2]], Value::from([("a", Value::Null)])),
        )
        .unwrap();
        assert_eq!(self.0.next(), r#"echo [null,1.5,"ü",[[1],[2]],{"a":null}]"#);
        let long = "x".repeat(64 << 10);
        end.emit("echo", &long).unwrap();
        assert_eq!(self.0.next(), format!("echo [\"{long}\"]"));
        for reserved in ["data", "open", "heartbeat", "constructor", "__proto__", "newListener"] {
            assert!(matches!(end.emit(reserved, 1), Err(Error::Misuse(_))), "{reserved}");
        }
        end.emit("echo", "still there").unwrap();
        assert_eq!(self.0.next(), r#"echo ["still there"]"#);
    }
}

#[test]
fn events_with_the_server_of_npm() {
    if !node::is_skipped() {
        with_their_server("emit", Emit, &Events(Told::new()));
    }
}

#[test]
fn events_with_the_client_of_npm() {
    if !node::is_skipped() {
        with_their_client("emit", Emit, &Events(Told::new()));
    }
}

#[derive(Clone)]
struct Acks(Told);

impl Scenario for Acks {
    fn listen<C: Channel>(&self, end: &C) {
        let tell = self.0.0.clone();
        end.on_event("ask", move |_, event| {
            assert!(event.wants_ack());
            event.ack((event.parse::<String>()?, Value::Null, 2))?;
            assert!(!event.wants_ack());
            // A second one is not sent.
            event.ack("again")?;
            tell.send("asked".into()).map_err(primus::BoxError::from)
        });
    }

    fn run<C: Channel>(&self, end: &C, process: &Process) {
        assert_eq!(self.0.next(), "asked");
        assert_eq!(process.line(), r#"acked ["q?",null,2]"#);
        let sum: (f64, String) = end.send_ack("add", (1, 2.5), SOON).unwrap().parse().unwrap();
        assert_eq!(sum, (3.5, "sum".into()));
        // The second acknowledgement is passed over.
        assert_eq!(end.send_ack("twice", (), SOON).unwrap().parse::<u8>().unwrap(), 1);
        let tell = self.0.0.clone();
        let call = move |_: &C, values: primus::Result<primus::plugins::Args>| {
            let _ = tell.send(format!("{:?}", values.unwrap().parse::<f64>()));
        };
        end.send_with("add", (2, 3), SOON, call).unwrap();
        assert_eq!(self.0.next(), "Ok(5.0)");
        end.send("news", ("rain", [1])).unwrap();
        assert_eq!(process.line(), r#"news ["rain",[1]]"#);
        let late = end.send_ack("never", (), Duration::from_millis(10));
        assert!(matches!(late, Err(Error::Timeout(text)) if text.contains("`never`")));
        // It ends the connection while we wait.
        end.send("end it", ()).unwrap();
        let ended = end.send_ack("never", (), SOON);
        assert!(matches!(ended, Err(Error::Closed)), "{ended:?}");
    }
}

#[test]
fn acknowledgements_with_the_server_of_npm() {
    if !node::is_skipped() {
        with_their_server("emitter", Emitter, &Acks(Told::new()));
    }
}

#[test]
fn acknowledgements_with_the_client_of_npm() {
    if !node::is_skipped() {
        with_their_client("emitter", Emitter, &Acks(Told::new()));
    }
}

#[derive(Clone)]
struct Requests(Told);

impl Scenario for Requests {
    fn listen<C: Channel>(&self, end: &C) {
        let tell = self.0.0.clone();
        end.on_request(move |_, request| {
            request.respond(&("a", request.data()))?;
            request.respond("again")?;
            tell.send("asked".into()).map_err(primus::BoxError::from)
        });
    }

    fn run<C: Channel>(&self, end: &C, process: &Process) {
        assert_eq!(self.0.next(), "asked");
        assert_eq!(process.line(), r#"answered ["a",{"q":1}]"#);
        for asked in [Value::Null, false.into(), "text".into(), Value::from([Value::from(1)])] {
            let answer = end.write_and_wait(&asked, SOON).unwrap();
            assert_eq!(answer["got"], asked);
        }
        assert_eq!(end.write_and_wait("empty", SOON).unwrap(), Value::Undefined);
        let tell = self.0.0.clone();
        let call = move |_: &C, answer: primus::Result<Value>| {
            let _ = tell.send(answer.unwrap().to_string());
        };
        end.write_with("q", SOON, call).unwrap();
        assert_eq!(self.0.next(), r#"{"got":"q"}"#);
        let late = end.write_and_wait("never", Duration::from_millis(10));
        assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
    }
}

#[test]
fn requests_with_the_server_of_npm() {
    if !node::is_skipped() {
        with_their_server("responder", Responder, &Requests(Told::new()));
    }
}

#[test]
fn requests_with_the_client_of_npm() {
    if !node::is_skipped() {
        with_their_client("responder", Responder, &Requests(Told::new()));
    }
}

#[test]
fn ids_from_the_server_of_npm() {
    if node::is_skipped() {
        return;
    }
    let process = node(&["server", "mirage"]);
    let line = process.line();
    let url = line.strip_prefix("listening on ").expect("it tells where it listens");
    let told = Told::new();
    let tell = told.0.clone();
    let client = Client::builder(url).plugin(Mirage::new());
    let client = client
        .connect_with(|client| {
            client.on_mirage(move |_, id| tell.send(id.to_owned()));
        })
        .unwrap();
    let id = told.next();
    assert!(id.len() == 16 && client.mirage().as_ref() == Some(&id), "{id}");
    let expected = format!("mirage \"{id}\"");
    assert_eq!(process.line(), expected);
    // Another connection, the same id.
    client.end();
    client.open().unwrap();
    assert_eq!(process.line(), expected);
    client.end();
    // An id from before.
    let known = Client::builder(url).plugin(Mirage::new().id("a b&c=ü")).connect().unwrap();
    assert_eq!(process.line(), "mirage \"a b&c=ü\"");
    assert_eq!(known.mirage().as_deref(), Some("a b&c=ü"));
    known.end();
}

#[test]
fn ids_for_the_client_of_npm() {
    if node::is_skipped() {
        return;
    }
    let primus = Primus::builder().plugin(Emitter).plugin(Mirage::new()).build().unwrap();
    let (tell, told) = channel();
    primus.on_connection(move |spark| tell.send(spark.clone()));
    let address = primus.listen("127.0.0.1:0").unwrap();
    let process = node(&["client", "mirage", &format!("http://{address}")]);
    let first = told.recv_timeout(SOON).unwrap();
    let id = first.mirage().expect("it is settled").to_owned();
    assert_eq!(process.line(), format!("given \"{id}\""));
    first.end_options(EndOptions::default().reconnect(true));
    let second = told.recv_timeout(SOON).unwrap();
    assert_eq!(second.mirage(), Some(&*id));
    primus.destroy(Destroy::default());
}
