//! What is handed on to other servers.

use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam_channel::{Sender, unbounded};
use primus::{BoxError, Destroy, Error, Primus, Relay, Value};

use crate::common::*;

/// Keeps what it is handed.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Value>>>);

impl Relay for Kept {
    fn all(&self, message: &Value) -> Result<(), BoxError> {
        self.0.lock().unwrap().push(message.clone());
        Ok(())
    }
}

impl Kept {
    fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|value| value.to_string()).collect()
    }
}

#[test]
fn the_other_servers_are_told_in_the_order_in_which_the_sparks_are() {
    const THREADS: usize = 8;
    const EACH: usize = 500;
    let server = Server::start(Primus::builder());
    let kept = Kept::default();
    server.primus.add_relay(kept.clone());
    let mut peer = server.open();
    drop(server.spark());
    thread::scope(|scope| {
        for by in 0..THREADS {
            let primus = &server.primus;
            scope.spawn(move || {
                for n in 0..EACH {
                    primus.write(&(by, n)).unwrap();
                }
            });
        }
        let got: Vec<_> = (0..THREADS * EACH).map(|_| peer.expect_text()).collect();
        assert_eq!(got, kept.texts());
    });
}

#[test]
fn what_is_written_here_is_not_handed_on() {
    let server = Server::start(Primus::builder());
    let kept = Kept::default();
    let id = server.primus.add_relay(kept.clone());
    let mut peer = server.open();
    let spark = server.spark();
    server.primus.write_here("here").unwrap();
    server.primus.write("everywhere").unwrap();
    assert_eq!(server.primus.write_to("some", |_| true).unwrap(), 1);
    spark.write("one").unwrap();
    assert!(server.primus.off(id) && !server.primus.off(id));
    server.primus.write("no more").unwrap();
    for text in ["here", "everywhere", "some", "one", "no more"] {
        assert_eq!(peer.expect_text(), format!("{text:?}"));
    }
    assert_eq!(kept.texts(), [r#""everywhere""#]);
}

#[test]
fn transforms_are_each_servers_own_and_may_block() {
    let server = Server::start(Primus::builder());
    let kept = Kept::default();
    server.primus.add_relay(kept.clone());
    let mut peer = server.open();
    drop(server.spark());
    let (waits, waiting) = unbounded::<Sender<()>>();
    server.primus.transform_outgoing(move |_, value| {
        if value.as_str() == Some("slow") {
            let (go, gone) = unbounded();
            waits.send(go)?;
            gone.recv()?;
        }
        Ok(Some(Value::from(format!("changed: {value}"))))
    });
    thread::scope(|scope| {
        scope.spawn(|| server.primus.write("slow").unwrap());
        let go = waiting.recv_timeout(PATIENCE).expect("the transform runs");
        // Nobody waits for it.
        server.primus.write(&1).unwrap();
        assert_eq!(peer.expect_text(), r#""changed: 1""#);
        assert_eq!(kept.texts(), ["1"]);
        go.send(()).unwrap();
    });
    assert_eq!(kept.texts(), ["1", r#""slow""#]);
}

/// Fails in the way that the message says.
struct Fails;

impl Relay for Fails {
    fn all(&self, message: &Value) -> Result<(), BoxError> {
        match message.as_str() {
            Some("panic") => panic!("the relay is broken"),
            Some(text) => Err(text.into()),
            None => Ok(()),
        }
    }
}

#[test]
fn what_cannot_be_handed_on_is_an_error_of_the_writer_alone() {
    let server = Server::start(Primus::builder());
    let kept = Kept::default();
    server.primus.add_relay(Fails);
    server.primus.add_relay(kept.clone());
    let mut peer = server.open();
    drop(server.spark());
    let full = server.primus.write("full").unwrap_err();
    assert!(matches!(&full, Error::Listener(error) if error.to_string() == "full"), "{full}");
    let panicked = server.primus.write("panic").unwrap_err();
    assert!(matches!(&panicked, Error::Panicked(text) if text == "the relay is broken"));
    server.primus.write(&1).unwrap();
    for text in [r#""full""#, r#""panic""#, "1"] {
        assert_eq!(peer.expect_text(), text);
    }
    assert_eq!(kept.texts(), [r#""full""#, r#""panic""#, "1"]);
}

/// Answers each message with one of its own.
struct Answers(Primus, Sender<primus::Result<()>>);

impl Relay for Answers {
    fn all(&self, message: &Value) -> Result<(), BoxError> {
        self.1.send(self.0.write(message))?;
        self.0.write_here(&("again", message))?;
        Ok(())
    }
}

#[test]
fn a_relay_that_writes_to_everybody_is_refused_and_may_write_here() {
    let server = Server::start(Primus::builder());
    let (outcomes, outcome) = unbounded();
    let id = server.primus.add_relay(Answers(server.primus.clone(), outcomes));
    let mut peer = server.open();
    drop(server.spark());
    server.primus.write(&1).unwrap();
    let refused = outcome.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert!(matches!(refused, Error::Misuse(_)), "{refused}");
    assert_eq!(peer.expect_text(), "1");
    assert_eq!(peer.expect_text(), r#"["again",1]"#);
    assert!(server.primus.off(id));
    server.primus.write(&2).unwrap();
    assert_eq!(peer.expect_text(), "2");
}

#[test]
fn what_cannot_be_written_here_is_not_handed_on() {
    let server = Server::start(Primus::builder());
    let kept = Kept::default();
    server.primus.add_relay(kept.clone());
    let not_text = std::collections::HashMap::from([((1, 2), 3)]);
    assert!(matches!(server.primus.write(&not_text).unwrap_err(), Error::Transform(_)));
    server.primus.destroy(Destroy::default());
    assert!(matches!(server.primus.write("late").unwrap_err(), Error::Closed));
    assert!(kept.texts().is_empty());
    // The server has let go of it.
    assert_eq!(Arc::strong_count(&kept.0), 1);
}

/// Prepares one message no sooner than another one has been written.
struct Waits(crossbeam_channel::Receiver<()>, Kept);

impl Relay for Waits {
    fn all(&self, message: &Value) -> Result<(), BoxError> {
        self.1.all(message)
    }

    fn prepare<'a>(&'a self, message: &'a Value) -> Result<primus::HandOn<'a>, BoxError> {
        match message.as_str() {
            Some("slow") => self.0.recv_timeout(PATIENCE)?,
            Some("bad") => return Err("it cannot be prepared".into()),
            _ => {}
        }
        Ok(Box::new(move || self.all(message)))
    }
}

#[test]
fn what_takes_time_to_prepare_keeps_nobody_from_writing() {
    let server = Server::start(Primus::builder());
    let (go, goes) = unbounded();
    let kept = Kept::default();
    server.primus.add_relay(Waits(goes, kept.clone()));
    let mut peer = server.open();
    drop(server.spark());
    thread::scope(|scope| {
        let slow = scope.spawn(|| server.primus.write("slow"));
        server.primus.write("quick").unwrap();
        go.send(()).unwrap();
        slow.join().unwrap().unwrap();
    });
    let bad = server.primus.write("bad");
    assert!(matches!(bad, Err(Error::Listener(_))), "{bad:?}");
    let got: Vec<_> = (0..3).map(|_| peer.expect_text()).collect();
    assert_eq!(got, [r#""quick""#, r#""slow""#, r#""bad""#]);
    assert_eq!(kept.texts(), got[..2]);
}
