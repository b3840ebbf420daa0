//! What was recorded between the plugins of npm, played again with one of the two sides
//! ours: in `server.rs` our server with the frames of their client, in `client.rs` our
//! client with those of their server. The applications do what was recorded of theirs;
//! the frames of ours are then the same, but for what is random in them.

mod client;
mod server;

use std::fs;
use std::sync::mpsc::{Receiver, Sender, channel};

use primus::plugins::{Args, Event, EventExt};
use primus::{BoxError, Channel, Result, Spark, Value};
use serde::Deserialize;

use crate::common::PATIENCE;

/// One recorded frame.
#[derive(Clone, Debug, Deserialize)]
struct Frame {
    dir: String,
    text: String,
    /// Which connection of several.
    #[serde(default)]
    conn: String,
}

impl Frame {
    fn is_of_client(&self) -> bool {
        self.dir == "c2s"
    }
}

fn recorded(name: &str) -> Vec<Frame> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/plugins");
    let text = fs::read_to_string(format!("{folder}/{name}.json")).expect(name);
    serde_json::from_str(&text).expect(name)
}

/// What differs from run to run: the recorded ids, and ours.
#[derive(Default)]
struct Ids(Vec<(String, String)>);

impl Ids {
    /// A recorded frame with our ids.
    fn ours(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
    }

    /// Checks that a frame is the one that was recorded.
    #[track_caller]
    fn check(&mut self, recorded: &str, frame: &str) {
        if let (Some(theirs), Some(ours)) = (random(recorded), random(frame))
            && !self.0.iter().any(|(known, _)| *known == theirs)
        {
            assert_eq!(theirs.is_empty(), ours.is_empty());
            self.0.push((theirs, ours));
        }
        assert_eq!(frame, self.ours(recorded));
    }
}

/// The part of a frame that is random: the id of a request, of a channel or of a client.
fn random(text: &str) -> Option<String> {
    let befores = [r#""requestId":""#, r#"["mirage",""#, r#"[0,""#, r#"[1,""#, r#"[2,""#];
    let rest = befores.iter().find_map(|before| text.split_once(before))?.1;
    rest.split_once('"').map(|(id, _)| id.to_owned())
}

/// What our application tells, in words.
#[derive(Clone)]
struct Tell(Sender<String>);

impl Tell {
    fn say(&self, text: impl Into<String>) -> Result<(), BoxError> {
        Ok(self.0.send(text.into())?)
    }

    /// Tells the messages that come to a connection itself.
    fn data_of(&self, spark: &Spark) {
        let tell = self.clone();
        spark.on_data(move |_, message| tell.say(format!("data {}", message.value())));
    }

    /// A listener of messages that tells them.
    fn data<C>(
        &self,
        name: &'static str,
    ) -> impl Fn(&C, &Value) -> Result<(), BoxError> + Send + Sync + use<C> {
        let tell = self.clone();
        move |_, value| tell.say(format!("{name} {value}"))
    }

    /// Tells the arguments of these events.
    fn events_of<C: Channel>(&self, channel: &C, names: &[&'static str]) {
        for name in names.iter().copied() {
            channel.on_event(name, self.event(name));
        }
    }

    /// A listener of events that tells their arguments.
    fn event<C>(
        &self,
        name: &'static str,
    ) -> impl Fn(&C, &Event<'_>) -> Result<(), BoxError> + Send + Sync + use<C> {
        let tell = self.clone();
        move |_, event| tell.say(format!("{name} {}", Value::of(event.args())?))
    }

    /// What an acknowledgement is for that has to come.
    fn ack<C>(&self, name: &'static str) -> impl FnOnce(&C, Result<Args>) + Send + use<C> {
        let tell = self.clone();
        move |_, answer| {
            let answer = answer.and_then(|args| Value::of(&args));
            let _ =
                tell.say(answer.map_or_else(
                    |error| format!("{name}: {error}"),
                    |args| format!("{name} {args}"),
                ));
        }
    }

    /// The same for a response.
    fn response<C>(&self, name: &'static str) -> impl FnOnce(&C, Result<Value>) + Send + use<C> {
        let tell = self.clone();
        move |_, answer| {
            let _ =
                tell.say(answer.map_or_else(
                    |error| format!("{name}: {error}"),
                    |data| format!("{name} {data}"),
                ));
        }
    }
}

/// What was told.
struct Told(Receiver<String>);

fn told() -> (Tell, Told) {
    let (tell, told) = channel();
    (Tell(tell), Told(told))
}

impl Told {
    #[track_caller]
    fn expect(&self, expected: &[&str]) {
        for one in expected {
            assert_eq!(self.0.recv_timeout(PATIENCE).as_deref(), Ok(*one));
        }
    }

    /// That there is nothing else.
    #[track_caller]
    fn expect_nothing(&self) {
        let more: Vec<_> = self.0.try_iter().collect();
        assert!(more.is_empty(), "{more:?}");
    }
}
