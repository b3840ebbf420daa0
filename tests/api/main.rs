//! What the types promise to be.

use std::fmt::Debug;

use primus::middleware::{Exchange, Flow, HttpError, Middleware, On, TrustedProxies};
use primus::parsers::ParserError;
use primus::*;

fn anywhere<T: Send + Sync + 'static>() {}
fn handle<T: Clone + Debug + Send + Sync + 'static>() {}
fn shown<T: Debug>() {}

#[test]
fn handles_go_to_any_thread() {
    handle::<Primus>();
    handle::<Spark>();
    handle::<Client>();
    handle::<Middleware>();
    handle::<ManualClock>();
    handle::<Frame>();
    handle::<Value>();
    handle::<Parser>();
    handle::<CloseReason>();
    handle::<Limits>();
    handle::<MetricsSnapshot>();
    handle::<TrustedProxies>();
    handle::<HttpError>();
    handle::<RedisLink>();
    handle::<primus::link::LinkBuilder>();
    handle::<primus::link::LinkMetrics>();
}

#[test]
fn what_is_given_away_goes_to_any_thread() {
    anywhere::<Message>();
    anywhere::<Messages>();
    anywhere::<SparkReader>();
    anywhere::<SparkWriter>();
    anywhere::<Error>();
    anywhere::<ParserError>();
    anywhere::<Builder>();
    anywhere::<ClientBuilder>();
    anywhere::<Request>();
    anywhere::<Extensions>();
    anywhere::<Stream>();
    anywhere::<primus::link::Batch>();
    anywhere::<primus::link::Reply>();
    anywhere::<primus::link::Subscription>();
    anywhere::<plugins::Metroplex>();
}

#[test]
fn everything_can_be_shown() {
    shown::<Message>();
    shown::<Messages>();
    shown::<SparkReader>();
    shown::<SparkWriter>();
    shown::<Error>();
    shown::<Builder>();
    shown::<ClientBuilder>();
    shown::<Request>();
    shown::<Extensions>();
    shown::<Exchange<'_>>();
    shown::<Flow>();
    shown::<On>();
    shown::<Stream>();
    shown::<plugins::Metroplex>();
    shown::<OutgoingUrl>();
    shown::<Attempt>();
    shown::<Reconnected>();
}

/// An error travels by value through every listener.
#[test]
fn an_error_is_small() {
    assert!(size_of::<Error>() <= 64, "{}", size_of::<Error>());
}
