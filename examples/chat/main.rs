//! A chat for browsers: topics, who is there, the last messages, and a page that
//! finds its way back when the connection breaks.
//!
//! ```console
//! $ cargo run --example chat
//! the chat is at http://127.0.0.1:8080
//! ```
//!
//! What is said is kept in memory, the last 100 messages of each topic, which is a
//! room of the plugin `rooms`; what pages and server tell each other are events of the
//! plugin `emitter`. The page is in `page.html`, `page.css` and `page.js`.

use std::collections::HashSet;
use std::sync::Arc;

use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::plugins::{Emitter, EmitterExt, EmitterServerExt, Event, ServerEventExt};
use primus::{Primus, Spark};
use serde::{Deserialize, Serialize};

#[path = "../shared/page.rs"]
mod page;
mod topics;

use page::{File, Kind, STYLE};
use topics::{All, Said, Topics};

const FILES: &[File] = &[
    ("/", include_str!("page.html"), Kind::Html),
    ("/chat.css", include_str!("page.css"), Kind::Css),
    ("/chat.js", include_str!("page.js"), Kind::JavaScript),
    STYLE,
];

/// The event `join`: to be in a topic, with what was said there since the server's
/// `run` began that the page knows, after message number `seen`. Acknowledged with an
/// [`Answer`].
#[derive(Deserialize)]
struct Join {
    name: String,
    topic: String,
    run: u64,
    seen: u64,
}

/// What became of it.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Answer<'a> {
    /// It is in the topic; `whole`: nothing is missing before these messages.
    Joined { topic: &'a str, run: u64, messages: Vec<&'a Said>, whole: bool },
    /// It cannot join, and why.
    Refused(&'a str),
}

/// The event `say`; the id is the page's own, the same if it says it again. Everybody
/// in the topic gets it back as the event `said`.
#[derive(Deserialize)]
struct Say {
    id: String,
    text: String,
}

fn main() -> primus::Result<()> {
    let topics = Arc::new(Topics::default());
    // A topic may have a `*` in its name, which is to be nothing but that.
    let rooms = Rooms::new().wildcard(false);
    let builder = Primus::builder().max_length(16 << 10).plugin(rooms).plugin(Emitter);
    let primus = builder.build()?;
    page::serve(&primus, FILES);
    let all = topics.clone();
    primus.on_connection(move |spark| {
        spark.send("topics", (all.lock().counts(&spark.primus()),)).map(drop)
    });
    let all = topics.clone();
    primus.on_event("join", move |spark, event| join(&all, spark, event));
    let all = topics.clone();
    primus.on_event("say", move |spark, event| say(&all, spark, event.parse()?));
    // The page measures how long the answer takes.
    primus.on_event("ping", |_, event| event.ack(()));
    // Whether they go to another topic, or their connection has ended.
    primus.on_leave(move |spark, topic| {
        // It fails when the server ends.
        let _ = tell_all(&topics.lock(), &spark.primus(), topic);
    })?;
    println!("the chat is at http://{}", primus.listen_on(page::listener())?);
    primus.wait();
    Ok(())
}

fn join(topics: &Topics, spark: &Spark, event: &Event<'_>) -> primus::Result<()> {
    let Join { name, topic, run, seen } = event.parse()?;
    let (name, topic) = (name.trim(), topic.trim());
    let seen = if run == topics.run { seen } else { 0 };
    spark.leave_all();
    let mut all = topics.lock();
    match all.enter(spark, name, topic) {
        Err(refusal) => return event.ack(Answer::Refused(refusal)),
        Ok(entered) => {
            spark.join(topic)?;
            let (messages, whole) = entered.since(seen);
            event.ack(Answer::Joined { topic, run: topics.run, messages, whole })?;
        }
    }
    tell_all(&all, &spark.primus(), topic)
}

/// Sent while the topics are locked, so that everybody sees a topic's messages in its
/// order; to send never waits for a client.
fn say(topics: &Topics, spark: &Spark, Say { id, text }: Say) -> primus::Result<()> {
    let mut all = topics.lock();
    let Some(name) = spark.rooms().pop() else { return Ok(()) };
    let Some(topic) = all.topic(&name) else { return Ok(()) };
    if topic.say(topics::name_of(spark), id, &text) {
        spark.primus().room(name).send_all("said", topic.last())?;
    }
    Ok(())
}

/// Tells a topic who is in it now, and everybody how many are where.
fn tell_all(all: &All, primus: &Primus, topic: &str) -> primus::Result<()> {
    let topic = primus.room(topic);
    let people: HashSet<String> = topic.members().iter().map(topics::name_of).collect();
    // In a tuple: a list by itself would be the list of arguments.
    topic.send_all("people", (people,))?;
    primus.send_all("topics", (all.counts(primus),))
}
