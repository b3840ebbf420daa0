//! A chat for browsers: topics, who is there, the last messages, and a page that
//! finds its way back when the connection breaks.
//!
//! ```console
//! $ cargo run --example chat
//! the chat is at http://127.0.0.1:8080
//! ```
//!
//! What is said is kept in memory, the last 100 messages of each topic. The page
//! is in `page.html`, `page.css` and `page.js`.

use std::collections::HashSet;
use std::sync::Arc;

use primus::{Message, Primus, Spark};
use serde::{Deserialize, Serialize};

#[path = "../shared/page.rs"]
mod page;
mod topics;

use page::{File, Kind, STYLE};
use topics::{Count, Said, Topics};

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
    People(HashSet<&'a str>),
    Said(&'a Said),
    /// The number of a ping.
    Pong(f64),
}

fn main() -> primus::Result<()> {
    let topics = Arc::new(Topics::default());
    let primus = Primus::builder().max_length(16 << 10).build()?;
    page::serve(&primus, FILES);
    primus.on_connection(move |spark| {
        let heard = topics.clone();
        spark.on_data(move |spark, message| hear(&heard, spark, message));
        let left = topics.clone();
        spark.on_end(move |spark, _| leave(&left, spark));
        tell_topics(&topics, spark)
    });
    println!("the chat is at http://{}", primus.listen_on(page::listener())?);
    primus.wait();
    Ok(())
}

fn hear(topics: &Topics, spark: &Spark, message: &Message) -> primus::Result<()> {
    match message.parse()? {
        Asked::Join { name, topic, run, seen } => {
            join(topics, spark, &name, &topic, if run == topics.run { seen } else { 0 })
        }
        Asked::Say { id, text } => say(topics, spark, id, &text),
        Asked::Ping(number) => spark.write(&Told::Pong(number)).map(drop),
    }
}

fn join(topics: &Topics, spark: &Spark, name: &str, topic: &str, seen: u64) -> primus::Result<()> {
    leave(topics, spark)?;
    let mut all = topics.lock();
    match all.join(spark, name, topic) {
        Err(refusal) => return spark.write(&Told::Refused(refusal)).map(drop),
        Ok(joined) => {
            let (messages, whole) = joined.since(seen);
            spark.write(&Told::Joined { topic: topic.trim(), run: topics.run, messages, whole })?;
            tell_people(&spark.primus(), joined)?;
        }
    }
    let counts = Told::Topics(all.counts());
    spark.primus().write(&counts)
}

/// Written while the topics are locked, so that everybody sees a topic's
/// messages in its order; to write never waits for a client.
fn say(topics: &Topics, spark: &Spark, id: String, text: &str) -> primus::Result<()> {
    let mut all = topics.lock();
    let Some(topic) = all.of(spark) else { return Ok(()) };
    if topic.say(spark, id, text) {
        let said = topic.last().map(Told::Said);
        spark.primus().write_to(&said, |other| topic.people.contains_key(other))?;
    }
    Ok(())
}

fn leave(topics: &Topics, spark: &Spark) -> primus::Result<()> {
    let mut all = topics.lock();
    let Some(left) = all.leave(spark) else { return Ok(()) };
    tell_people(&spark.primus(), left)?;
    let counts = Told::Topics(all.counts());
    spark.primus().write(&counts)
}

fn tell_people(primus: &Primus, topic: &topics::Topic) -> primus::Result<()> {
    let people = Told::People(topic.people.values().map(|name| &**name).collect());
    primus.write_to(&people, |spark| topic.people.contains_key(spark)).map(drop)
}

fn tell_topics(topics: &Topics, spark: &Spark) -> primus::Result<()> {
    let all = topics.lock();
    spark.write(&Told::Topics(all.counts())).map(drop)
}
