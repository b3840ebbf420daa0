//! `cluster`: two of it behind nginx, set up as its documentation has it.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use primus::plugins::{Emitter, EmitterExt, EventExt, History};
use primus::{Client, Value};
use rustix::process::{Pid, Signal, kill_process};

use crate::Running;
use crate::common::PATIENCE;
use crate::common::nginx::{Nginx, is_skipped};
use crate::redis::Redis;

const SCALING: &str = include_str!("../../src/docs/scaling.md");
const EXAMPLE: &str = include_str!("../../examples/cluster/main.rs");

/// What is written between these two lines of a documentation.
fn block<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{begin} is there"));
    rest.split_once(end).expect("it ends").0
}

#[test]
fn the_example_and_the_documentation_say_the_same_of_nginx() {
    let example = block(EXAMPLE, "//! ```nginx\n", "//! ```");
    let lines = example.lines().map(|line| line.trim_start_matches("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let example: String = lines.flat_map(|line| [line, "\n"]).collect();
    assert_eq!(block(SCALING, "```nginx\n", "```"), example);
}

/// Two servers and what is in front of them.
struct Fleet {
    servers: [Running; 2],
    ports: [u16; 2],
    url: String,
    redis: Redis,
    _nginx: Nginx,
}

fn start(redis: &Redis, port: u16) -> (Running, u16) {
    let port = port.to_string();
    let mut server = Running::start("cluster", &["--port", &port, "--redis", &redis.url()]);
    let line = server.line();
    let (_, port) = line.rsplit_once(':').expect("where it listens");
    let port = port.parse().expect("a port");
    (server, port)
}

impl Fleet {
    fn start(name: &str) -> Option<Fleet> {
        if is_skipped() {
            return None;
        }
        let redis = Redis::start()?;
        let [(one, first), (two, second)] = [start(&redis, 0), start(&redis, 0)];
        let front = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let lines = block(SCALING, "```nginx\n", "```")
            .replace("127.0.0.1:8081", &format!("127.0.0.1:{first}"))
            .replace("127.0.0.1:8082", &format!("127.0.0.1:{second}"))
            .replace("listen 80;", &format!("listen {front}; listen SOCKET;"));
        let nginx = Nginx::start(name, &lines);
        let (servers, ports) = ([one, two], [first, second]);
        let fleet = Fleet { servers, ports, url: format!("http://{front}"), redis, _nginx: nginx };
        [0, 1].iter().for_each(|server| fleet.wait(*server));
        Some(fleet)
    }

    /// Waits until a server has found the other.
    fn wait(&self, server: usize) {
        let probe = Person::come(&self.address(server), "probe", "websockets", "");
        probe.wait("both servers", |servers| servers.len() == 2);
        probe.client.end();
    }

    fn address(&self, server: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[server])
    }

    /// Ends a server in good order, and starts it again.
    fn restart(&mut self, server: usize) {
        let pid = Pid::from_child(&self.servers[server].child);
        kill_process(pid, Signal::TERM).unwrap();
        assert_eq!(self.servers[server].status(), Some(0));
        self.servers[server] = start(&self.redis, self.ports[server]).0;
        self.wait(server);
    }

    /// Somebody who has come in by nginx.
    fn person(&self, name: &str, transformer: &str, transports: &str) -> Person {
        Person::come(&self.url, name, transformer, transports)
    }
}

struct Person {
    client: Client,
    /// Their ids and texts.
    messages: Receiver<(String, String)>,
    servers: Receiver<Value>,
}

impl Person {
    /// Somebody who has come in.
    fn come(url: &str, name: &str, transformer: &str, transports: &str) -> Person {
        let (heard, messages) = channel();
        let (seen, servers) = channel();
        let mut builder = Client::builder(url)
            .transformer(transformer)
            .plugin(Emitter)
            .plugin(History::new())
            .reconnect_min(Duration::from_millis(20));
        if !transports.is_empty() {
            builder = builder.transport("transports", transports);
        }
        let own = name.to_owned();
        let client = builder
            .connect_with(|client| {
                client.on_event("said", move |_, event| {
                    let said: Value = event.parse()?;
                    let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
                    drop(heard.send((text("id"), text("text"))));
                    Ok::<_, primus::Error>(())
                });
                client.on_event("servers", move |_, event| {
                    drop(seen.send(event.parse::<Value>()?));
                    Ok::<_, primus::Error>(())
                });
                client.on_open(move |client| client.send("enter", &*own).map(drop));
            })
            .expect("it lets people in");
        Person { client, messages, servers }
    }

    /// Says something, to everybody or to one.
    fn say(&self, to: &str, text: &str) {
        self.say_as(text, to, text);
    }

    fn say_as(&self, id: &str, to: &str, text: &str) {
        let say = [("id", id), ("to", to), ("text", text)];
        let say = say.map(|(key, text)| (key.to_owned(), Value::from(text)));
        self.client.send("say", (Value::from_iter(say),)).expect("it can be said");
    }

    /// Says it to everybody until it hears it itself: what is on its way to a server
    /// that ends is lost.
    fn insist(&self, text: &str) {
        for again in 0..100 {
            self.say_as(&format!("{text}/{again}"), "", text);
            let mut heard = self.messages.recv_timeout(Duration::from_millis(500));
            while heard.as_ref().is_ok_and(|(_, heard)| heard != text) {
                heard = self.messages.recv_timeout(Duration::from_millis(500));
            }
            if heard.is_ok() {
                return;
            }
        }
        panic!("{text} is not heard");
    }

    fn hears(&self) -> String {
        self.messages.recv_timeout(PATIENCE).expect("a message").1
    }

    /// Waits until the servers are such; the one that it is on.
    #[track_caller]
    fn wait(&self, what: &str, such: impl Fn(&[Value]) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        while let Ok(now) = self.servers.recv_timeout(deadline - Instant::now()) {
            if now["joined"] == Value::Bool(true) && such(now["servers"].as_array().unwrap_or(&[]))
            {
                return now["here"].as_str().unwrap_or_default().to_owned();
            }
            last = now;
        }
        panic!("{what}: {last}");
    }

    fn sees(&self, names: &[&str]) -> String {
        let all = |servers: &[Value]| -> BTreeSet<String> {
            let people =
                servers.iter().flat_map(|server| server["people"].as_array().unwrap_or(&[]));
            people.filter_map(|name| name.as_str().map(str::to_owned)).collect()
        };
        let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.wait(&format!("{names:?}"), |servers| all(servers) == names)
    }
}

#[test]
fn people_on_two_servers_see_and_hear_each_other() {
    let Some(fleet) = Fleet::start("cluster-people") else { return };
    // Two connections to the servers with the fewest are one to each.
    let (ada, bob) = (fleet.person("ada", "websockets", ""), fleet.person("bob", "websockets", ""));
    let (of_ada, of_bob) = (ada.sees(&["ada", "bob"]), bob.sees(&["ada", "bob"]));
    assert_ne!(of_ada, of_bob);
    let all = BTreeSet::from([fleet.address(0), fleet.address(1)]);
    assert_eq!(BTreeSet::from([of_ada, of_bob]), all);
    ada.say("", "to all");
    assert_eq!((&*ada.hears(), &*bob.hears()), ("to all", "to all"));
    // To one, wherever; what comes next shows that nobody else heard it.
    let eve = fleet.person("eve", "websockets", "");
    eve.sees(&["ada", "bob", "eve"]);
    bob.say("ada", "to ada");
    bob.say("", "to all");
    assert_eq!((&*ada.hears(), &*bob.hears()), ("to ada", "to ada"));
    for person in [&ada, &bob, &eve] {
        assert_eq!(person.hears(), "to all");
    }
    for person in [ada, bob, eve] {
        person.client.end();
    }
}

/// Each request of theirs is a new decision of nginx's.
#[test]
fn sessions_that_poll_stay_with_their_server() {
    let Some(fleet) = Fleet::start("cluster-sticky") else { return };
    for (transformer, transports) in [("engine.io", "polling"), ("engine.io", ""), ("sockjs", "")] {
        let who = format!("{transformer} {transports}").trim().to_owned();
        let person = fleet.person(&who, transformer, transports);
        person.sees(&[&who]);
        let first = person.client.id(PATIENCE).unwrap();
        for n in 0..30 {
            person.say("", &format!("{who} {n}"));
            assert_eq!(person.hears(), format!("{who} {n}"));
        }
        assert_eq!(person.client.id(PATIENCE).unwrap(), first, "{who}");
        person.client.end();
    }
}

/// What is said while they are away comes when they are back, in its order, and once.
#[test]
fn nobody_misses_anything_while_one_server_after_the_other_is_restarted() {
    let Some(mut fleet) = Fleet::start("cluster-restart") else { return };
    let people = ["ada", "bob", "cyd", "dan"].map(|name| fleet.person(name, "websockets", ""));
    people.iter().for_each(|person| drop(person.sees(&["ada", "bob", "cyd", "dan"])));
    let over = AtomicBool::new(false);
    let said = std::thread::scope(|scope| {
        let speaker = fleet.person("speaker", "websockets", "");
        let over = &over;
        let talk = scope.spawn(move || {
            let mut said = 0u32;
            while !over.load(Ordering::Relaxed) {
                said += 1;
                speaker.insist(&said.to_string());
            }
            speaker.client.end();
            said
        });
        for server in [0, 1, 0] {
            fleet.restart(server);
        }
        over.store(true, Ordering::Relaxed);
        talk.join().expect("the speaker hears all")
    });
    for person in &people {
        let (mut ids, mut last) = (BTreeSet::new(), 0);
        while last < said {
            let (id, text) = person.messages.recv_timeout(PATIENCE).expect("a message");
            let number: u32 = text.parse().expect("a number");
            // The same again is what the speaker has said again.
            assert!(number == last || number == last + 1, "{number} behind {last}");
            assert!(ids.insert(id), "{number} twice");
            last = number;
        }
        person.client.end();
    }
}
