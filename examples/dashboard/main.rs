//! A device's readings, live in every browser that looks: processor, memory, and
//! temperature where there is a sensor.
//!
//! ```console
//! $ cargo run --example dashboard
//! the dashboard is at http://127.0.0.1:8080
//! ```
//!
//! Every second a reading is broadcast. A page that is too slow skips readings,
//! and keeps nobody else waiting.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use primus::{Primus, SlowConsumer};
use serde::Serialize;

#[path = "../shared/page.rs"]
mod page;
mod sensors;

use page::{File, Kind, STYLE};
use sensors::{Measured, Sensors};

const FILES: &[File] = &[
    ("/", include_str!("page.html"), Kind::Html),
    ("/dashboard.css", include_str!("page.css"), Kind::Css),
    ("/dashboard.js", include_str!("page.js"), Kind::JavaScript),
    STYLE,
];

const EVERY: Duration = Duration::from_secs(1);

/// Readings kept for who comes later.
const KEPT: usize = 120;

#[derive(Clone, Serialize)]
struct Reading {
    /// Milliseconds since 1970, as a page counts.
    at: u64,
    values: BTreeMap<&'static str, Measured>,
    clients: usize,
    skipped: u64,
}

/// What a page is told first.
#[derive(Serialize)]
struct Welcome<'a> {
    host: &'a str,
    history: &'a VecDeque<Reading>,
}

fn main() -> primus::Result<()> {
    let primus = Primus::builder()
        .backlog(64 << 10)
        .slow_consumer(SlowConsumer::DropOldest)
        .max_length(1 << 10)
        .build()?;
    page::serve(&primus, FILES);
    let history = Arc::new(Mutex::new(VecDeque::with_capacity(KEPT)));
    let (host, shown) = (sensors::host(), history.clone());
    primus.on_connection(move |spark| {
        let history = shown.lock().unwrap_or_else(PoisonError::into_inner);
        spark.write(&Welcome { host: &host, history: &history })
    });
    println!("the dashboard is at http://{}", primus.listen_on(page::listener())?);
    measure(&primus, &history)
}

/// Measures and broadcasts, for ever.
fn measure(primus: &Primus, history: &Mutex<VecDeque<Reading>>) -> primus::Result<()> {
    let mut sensors = Sensors::default();
    let mut next = Instant::now();
    loop {
        next += EVERY;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
        let metrics = primus.metrics();
        let reading = Reading {
            at: u64::try_from(at).unwrap_or(u64::MAX),
            values: sensors.measure(),
            clients: primus.connected(),
            skipped: metrics.messages_dropped,
        };
        primus.write(&reading)?;
        let mut history = history.lock().unwrap_or_else(PoisonError::into_inner);
        if history.len() == KEPT {
            history.pop_front();
        }
        history.push_back(reading);
    }
}
