//! The rules, as tables.

/// Longest source file, in lines.
pub const LONGEST: usize = 400;

/// Longest of those that are the face of something, a method for each thing
/// that it can do.
pub const LONGEST_FACE: usize = 700;

/// The faces.
pub const FACES: &[&str] =
    &["src/server/builder.rs", "src/server/primus.rs", "src/server/spark/mod.rs"];

/// Files that do no input or output, know no threads and no clock: what they
/// need of these is an argument. A `*` stands for any name, a `!` takes out of
/// what was said before; so it is in all rules.
pub const SANS_IO: &[&str] = &[
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
pub const IO_PATHS: &[&str] = &["std::net", "std::thread", "std::fs", "std::process", "std::os"];
pub const IO_WORDS: &[&str] = &[
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
pub const NEVER: &[(&[&str], &[&str])] = &[
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
pub const CIRCLES: &[&[&str]] = &[
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
pub const OWNED: &[(&str, &str)] = &[
    ("tungstenite", "transformers/websockets/"),
    ("rustix::event", "net/"),
    ("redis", "link/"),
    ("sha1", "plugins/history/ticket.rs"),
];

/// The files that a crate's name must not appear in.
pub const WITHOUT: &[(&str, &str)] = &[("id.rs", "fastrand")];
