use super::*;
use crate::link::queue::Keep;
use crate::link::reply::ServerError;

static ONE: Script = Script::new("return 1");

fn ask(batch: Batch) -> Entry {
    Entry::new(batch, Purpose::Question(Box::new(|_| ())))
}

fn post(batch: Batch) -> Entry {
    Entry::new(batch, Purpose::Post(Keep::Yes))
}

fn error(text: &str) -> Reply {
    Reply::ServerError(ServerError::new(text))
}

fn queued() -> Reply {
    Reply::SimpleString("QUEUED".into())
}

fn sent(exchange: &mut Exchange, entry: Entry) -> String {
    let mut out = Vec::new();
    exchange.send(entry, &mut out);
    String::from_utf8(out).unwrap()
}

/// The answer that the last of these replies completes.
fn answer(exchange: &mut Exchange, replies: Vec<Reply>) -> Result<Vec<Reply>> {
    let mut done = None;
    for reply in replies {
        assert!(done.is_none(), "it was done already");
        done = exchange.receive(reply).unwrap();
    }
    let Some(Done::Answer(_, answer, cost)) = done else { panic!("no answer") };
    assert!(cost.commands > 0);
    answer
}

#[test]
fn replies_come_in_the_order_of_the_commands() {
    let mut exchange = Exchange::default();
    sent(&mut exchange, ask(Batch::new().cmd(&["GET", "a"]).cmd(&["GET", "b"])));
    sent(&mut exchange, post(Batch::new().cmd(&["SET", "c", "1"])));
    sent(&mut exchange, ask(Batch::new().cmd(&["GET", "d"])));
    assert_eq!(exchange.sent, 4);
    let replies = answer(&mut exchange, vec![Reply::Int(1), error("WRONGTYPE no")]).unwrap();
    assert_eq!(replies[0], Reply::Int(1));
    assert!(refusal(&replies[1]).is_some());
    let Some(Done::Posted(Some(error), _)) = exchange.receive(error("OOM full")).unwrap() else {
        panic!("not refused");
    };
    assert_eq!(error.to_string(), "unavailable: Redis: OOM full (SET)");
    assert_eq!(answer(&mut exchange, vec![Reply::Nil]).unwrap(), [Reply::Nil]);
    assert!(exchange.is_empty());
    assert_eq!(exchange.refused, 2);
    assert!(matches!(exchange.receive(Reply::Okay), Err(Error::Protocol(_))));
}

#[test]
fn an_atomic_batch_is_answered_by_exec() {
    let mut exchange = Exchange::default();
    let batch = || Batch::new().cmd(&["INCR", "a"]).cmd(&["INCR", "b"]).atomic();
    let text = sent(&mut exchange, ask(batch()));
    assert!(text.starts_with("*1\r\n$5\r\nMULTI\r\n") && text.ends_with("$4\r\nEXEC\r\n"));
    let both = Reply::Array(vec![Reply::Int(1), Reply::Int(2)]);
    let replies = vec![Reply::Okay, queued(), queued(), both];
    assert_eq!(answer(&mut exchange, replies).unwrap(), [Reply::Int(1), Reply::Int(2)]);

    sent(&mut exchange, ask(batch()));
    let replies = vec![Reply::Okay, queued(), error("OOM full"), error("EXECABORT no")];
    let refused = answer(&mut exchange, replies).unwrap_err().to_string();
    assert_eq!(refused, "unavailable: Redis: OOM full (INCR)");

    sent(&mut exchange, post(batch()));
    for reply in [Reply::Okay, queued(), queued()] {
        assert!(exchange.receive(reply).unwrap().is_none());
    }
    let both = Reply::Array(vec![Reply::Int(1), error("WRONGTYPE no")]);
    let Some(Done::Posted(Some(error), _)) = exchange.receive(both).unwrap() else {
        panic!("not refused");
    };
    assert_eq!(error.to_string(), "unavailable: Redis: WRONGTYPE no (INCR)");

    sent(&mut exchange, ask(batch()));
    for reply in [Reply::Okay, queued(), queued()] {
        exchange.receive(reply).unwrap();
    }
    assert!(matches!(exchange.receive(Reply::Int(1)), Err(Error::Protocol(_))));
}

#[test]
fn a_script_goes_by_its_hash_the_second_time() {
    let mut exchange = Exchange::default();
    let batch = || Batch::new().script(&ONE, &["k"], &["x"]);
    assert!(sent(&mut exchange, ask(batch())).contains("return 1"));
    let second = sent(&mut exchange, ask(batch()));
    assert!(second.contains("EVALSHA") && !second.contains("return 1"), "{second}");
    // In a transaction a script that is not known would leave the others without it.
    assert!(sent(&mut exchange, ask(batch().atomic())).contains("return 1"));
}

#[test]
fn a_script_that_redis_has_forgotten_is_sent_whole() {
    let mut exchange = Exchange::default();
    sent(&mut exchange, post(Batch::new().script(&ONE, &["k"], &[""])));
    assert!(matches!(exchange.receive(Reply::Nil), Ok(Some(Done::Posted(None, _)))));
    let get = |key: &str| Batch::new().cmd(&["GET", key]);
    let batch = get("a").script(&ONE, &["k"], &["x"]).cmd(&["GET", "b"]);
    sent(&mut exchange, ask(batch));
    assert!(exchange.receive(Reply::Int(1)).unwrap().is_none());
    assert!(exchange.receive(error("NOSCRIPT no")).unwrap().is_none());
    let Some(Done::Again(entry)) = exchange.receive(Reply::Int(3)).unwrap() else {
        panic!("not again");
    };
    // The connection breaks meanwhile: of a question nothing was lost or done twice.
    sent(&mut exchange, entry);
    let entry = std::mem::take(&mut exchange).give_up().next().unwrap();
    let again = sent(&mut exchange, entry);
    assert!(again.contains("return 1") && !again.contains("GET"), "{again}");
    let replies = answer(&mut exchange, vec![Reply::Int(2)]).unwrap();
    assert_eq!(replies, [Reply::Int(1), Reply::Int(2), Reply::Int(3)]);
    assert_eq!(exchange.refused, 0);
}

#[test]
fn a_script_that_is_never_known_is_an_answer() {
    let mut exchange = Exchange::default();
    sent(&mut exchange, ask(Batch::new().script(&ONE, &["k"], &["x"])));
    let Some(Done::Again(entry)) = exchange.receive(error("NOSCRIPT no")).unwrap() else {
        panic!("not again");
    };
    sent(&mut exchange, entry);
    let replies = answer(&mut exchange, vec![error("NOSCRIPT no")]).unwrap();
    assert!(refusal(&replies[0]).is_some());
}

#[test]
fn what_was_not_answered_is_left_in_order() {
    let mut exchange = Exchange::default();
    for name in ["A", "B", "C"] {
        sent(&mut exchange, post(Batch::new().cmd(&[name]).cmd(&["X"])));
    }
    for _ in 0..3 {
        exchange.receive(Reply::Okay).unwrap();
    }
    // B is half answered: all of it is sent again.
    let left: Vec<_> = exchange.give_up().map(|entry| entry.batch.steps()[0].name()).collect();
    assert_eq!(left, ["B", "C"]);
}

#[test]
fn a_redis_that_does_not_serve_ends_it_without_an_answer() {
    for code in ["LOADING", "BUSY", "MASTERDOWN", "READONLY"] {
        let mut exchange = Exchange::default();
        sent(&mut exchange, post(Batch::new().cmd(&["SET", "a", "b"])));
        assert!(matches!(exchange.receive(error(code)), Err(Error::Unavailable(_))), "{code}");
        assert_eq!(exchange.give_up().count(), 1);
    }
}
