//! The link to Redis.

mod basics;
mod faults;
mod floods;
mod hostile;
mod listeners;
mod places;
mod refused;
mod stuck;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use primus::RedisLink;
use primus::link::{Batch, Heard, LinkBuilder, LinkState, Reply, Subscription};

use crate::common::PATIENCE;

/// A link that notices faults soon.
fn quick(url: &str) -> LinkBuilder {
    let (short, long) = (Duration::from_millis(20), Duration::from_millis(100));
    RedisLink::builder(url)
        .ping_interval(Duration::from_millis(300))
        .response_timeout(Duration::from_millis(700))
        .pauses(short, long)
}

/// One that stands.
fn connected(url: &str) -> RedisLink {
    let link = quick(url).open().unwrap();
    assert!(link.wait_connected(PATIENCE), "{:?}", link.metrics());
    link
}

/// What a subscription hears, as text.
struct Ear {
    heard: Receiver<String>,
    subscription: Subscription,
}

impl Ear {
    /// Subscribes, and waits until it stands.
    fn new(link: &RedisLink, channel: &str) -> Ear {
        let (tell, heard) = std::sync::mpsc::channel();
        let ear = Ear { subscription: link.subscribe(channel, told(tell)), heard };
        ear.expect("Back");
        ear
    }

    fn next(&self) -> String {
        self.heard.recv_timeout(PATIENCE).expect("something is heard")
    }

    #[track_caller]
    fn expect(&self, text: &str) {
        assert_eq!(self.next(), text);
    }
}

fn told(tell: Sender<String>) -> impl Fn(Heard<'_>) + Send + Sync {
    move |heard| {
        let text = match heard {
            Heard::Message { channel, payload } => {
                format!("{channel}: {}", String::from_utf8_lossy(payload))
            }
            other => format!("{other:?}"),
        };
        let _ = tell.send(text);
    }
}

/// Errors of a link, as text.
struct Complaints(Receiver<String>);

impl Complaints {
    fn of(link: &RedisLink) -> Self {
        let (tell, told) = channel();
        link.on_error(move |error| {
            let _ = tell.send(error.to_string());
        });
        Complaints(told)
    }

    /// Waits for one with this in it.
    #[track_caller]
    fn expect(&self, text: &str) -> String {
        let (mut others, until) = (Vec::new(), Instant::now() + PATIENCE);
        loop {
            match self.0.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(error) if error.contains(text) => return error,
                Ok(other) => others.push(other),
                Err(_) => panic!("nothing with {text:?} in {others:#?}"),
            }
        }
    }
}

/// What becomes of a link.
fn states(link: &RedisLink) -> Receiver<LinkState> {
    let (tell, told) = channel();
    link.on_state(move |state| {
        let _ = tell.send(state);
    });
    told
}

fn one(link: &RedisLink, command: &[&str]) -> primus::Result<Reply> {
    let mut replies = link.fetch(Batch::new().cmd(command), PATIENCE)?;
    Ok(replies.pop().expect("a reply"))
}

fn text(text: &str) -> Reply {
    Reply::BulkString(text.into())
}
