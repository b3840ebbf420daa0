//! Several servers that are one: a page shows who is on which of them, and writes to
//! everybody, or to one, wherever they are. A server may come, go, crash and be
//! restarted; its people find themselves on another one, and miss nothing.
//!
//! ```console
//! $ redis-server --save '' &
//! $ cargo run --example cluster -- --port 8081 --redis redis://127.0.0.1 &
//! this server is at http://127.0.0.1:8081
//! $ cargo run --example cluster -- --port 8082 --redis redis://127.0.0.1 &
//! this server is at http://127.0.0.1:8082
//! ```
//!
//! Each is a page by itself. To have one address for both, put nginx in front of them
//! (the page `scaling` of the documentation says why so, and has units for systemd):
//!
//! ```nginx
//! # WebSockets that are sessions by themselves: whichever server has the fewest.
//! upstream any {
//!     least_conn;
//!     server 127.0.0.1:8081 max_fails=0;
//!     server 127.0.0.1:8082 max_fails=0;
//! }
//! # Sessions of several requests: a client's are all for the same server.
//! upstream sticky {
//!     hash $remote_addr consistent;
//!     server 127.0.0.1:8081 max_fails=0;
//!     server 127.0.0.1:8082 max_fails=0;
//!     keepalive 64;
//! }
//! map "$http_upgrade $request_uri" $servers {
//!     default                      sticky;
//!     "~*^websocket .*[?&]sid="    sticky;    # engine.io, going over from polls
//!     "~*^websocket /primus/1/"    sticky;    # socket.io
//!     "~*^websocket "              any;
//! }
//! map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
//!
//! server {
//!     listen 80;
//!     location / {
//!         proxy_pass http://$servers;
//!         proxy_http_version 1.1;
//!         proxy_connect_timeout 2s;
//!         proxy_set_header Host $host;
//!         proxy_set_header Upgrade $http_upgrade;
//!         proxy_set_header Connection $connection_upgrade;
//!         proxy_set_header X-Forwarded-For $remote_addr;
//!         proxy_buffering off;
//!         client_max_body_size 10m;
//!     }
//!     # What servers tell each other over HTTP is not for the world.
//!     location /primus/omega/ { return 404; }
//! }
//! ```
//!
//! Anybody may take any name here: whom to believe is for an application to say.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use primus::link::{Batch, Reply};
use primus::middleware::TrustedProxies;
use primus::plugins::cluster::Cluster;
use primus::plugins::history::History;
use primus::plugins::metroplex::Metroplex;
use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::plugins::{Emitter, EmitterExt, EmitterServerExt, Event, ServerEventExt};
use primus::{BoxError, Destroy, Error, Primus, RedisLink, Spark};
use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

#[path = "../shared/page.rs"]
mod page;

use page::{File, Kind, STYLE};

const FILES: &[File] = &[
    ("/", include_str!("page.html"), Kind::Html),
    ("/cluster.css", include_str!("page.css"), Kind::Css),
    ("/cluster.js", include_str!("page.js"), Kind::JavaScript),
    STYLE,
];

const HELP: &str = "\
Usage: cluster [options]
  --host HOST      address to listen on (127.0.0.1)
  --port PORT      port, 0 for any (8081)
  --redis URL      the Redis that all servers have (redis://127.0.0.1)
  --address URL    where the other servers see this one (what it listens on)";

/// Everybody is in this room; and in that of their name, with all that they have open.
const EVERYBODY: &str = "everybody";

/// The longest name and message, in characters.
const LONGEST_NAME: usize = 32;
const LONGEST_TEXT: usize = 2_000;

/// How often a server looks what the others have to tell of themselves, and how long
/// that holds, in milliseconds, when they tell nothing more.
const EVERY: Duration = Duration::from_secs(1);
const HOLDS: &str = "10000";

/// How long Redis may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The event `say`; the id is the page's own, the same if it says it again. Whoever it
/// is for gets it as the event `said`.
#[derive(Deserialize)]
struct Say {
    id: String,
    /// The name of somebody, or nothing.
    to: String,
    text: String,
}

#[derive(Serialize)]
struct Said<'a> {
    id: &'a str,
    from: &'a str,
    to: &'a str,
    text: &'a str,
    /// The server that it came by.
    server: &'a str,
}

/// The event `servers`: who is where, as far as this server knows.
#[derive(Clone, Default, PartialEq, Serialize)]
struct Servers {
    /// This one.
    here: String,
    /// Whether it hears the others.
    joined: bool,
    servers: Vec<Server>,
}

#[derive(Clone, PartialEq, Serialize)]
struct Server {
    address: String,
    people: BTreeSet<String>,
}

/// How somebody is called.
#[derive(Default)]
struct Name(Mutex<String>);

fn name_of(spark: &Spark) -> String {
    lock(&spark.extensions().get_or_init(Name::default).0).clone()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), BoxError> {
    let (mut host, mut port) = ("127.0.0.1".to_owned(), 8081);
    let (mut redis, mut address) = ("redis://127.0.0.1".to_owned(), None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        use lexopt::prelude::*;
        match argument {
            Long("host") => host = arguments.value()?.string()?,
            Long("port") => port = arguments.value()?.parse()?,
            Long("redis") => redis = arguments.value()?.string()?,
            Long("address") => address = Some(arguments.value()?.string()?),
            Short('h') | Long("help") => {
                println!("{HELP}");
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let link = RedisLink::open(&redis)?;
    let cluster = Cluster::new();
    // One that has crashed is out of the picture soon.
    let mut metroplex = Metroplex::new(&link).interval(Duration::from_secs(10));
    if let Some(address) = address {
        metroplex = metroplex.address(&address);
    }
    let primus = Primus::builder()
        .transformer("websockets, engine.io, sockjs")
        .max_length(16 << 10)
        .trusted_proxies(TrustedProxies::list(["127.0.0.1"])?)
        .plugin(metroplex)
        .plugin(Rooms::new().wildcard(false).store(cluster.rooms()))
        .plugin(cluster.clone())
        .plugin(Emitter)
        .plugin(History::redis(&link))
        .build()?;
    page::serve(&primus, FILES);
    let (tell, told) = mpsc::channel();
    let servers = Arc::new(Mutex::new(Servers::default()));
    listen(&primus, &servers, tell);
    let listening = primus.listen((&*host, port))?;
    println!("this server is at http://{listening}");
    let (watched, link) = (primus.clone(), link.clone());
    thread::spawn(move || {
        let mut watch = Watch { primus: watched, cluster, link, servers };
        while told.recv_timeout(EVERY) != Err(RecvTimeoutError::Disconnected) {
            // What more has happened meanwhile is seen with it.
            while told.try_recv().is_ok() {}
            watch.look();
        }
    });
    signals.forever().next();
    // They come back, to this server's successor or to another one.
    primus.destroy(Destroy::default().reconnect(true).timeout(Duration::from_secs(5)));
    Ok(())
}

/// What happens here: `tell` is told when somebody comes or goes.
fn listen(primus: &Primus, servers: &Arc<Mutex<Servers>>, tell: Sender<()>) {
    let servers = servers.clone();
    primus.on_connection(move |spark| spark.send("servers", (&*lock(&servers),)));
    let come = tell.clone();
    primus.on_event("enter", move |spark, event| {
        enter(spark, event)?;
        let _ = come.send(());
        Ok::<_, Error>(())
    });
    primus.on_event("say", |spark, event| say(spark, &event.parse()?));
    primus.on_disconnection(move |_| {
        let _ = tell.send(());
    });
}

/// Acknowledged with nothing, or with what is wrong.
fn enter(spark: &Spark, event: &Event<'_>) -> primus::Result<()> {
    let name: String = event.parse()?;
    let name = name.trim();
    if !(1..=LONGEST_NAME).contains(&name.chars().count()) {
        return event.ack("A name has 1 to 32 characters.");
    }
    *lock(&spark.extensions().get_or_init(Name::default).0) = name.to_owned();
    spark.leave_all();
    spark.join_all([EVERYBODY, &room_of(name)])?;
    event.ack(None::<&str>)
}

fn room_of(name: &str) -> String {
    format!("called {name}")
}

fn say(spark: &Spark, Say { id, to, text }: &Say) -> primus::Result<()> {
    let (from, text) = (name_of(spark), text.trim());
    let fits = |text: &str, most| text.chars().count() <= most;
    if from.is_empty() || text.is_empty() || !fits(text, LONGEST_TEXT) || !fits(id, 100) {
        return Ok(());
    }
    let primus = spark.primus();
    let server = own_address(&primus);
    let said = Said { id, from: &from, to, text, server: &server };
    let rooms = match &**to {
        "" => vec![EVERYBODY.to_owned()],
        to => vec![room_of(to), room_of(&from)],
    };
    primus.room(rooms).send_all("said", (said,)).map(drop)
}

fn own_address(primus: &Primus) -> String {
    let metroplex = primus.plugin::<Metroplex>();
    metroplex.and_then(|metroplex| metroplex.own_address().map(str::to_owned)).unwrap_or_default()
}

/// Knows who is where.
struct Watch {
    primus: Primus,
    cluster: Cluster,
    link: RedisLink,
    servers: Arc<Mutex<Servers>>,
}

impl Watch {
    /// Looks, and tells the pages of this server if something has changed.
    fn look(&mut self) {
        let here = own_address(&self.primus);
        let people = self.primus.room(EVERYBODY).members().iter().map(name_of).collect();
        let own = Server { address: here.clone(), people };
        let all = self.ask(&own);
        let joined = self.cluster.is_joined() && all.is_some();
        let now = Servers { here, joined, servers: all.unwrap_or_else(|| vec![own]) };
        let mut servers = lock(&self.servers);
        if *servers != now {
            *servers = now;
            // One that is about to end need not hear it.
            self.primus.for_each(|spark| drop(spark.send("servers", (&*servers,))));
        }
    }

    /// Tells Redis who is here, and asks it for the others; none when it is away.
    fn ask(&self, own: &Server) -> Option<Vec<Server>> {
        let addresses = self.primus.plugin::<Metroplex>()?.servers().ok()?;
        let key = |address: &str| format!("cluster:people:{address}");
        let people = serde_json::to_string(&own.people).ok()?;
        let mut ask = Batch::new().cmd(&["SET", &key(&own.address), &people, "PX", HOLDS]);
        let mut keys = vec!["MGET".to_owned()];
        keys.extend(addresses.iter().map(|address| key(address)));
        ask.add(&keys);
        let mut replies = self.link.fetch(ask, PATIENCE).ok()?;
        let Some(Reply::Array(told)) = replies.pop() else { return None };
        let people = told.into_iter().map(|told| match told {
            Reply::BulkString(text) => serde_json::from_slice(&text).unwrap_or_default(),
            _ => BTreeSet::new(),
        });
        let servers = addresses.into_iter().zip(people);
        Some(servers.map(|(address, people)| Server { address, people }).collect())
    }
}
