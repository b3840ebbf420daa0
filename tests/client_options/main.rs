//! Every number and every span that the client takes may be as small or as
//! large as its type has it: nothing panics, and "for ever" is a value.

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use primus::{Client, ClientBuilder, Destroy, Error, Primus, Written};

const SOON: Duration = Duration::from_secs(20);

/// Long enough for a few attempts that are made at once.
const MOMENT: Duration = Duration::from_millis(20);

const SPANS: [Duration; 7] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_millis(1),
    Duration::from_millis(u64::MAX),
    Duration::from_secs(u64::MAX / 2),
    Duration::from_secs(u64::MAX),
    Duration::MAX,
];
const SIZES: [usize; 5] = [0, 1, usize::MAX / 2, usize::MAX - 1, usize::MAX];
const FACTORS: [f64; 8] =
    [0.0, -0.0, -1.0, 1e-300, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

/// An option of a client with a value at the edge.
type Set = Box<dyn Fn(ClientBuilder) -> ClientBuilder>;

fn span(set: impl Fn(ClientBuilder, Duration) -> ClientBuilder + Copy + 'static) -> Vec<Set> {
    SPANS.map(|span| Box::new(move |builder| set(builder, span)) as Set).into()
}

fn size(set: impl Fn(ClientBuilder, usize) -> ClientBuilder + Copy + 'static) -> Vec<Set> {
    SIZES.map(|size| Box::new(move |builder| set(builder, size)) as Set).into()
}

/// All options of the builder that are numbers or spans.
fn options() -> Vec<(&'static str, Vec<Set>)> {
    vec![
        ("reconnect_min", span(ClientBuilder::reconnect_min)),
        ("reconnect_max", span(ClientBuilder::reconnect_max)),
        (
            "reconnect_retries",
            size(|b, n| b.reconnect_retries(u32::try_from(n).unwrap_or(u32::MAX))),
        ),
        ("reconnect_timeout", span(ClientBuilder::reconnect_timeout)),
        (
            "reconnect_factor",
            FACTORS.map(|n| Box::new(move |b: ClientBuilder| b.reconnect_factor(n)) as Set).into(),
        ),
        ("reconnect_seed", size(|b, n| b.reconnect_seed(n as u64))),
        ("timeout", span(ClientBuilder::timeout)),
        ("ping_timeout", span(ClientBuilder::ping_timeout)),
        (
            "client_pings",
            span(|b, s| b.client_pings(s, s))
                .into_iter()
                .chain(span(|b, s| b.client_pings(None, s)))
                .chain(span(|b, s| b.client_pings(s, None)))
                .chain(span(|b, s| b.client_pings(s, Duration::MAX)))
                .collect(),
        ),
        (
            "happn",
            span(|b, s| b.happn(s, s)).into_iter().chain(span(|b, s| b.happn(s, None))).collect(),
        ),
        ("queue_size", size(ClientBuilder::queue_size)),
        ("max_length", size(ClientBuilder::max_length)),
        ("values", size(ClientBuilder::values)),
        ("answers", size(ClientBuilder::answers)),
        ("inbox", size(ClientBuilder::inbox)),
        ("close_timeout", span(ClientBuilder::close_timeout)),
    ]
}

/// All methods of the client that take spans; each returns by itself on a
/// client that gets messages.
type Call = fn(&Client, Duration);

const METHODS: [(&str, Call); 5] = [
    ("wait_open", |client, span| drop(client.wait_open(span))),
    ("wait_end", |client, span| {
        // Of a client that lives, only what does not last is waited for.
        client.wait_end(span.min(MOMENT));
    }),
    ("recv_timeout", |client, span| {
        let _ = client.write("an echo is waited for");
        match client.recv_timeout(span) {
            Err(Error::Timeout(_)) => assert!(span < Duration::from_secs(1)),
            other => drop(other.unwrap()),
        }
    }),
    ("id", |client, span| match client.id(span) {
        Err(Error::Timeout(_)) => assert!(span < Duration::from_secs(1)),
        other => assert!(!other.unwrap().is_empty()),
    }),
    ("write_timeout", |client, span| {
        // Nothing waits: no time is needed.
        let written = client.write_timeout("x", span).unwrap();
        assert!(matches!(written, Written::Sent | Written::Queued(_)));
        client.recv_timeout(SOON).unwrap();
    }),
];

const BUILDER: [&str; 4] =
    ["builder/mod.rs", "builder/wire.rs", "builder/life.rs", "builder/bounds.rs"];

const CLIENT: [&str; 3] = ["mod.rs", "receiving.rs", "status.rs"];

/// The public functions in these sources of the client that take numbers or spans.
fn taking_numbers(files: &[&str]) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client");
    let sources: Vec<_> = files.iter().map(|file| fs::read_to_string(root.join(file))).collect();
    let sources: String = sources.into_iter().map(Result::unwrap).collect();
    let functions = sources.split("\n    pub fn ").skip(1);
    let takes = |signature: &&str| {
        let parameters = signature.split(") ->").next().unwrap();
        ["Duration", "usize", "u32", "u64", "f64", "Instant"]
            .iter()
            .any(|name| parameters.contains(name))
    };
    let signatures = functions.map(|text| text.split('{').next().unwrap()).filter(takes);
    let name = |signature: &str| {
        signature.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap().to_owned()
    };
    signatures.map(name).collect()
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn names<T>(of: &[(&'static str, T)]) -> BTreeSet<String> {
    of.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// A client with this option against a server, and against nobody.
fn live(builder: &ClientBuilder, nobody: &ClientBuilder, set: &Set, name: &str) {
    match set(builder.clone()).connect() {
        Ok(client) => {
            let _ = client.write("x");
            let _ = client.recv_timeout(MOMENT);
            client.end();
            assert!(client.wait_end(SOON), "{name}");
        }
        Err(Error::Option(text)) => assert!(text.contains(name), "{text}"),
        Err(Error::Timeout(_)) => assert_eq!(name, "timeout"),
        // So short a limit was not kept.
        Err(Error::Ended(_) | Error::Closed) => {}
        Err(Error::Protocol(text)) => assert_eq!(name, "max_length", "{text}"),
        Err(other) => panic!("{name}: {other}"),
    }
    if let Ok(client) = set(nobody.clone()).build() {
        client.wait_end(MOMENT);
        client.end();
        assert!(client.wait_end(SOON), "{name}");
    }
}

/// With everything at its highest, a client works.
fn for_ever(builder: &ClientBuilder) {
    let mut builder = builder.clone();
    for (name, sets) in options() {
        // The last of these is no number that means for ever.
        if !["reconnect_factor", "client_pings", "happn"].contains(&name) {
            builder = sets.last().unwrap()(builder);
        }
    }
    let client = builder.connect().unwrap();
    let long = "é".repeat(100_000);
    for text in ["x", &long, "y"] {
        client.write_timeout(text, Duration::MAX).unwrap();
        assert_eq!(client.recv_timeout(Duration::MAX).unwrap().as_str(), Some(text));
    }
    for (_, call) in METHODS {
        SPANS.iter().for_each(|span| call(&client, *span));
        // What came too late for a short wait.
        while client.recv_timeout(MOMENT).is_ok() {}
    }
    client.end();
    assert!(client.wait_end(Duration::MAX));
}

#[test]
fn every_option_and_method_takes_every_number() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(info);
    }));
    assert_eq!(names(&options()), taking_numbers(&BUILDER));
    assert_eq!(names(&METHODS), taking_numbers(&CLIENT));
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (transformer, transports) in
        [("websockets", ""), ("engine.io", "polling"), ("engine.io", "polling,websocket")]
    {
        let primus = Primus::builder().transformer(transformer).build().unwrap();
        primus.on_connection(|spark| {
            spark.on_data(|spark, message| spark.write_frame(message.frame()));
        });
        let address = primus.listen("127.0.0.1:0").unwrap();
        let builder = |address| {
            let mut builder =
                Client::builder(&format!("http://{address}")).transformer(transformer);
            if !transports.is_empty() {
                builder = builder.transport("transports", transports);
            }
            builder.reconnect_min(Duration::from_millis(1))
        };
        let (there, nobody) = (builder(address), builder(refused));
        for (name, sets) in options() {
            sets.iter().for_each(|set| live(&there, &nobody, set, name));
        }
        for_ever(&there);
        primus.destroy(Destroy::default());
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "see the panics above");
}
