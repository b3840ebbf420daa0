//! A chat for browsers: topics, who is there, the last messages, and a page that
//! finds its way back when the connection breaks.
//!
//! ```console
//! $ cargo run --example chat
//! the chat is at http://127.0.0.1:8080
//! ```
//!
//! What is said is kept in memory, the last 100 messages of each topic, which is a
//! room of the plugin `rooms`. The page is in `page.html`, `page.css` and `page.js`.

use std::collections::HashSet;
use std::sync::Arc;

use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::{Message, Primus, Spark};
use serde::{Deserialize, Serialize};

#[path = "../shared/page.rs"]
mod page;
mod topics;

use page::{File, Kind, STYLE};
use topics::{All, Count, Said, Topics};

const FILES: &[File] = &[
    ("/", include_str!("page.html"), Kind::Html),
    ("/chat.css", include_str!("page.css"), Kind::Css),
    ("/chat.js", include_str!("page.js"), Kind::JavaScript),
    STYLE,
];

/// What a page asks for.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Asked {
    /// To be in a topic, with what was said there since the server's `run` began
    /// that the page knows, after message number `seen`.
    Join { name: String, topic: String, run: u64, seen: u64 },
    /// To say something; the id is the page's own, the same if it says it again.
    Say { id: String, text: String },
    /// To have a number back.
    Ping(f64),
}

/// What a page is told.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Told<'a> {
    Topics(Vec<Count<'a>>),
    /// It is in the topic; `whole`: nothing is missing before these messages.
    Joined {
        topic: &'a str,
        run: u64,
        messages: Vec<&'a Said>,
        whole: bool,
    },
    /// It cannot join, and why.
    Refused(&'a str),
    /// The names of those who are in the topic.
    People(HashSet<String>),
    Said(&'a Said),
    /// The number of a ping.
    Pong(f64),
}

fn main() -> primus::Result<()> {
    let topics = Arc::new(Topics::default());
    // A topic may have a `*` in its name, which is to be nothing but that.
    let rooms = Rooms::new().wildcard(false);
    let primus = Primus::builder().max_length(16 << 10).plugin(rooms).build()?;
    page::serve(&primus, FILES);
    let (heard, left) = (topics.clone(), topics.clone());
    primus.on_connection(move |spark| {
        let topics = heard.clone();
        spark.on_data(move |spark, message| hear(&topics, spark, message));
        let all = heard.lock();
        spark.write(&Told::Topics(all.counts(&spark.primus()))).map(drop)
    });
    // Whether they go to another topic, or their connection has ended.
    primus.on_leave(move |spark, topic| {
        // It fails when the server ends.
        let _ = tell_all(&left.lock(), &spark.primus(), topic);
    })?;
    println!("the chat is at http://{}", primus.listen_on(page::listener())?);
    primus.wait();
    Ok(())
}

fn hear(topics: &Topics, spark: &Spark, message: &Message) -> primus::Result<()> {
    match message.parse()? {
        Asked::Join { name, topic, run, seen } => {
            let seen = if run == topics.run { seen } else { 0 };
            join(topics, spark, name.trim(), topic.trim(), seen)
        }
        Asked::Say { id, text } => say(topics, spark, id, &text),
        Asked::Ping(number) => spark.write(&Told::Pong(number)).map(drop),
    }
}

fn join(topics: &Topics, spark: &Spark, name: &str, topic: &str, seen: u64) -> primus::Result<()> {
    spark.leave_all();
    let mut all = topics.lock();
    match all.enter(spark, name, topic) {
        Err(refusal) => return spark.write(&Told::Refused(refusal)).map(drop),
        Ok(entered) => {
            spark.join(topic)?;
            let (messages, whole) = entered.since(seen);
            spark.write(&Told::Joined { topic, run: topics.run, messages, whole })?;
        }
    }
    tell_all(&all, &spark.primus(), topic)
}

/// Written while the topics are locked, so that everybody sees a topic's
/// messages in its order; to write never waits for a client.
fn say(topics: &Topics, spark: &Spark, id: String, text: &str) -> primus::Result<()> {
    let mut all = topics.lock();
    let Some(name) = spark.rooms().pop() else { return Ok(()) };
    let Some(topic) = all.topic(&name) else { return Ok(()) };
    if topic.say(topics::name_of(spark), id, text) {
        spark.primus().room(name).write(&topic.last().map(Told::Said))?;
    }
    Ok(())
}

/// Tells a topic who is in it now, and everybody how many are where.
fn tell_all(all: &All, primus: &Primus, topic: &str) -> primus::Result<()> {
    let topic = primus.room(topic);
    topic.write(&Told::People(topic.members().iter().map(topics::name_of).collect()))?;
    primus.write(&Told::Topics(all.counts(primus)))
}
