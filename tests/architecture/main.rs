//! Who may use what: reads the sources and holds them to the rules below.
//!
//! The layers, lowest first; each uses those before it and never those after:
//! values, errors and limits; parsers and protocol; timer, net and http; the wire
//! protocols; server and client, which do not know each other, and of the wire
//! protocols only the catalogue and their own contract; the testing kit.

mod graph;
mod sources;

use std::collections::BTreeSet;

use graph::Graph;
use sources::{below, code, files, is_of_tests, names, sources};

/// Longest source file, in lines.
const LONGEST: usize = 400;

/// Longest of those that are the face of something, a method for each thing
/// that it can do.
const LONGEST_FACE: usize = 700;

/// The faces.
const FACES: &[&str] =
    &["src/server/builder.rs", "src/server/primus.rs", "src/server/spark/mod.rs"];

/// Files that do no input or output, know no threads and no clock: what they
/// need of these is an argument. A `*` stands for any name, a `!` takes out of
/// what was said before; so it is in all rules.
const SANS_IO: &[&str] = &[
    "client/machine/",
    "client/recovery.rs",
    "http/",
    "!http/client/",
    "!http/server/",
    "parsers/",
    "protocol/",
    "timer/wheel/",
    "transformers/*/",
    "!transformers/*/client",
    "!transformers/*/server",
    "!transformers/several/",
    "!transformers/polled/",
    "transformers/polled/protocol.rs",
    "transformers/polled/records.rs",
    "transformers/*/client/incoming.rs",
    "transformers/*/client/options.rs",
    "plugins/cluster/wire.rs",
    "plugins/cluster/carried.rs",
    "plugins/cluster/peers.rs",
    "plugins/compat/doubles.rs",
    "plugins/metroplex/keys.rs",
    "plugins/metroplex/machine/",
    "plugins/metroplex/talk.rs",
    "link/address.rs",
    "link/batch.rs",
    "link/decoder.rs",
    "link/exchange/",
    "link/greeting.rs",
    "link/news.rs",
    "link/pause.rs",
    "link/queue/",
    "link/standing.rs",
    "link/state.rs",
    "link/topics.rs",
];

/// What those never name: paths, and words.
const IO_PATHS: &[&str] = &["std::net", "std::thread", "std::fs", "std::process", "std::os"];
const IO_WORDS: &[&str] = &[
    "Mutex",
    "Lock",
    "RwLock",
    "Condvar",
    "Instant::now",
    "SystemTime::now",
    "rustix",
    "crossbeam_channel",
];

/// Which files never use which. A name that a module exports again counts as
/// that of the file that has it.
const NEVER: &[(&[&str], &[&str])] = &[
    // What everything else is made of.
    (
        &["value/", "frame/", "close.rs", "limits.rs", "error.rs", "ready_state.rs"],
        &[
            "parsers/",
            "protocol/",
            "timer/",
            "http/",
            "net/",
            "transformers/",
            "server/",
            "client/",
            "testing/",
            "link/",
        ],
    ),
    (
        &["parsers/", "protocol/"],
        &[
            "timer/",
            "http/",
            "net/",
            "transformers/",
            "middleware/",
            "server/",
            "client/",
            "testing/",
        ],
    ),
    (&["spec.rs"], &["timer/", "http/", "net/", "transformers/", "server/", "client/", "testing/"]),
    // The network.
    (
        &["http/", "net/", "timer/"],
        &["transformers/", "middleware/", "server/", "client/", "testing/"],
    ),
    (&["net/"], &["http/"]),
    (&["http/", "!http/client/", "!http/server/"], &["net/", "http/client/", "http/server/"]),
    (&["http/server/"], &["http/client/", "net/dial/"]),
    (&["http/client/"], &["http/server/"]),
    (&["middleware/"], &["transformers/", "server/", "client/", "testing/"]),
    // The link to Redis, which knows nothing of Primus, and of which only plugins know.
    (
        &["link/"],
        &[
            "parsers/",
            "protocol/",
            "timer/",
            "http/",
            "transformers/",
            "middleware/",
            "server/",
            "client/",
            "library/",
            "plugins/",
            "testing/",
            "channel/",
            "value/",
        ],
    ),
    (&["*/", "!link/", "!plugins/"], &["link/"]),
    // The wire protocols: of server and client they know the contract.
    (
        &["transformers/"],
        &["server/", "client/", "testing/", "middleware/", "plugins/", "library/"],
    ),
    (
        &[
            "transformers/serve.rs",
            "transformers/*/server",
            "transformers/polled/",
            "!transformers/polled/client",
        ],
        &["transformers/connect.rs", "transformers/*/client", "http/client/", "net/dial/"],
    ),
    (
        &["transformers/connect.rs", "transformers/*/client", "transformers/several/"],
        &[
            "transformers/serve.rs",
            "transformers/*/server",
            "transformers/polled/serve.rs",
            "http/server/",
            "extensions.rs",
        ],
    ),
    (
        &[
            "transformers/*/",
            "!transformers/*/client",
            "!transformers/*/server",
            "!transformers/several/",
            "!transformers/polled/",
        ],
        &[
            "parsers/",
            "protocol/",
            "timer/",
            "net/",
            "http/client/",
            "http/server/",
            "transformers/mod.rs",
            "transformers/serve.rs",
            "transformers/connect.rs",
        ],
    ),
    // What plugins see of a connection, and the plugins.
    (&["channel/", "codec.rs"], &["transformers/", "server/", "client/", "plugins/", "testing/"]),
    (&["plugins/"], &["transformers/", "http/server/", "testing/"]),
    (&["plugins/", "!plugins/omega/"], &["http/client/", "net/", "client/url.rs"]),
    // Where to forward to, the registry knows, and the bus, which servers do not hear it.
    (
        &[
            "plugins/",
            "!plugins/omega/",
            "!plugins/metroplex/forward.rs",
            "!plugins/cluster/direct.rs",
            "!plugins/cluster/node.rs",
            "!plugins/compat/rooms_adapter.rs",
        ],
        &["plugins/omega/forward/"],
    ),
    // The registry knows what it tells Redis, and its machine neither of the two.
    (&["plugins/", "!plugins/metroplex/"], &["plugins/metroplex/machine/"]),
    (
        &["plugins/metroplex/machine/"],
        &["server/", "client/", "link/", "timer/", "events.rs", "plugins/metroplex/talk.rs"],
    ),
    // One has an HTTP client of its own, in one folder.
    (
        &["plugins/omega/", "!plugins/omega/forward/"],
        &["http/client/", "net/", "!net/tls/client.rs"],
    ),
    (&["plugins/omega/wire.rs"], &["server/", "client/", "middleware/", "http/", "net/"]),
    // Redis is the business of plugins.
    (
        &[
            "http/",
            "net/",
            "timer/",
            "middleware/",
            "transformers/",
            "channel/",
            "server/",
            "client/",
        ],
        &["link/"],
    ),
    (
        &["plugins/cluster/wire.rs", "plugins/cluster/carried.rs", "plugins/cluster/peers.rs"],
        &["link/", "server/", "sync.rs"],
    ),
    // Server and client: of the wire protocols they know the catalogue.
    (
        &["server/", "library/"],
        &[
            "client/",
            "plugins/",
            "testing/",
            "transformers/*/",
            "!transformers/polled/cast.rs",
            "!transformers/polled/records.rs",
            "transformers/connect.rs",
            "http/client/",
            "net/dial/",
        ],
    ),
    (
        &["client/"],
        &[
            "server/",
            "middleware/",
            "plugins/",
            "library/",
            "testing/",
            "transformers/*/",
            "transformers/serve.rs",
            "http/server/",
        ],
    ),
];

/// Files that use each other in a circle, a group each; no others do. A folder stands
/// for its files.
const CIRCLES: &[&[&str]] = &[
    // A client, its plugins, and what its listeners are called with.
    &[
        "client/deliver.rs",
        "client/driver.rs",
        "client/events.rs",
        "client/mod.rs",
        "client/options.rs",
        "client/outgoing.rs",
        "client/plugins.rs",
        "client/shared.rs",
    ],
    // An error may be the cause of an end, an end an error.
    &["close.rs", "error.rs"],
    // A connection, and its waits for its client.
    &["http/server/connection/"],
    // A parked connection goes on on a thread, and a thread parks connections.
    &[
        "http/server/connections/entry.rs",
        "http/server/connections/mod.rs",
        "http/server/connections/threads.rs",
        "http/server/lot.rs",
    ],
    // A link, what opens it, and what its handles and threads share.
    &[
        "link/builder.rs",
        "link/commands.rs",
        "link/mod.rs",
        "link/shared.rs",
        "link/subscriber.rs",
        "link/subscription.rs",
    ],
    // What is within brackets, and the whole that it is part of and made of.
    &["parsers/text/de.rs", "parsers/text/within.rs"],
    &["parsers/text/group.rs", "parsers/text/ser.rs"],
    // A server has its sparks and plugins, these have their server, and listeners
    // are called with them.
    &[
        "server/plugins.rs",
        "server/broadcaster/mod.rs",
        "server/deliver.rs",
        "server/events.rs",
        "server/failure.rs",
        "server/inner.rs",
        "server/primus.rs",
        "server/registry.rs",
        "server/spark/heart.rs",
        "server/spark/mod.rs",
    ],
    // What a test holds of a connection, and the connection.
    &["testing/line.rs", "testing/link.rs"],
];

/// Crates, and parts of them, that only one part names.
const OWNED: &[(&str, &str)] = &[
    ("tungstenite", "transformers/websockets/"),
    ("rustix::event", "net/"),
    ("redis", "link/"),
    ("sha1", "plugins/history/ticket.rs"),
];

/// The files that a crate's name must not appear in.
const WITHOUT: &[(&str, &str)] = &[("id.rs", "fastrand")];

/// Whether a file is among those that the patterns say.
fn is_in(file: &str, patterns: &[&str]) -> bool {
    patterns.iter().fold(false, |is_in, pattern| match pattern.strip_prefix('!') {
        Some(without) => is_in && !begins(file, without),
        None => is_in || begins(file, pattern),
    })
}

/// Whether a path begins as the pattern says.
fn begins(path: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return path.starts_with(pattern) };
    let rest = path.strip_prefix(before).and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    rest.is_some_and(|rest| begins(rest, after))
}

#[track_caller]
fn none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn layers_do_not_use_what_is_above_them() {
    let sources = sources();
    let mut breaches = Vec::new();
    for (file, used) in Graph::new(&sources).uses() {
        for (_, never) in NEVER.iter().filter(|(files, _)| is_in(file, files)) {
            let bad = used.iter().filter(|used| is_in(used, never));
            breaches.extend(bad.map(|used| format!("src/{file} uses src/{used}")));
        }
    }
    none(breaches);
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let graph = Graph::new(&sources());
    let is_known = |group: &BTreeSet<String>| {
        CIRCLES.iter().any(|known| group.iter().all(|file| is_in(file, known)))
    };
    let new = graph.circles().into_iter().filter(|group| !is_known(group));
    none(new.map(|group| graph.circle(&group).join("\n  uses ")).collect());
}

/// A protocol is a `Kind`; what names there are for it, the catalogue knows alone.
#[test]
fn names_of_protocols_are_compared_nowhere() {
    const NAMES: &[&str] =
        &["websockets", "faye", "uws", "lws", "engine.io", "sockjs", "browserchannel", "socket.io"];
    let literals: Vec<_> = NAMES.iter().map(|name| format!("{name:?}")).collect();
    let mut breaches = Vec::new();
    for (file, text) in files("src") {
        if ["transformers/kind.rs", "transformers/mod.rs"].contains(&&*file) || is_of_tests(&file) {
            continue;
        }
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        let found = literals.iter().filter(|literal| code.contains(literal.as_str()));
        breaches.extend(found.map(|literal| format!("src/{file} has the name {literal}")));
    }
    none(breaches);
}

#[test]
fn sans_io_files_know_no_socket_thread_lock_or_clock() {
    let mut breaches = Vec::new();
    for (file, code) in sources().iter().filter(|(file, _)| is_in(file, SANS_IO)) {
        for path in IO_PATHS {
            let (root, name) = path.split_once("::").unwrap();
            if below(code, root).contains(name) {
                breaches.push(format!("src/{file} names `{path}`"));
            }
        }
        let words = IO_WORDS.iter().filter(|word| names(code, word));
        breaches.extend(words.map(|word| format!("src/{file} names `{word}`")));
    }
    none(breaches);
}

#[test]
fn some_crates_belong_to_one_part() {
    let mut breaches = Vec::new();
    for (file, code) in &sources() {
        for (name, owner) in OWNED {
            // A function may have the name of a crate.
            let code = code.replace(&format!("fn {name}("), "fn (");
            if !file.starts_with(owner) && names(&code, name) {
                breaches.push(format!("src/{file} names `{name}`, which belongs to {owner}"));
            }
        }
        for (without, name) in WITHOUT {
            if file == without && names(code, name) {
                breaches.push(format!("src/{file} names `{name}`"));
            }
        }
    }
    none(breaches);
}

#[test]
fn nothing_is_unsafe() {
    let mut breaches = Vec::new();
    for root in ["src", "tests", "examples"] {
        for (file, text) in files(root) {
            if names(&code(&text), "unsafe") {
                breaches.push(format!("{root}/{file} is unsafe"));
            }
        }
    }
    none(breaches);
    assert!(sources()["lib.rs"].contains("#![forbid(unsafe_code)]"));
}

#[test]
fn files_are_short() {
    let mut breaches = Vec::new();
    for root in ["src", "examples"] {
        for (file, text) in files(root) {
            let (file, lines) = (format!("{root}/{file}"), text.lines().count());
            let most = if FACES.contains(&&*file) { LONGEST_FACE } else { LONGEST };
            if lines > most {
                breaches.push(format!("{file} has {lines} lines, more than {most}"));
            }
        }
    }
    none(breaches);
}

/// A rule for a file that was renamed would hold nobody to anything.
#[test]
fn every_rule_has_its_files() {
    let sources = sources();
    let never = NEVER.iter().flat_map(|(files, never)| files.iter().chain(*never));
    let parts = never.chain(SANS_IO).copied().filter(|part| !part.starts_with('!'));
    let parts = parts.chain(OWNED.iter().map(|(_, owner)| *owner));
    let parts = parts.chain(WITHOUT.iter().map(|(file, _)| *file));
    let parts = parts.chain(CIRCLES.iter().flat_map(|group| group.iter().copied()));
    let parts = parts.chain(FACES.iter().map(|file| file.trim_start_matches("src/")));
    let missing = parts.filter(|part| !sources.keys().any(|file| begins(file, part)));
    none(missing.map(|part| format!("there is no src/{part}")).collect());
}

#[test]
fn patterns_say_which_files_are_meant() {
    let all = ["a/", "!a/*/x", "a/b/x/y.rs"];
    for file in ["a/b.rs", "a/b/c.rs", "a/b/c/x.rs", "a/b/x/y.rs"] {
        assert!(is_in(file, &all), "{file}");
    }
    for file in ["b/a.rs", "a/b/x.rs", "a/b/x/z.rs"] {
        assert!(!is_in(file, &all), "{file}");
    }
}
