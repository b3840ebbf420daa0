#![doc = include_str!("mod.md")]

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use super::args::Args;
use super::{Plugin, Side, emit, emitter};
use crate::channel::Channel;
use crate::error::BoxError;
use crate::events::ListenerId;
use crate::outcome::Outcome;
use crate::server::{Primus, Spark};
use crate::value::Value;

/// The name of what is no event.
const DATA: &str = "data";

type Validator = dyn Fn(&Spark, &Args) -> Result<(), BoxError> + Send + Sync;
type Listener = dyn Fn(&Spark, &Invalid) -> Result<(), BoxError> + Send + Sync;

/// The plugin `fortress`: see [its page](self).
#[derive(Clone, Default)]
pub struct Fortress {
    rules: BTreeMap<String, Rule>,
    invalid: Vec<Arc<Listener>>,
    /// What checks the messages of the server that it is registered with.
    transform: OnceLock<ListenerId>,
}

#[derive(Clone)]
struct Rule {
    arguments: RangeInclusive<usize>,
    validate: Arc<Validator>,
}

/// A message that was dropped, and why.
#[derive(Debug)]
pub struct Invalid {
    /// The name of the event; `data` for other messages.
    pub event: String,
    /// Its arguments.
    pub args: Args,
    /// What is wrong.
    pub error: BoxError,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Invalid {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// How many arguments an event may have: a number, or from one to another.
pub trait Arguments {
    /// The least and the most.
    fn range(self) -> RangeInclusive<usize>;
}

impl Arguments for usize {
    fn range(self) -> RangeInclusive<usize> {
        self..=self
    }
}

impl Arguments for RangeInclusive<usize> {
    fn range(self) -> RangeInclusive<usize> {
        self
    }
}

impl Fortress {
    /// One that lets nothing pass.
    pub fn new() -> Self {
        Fortress::default()
    }

    /// Lets an event pass that has so many arguments and for which `validate`, which
    /// runs on the spark's thread and may block, has no error.
    pub fn validate<R: Outcome>(
        mut self,
        event: &str,
        arguments: impl Arguments,
        validate: impl Fn(&Spark, &Args) -> R + Send + Sync + 'static,
    ) -> Self {
        let validate: Arc<Validator> =
            Arc::new(move |spark, args| validate(spark, args).into_result());
        self.rules.insert(event.to_owned(), Rule { arguments: arguments.range(), validate });
        self
    }

    /// Lets an event pass whose arguments are a `T`: a tuple, as a rule. See
    /// [`Args::parse`].
    pub fn validate_as<T: DeserializeOwned + 'static>(self, event: &str) -> Self {
        self.validate(event, 0..=usize::MAX, |_, args| args.parse::<T>().map(drop))
    }

    /// Lets a message that is no event pass for which `validate` has no error.
    pub fn validate_data<R: Outcome>(
        self,
        validate: impl Fn(&Spark, &Value) -> R + Send + Sync + 'static,
    ) -> Self {
        self.validate(DATA, 1, move |spark, args| validate(spark, &args[0]).into_result())
    }

    /// Has `listener` called with each message that is dropped, on the spark's
    /// thread.
    pub fn on_invalid<R: Outcome>(
        mut self,
        listener: impl Fn(&Spark, &Invalid) -> R + Send + Sync + 'static,
    ) -> Self {
        self.invalid.push(Arc::new(move |spark, invalid| listener(spark, invalid).into_result()));
        self
    }

    /// Lets a message pass, or drops and tells it.
    fn check(&self, spark: &Spark, message: Value) -> Result<Option<Value>, BoxError> {
        let Err(invalid) = self.judge(spark, &message) else { return Ok(Some(message)) };
        for listener in &self.invalid {
            listener(spark, &invalid)?;
        }
        Ok(None)
    }

    /// What is wrong with a message.
    fn judge(&self, spark: &Spark, message: &Value) -> Result<(), Invalid> {
        let seen = seen(message);
        let (event, args) = match &seen {
            Seen::Event(event, args) => (*event, *args),
            Seen::Data => (DATA, std::slice::from_ref(message)),
            Seen::Nothing => return Ok(()),
        };
        let wrong = |error: BoxError| Invalid {
            event: event.to_owned(),
            args: args.to_vec().into(),
            error,
        };
        if matches!(seen, Seen::Event(..)) && spark.is_reserved(event) {
            return Err(wrong(format!("{event} is a reserved event").into()));
        }
        let Some(rule) = self.rules.get(event) else {
            return Err(wrong(format!("Missing validator for {event}").into()));
        };
        if !rule.arguments.contains(&args.len()) {
            return Err(wrong(format!("Missing arguments for {event}").into()));
        }
        let copy = Args::from(args.to_vec());
        (rule.validate)(spark, &copy).map_err(wrong)
    }
}

/// What a message is to a fortress.
enum Seen<'a> {
    Event(&'a str, &'a [Value]),
    Data,
    /// It raises nothing: an acknowledgement, or an event whose name is no text.
    Nothing,
}

fn seen(message: &Value) -> Seen<'_> {
    let list = if emit::wire::claims(message) {
        message.get("emit")
    } else if emitter::wire::claims(message) {
        match message.get("type").and_then(Value::as_f64) {
            Some(0.0) => message.get("data"),
            _ => return Seen::Nothing,
        }
    } else {
        return Seen::Data;
    };
    match list.and_then(Value::as_array) {
        Some([Value::String(name), args @ ..]) => Seen::Event(name, args),
        _ => Seen::Nothing,
    }
}

impl Plugin for Fortress {
    fn name(&self) -> &str {
        "fortress"
    }

    fn reserved(&self, side: Side) -> &[&'static str] {
        match side {
            Side::Server => &["invalid"],
            Side::Client => &[],
        }
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        let fortress = self.clone();
        let id = primus.transform_incoming(move |spark, message| fortress.check(spark, message));
        let _ = self.transform.set(id);
        Ok(())
    }

    fn plugout(&self, primus: &Primus) {
        if let Some(id) = self.transform.get() {
            primus.off(*id);
        }
    }
}

impl fmt::Debug for Fortress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fortress").field("events", &self.rules.keys()).finish_non_exhaustive()
    }
}
