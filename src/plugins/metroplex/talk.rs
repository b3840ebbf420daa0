//! An exchange as commands, and replies as its answer.

use super::keys::Keys;
use super::machine::{Alive, Answer, Exchange};
use crate::error::{Error, Result};
use crate::link::{Batch, Reply, Script, refusal};

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("scripts/common.lua"), include_str!($file)))
    };
}

static REGISTER: Script = script!("scripts/register.lua");
static CHANGE: Script = script!("scripts/change.lua");
static TICK: Script = script!("scripts/tick.lua");
static ANNIHILATE: Script = script!("scripts/annihilate.lua");
static LEAVE: Script = script!("scripts/leave.lua");

/// So many ids go into one run of a script, which Redis does nothing beside.
const RUN: usize = 400;

/// So many sparks Redis tells of at a time, about.
const SCANNED: &str = "1000";

/// So many arguments a command has at most.
const ARGUMENTS: usize = 1_000;

/// So many others are kept in mind: more than there are servers in one namespace.
const OTHERS: usize = 10_000;

/// Who a server is to Redis.
pub(super) struct Identity {
    pub keys: Keys,
    pub address: String,
    /// This process, at this address.
    pub boot: String,
    /// How long a sign of life lasts, in milliseconds.
    pub interval: String,
}

impl Identity {
    /// What is to be sent; `now` is in milliseconds since 1970.
    pub fn batch(&self, exchange: &Exchange, now: u64) -> Batch {
        let Identity { keys, address, boot, interval } = self;
        let [address, boot, interval] = [address, boot, interval].map(String::as_str);
        let (now, own) = (now.to_string(), keys.of_server(address));
        match exchange {
            Exchange::Register { takes } => {
                let takes = if *takes { "1" } else { "0" };
                Batch::new().script(&REGISTER, &own, &[address, boot, interval, &now, takes])
            }
            Exchange::Change { come, gone } => {
                let run = |batch: Batch, come: &[String], gone: &[String]| {
                    let count = come.len().to_string();
                    let ids = come.iter().chain(gone).map(String::as_str);
                    let args: Vec<_> = [address, boot, &count].into_iter().chain(ids).collect();
                    batch.script(&CHANGE, &own, &args)
                };
                let batch = come.chunks(RUN).fold(Batch::new(), |batch, ids| run(batch, ids, &[]));
                gone.chunks(RUN).fold(batch, |batch, ids| run(batch, &[], ids))
            }
            Exchange::Tick { probe } => {
                let probe = probe.as_deref().unwrap_or_default();
                Batch::new().script(&TICK, &own, &[address, boot, interval, &now, probe])
            }
            Exchange::Look { others } => {
                others.chunks(ARGUMENTS).fold(Batch::new(), |batch, part| {
                    let alive = part.iter().map(|other| keys.alive(other));
                    let command: Vec<_> = std::iter::once("MGET".to_owned()).chain(alive).collect();
                    batch.cmd(&command)
                })
            }
            Exchange::Reap { silent } => silent.iter().fold(Batch::new(), |batch, other| {
                batch.script(&ANNIHILATE, &keys.of_server(other), &[other])
            }),
            Exchange::Scan { cursor } => {
                let [_, _, set, ..] = &own;
                Batch::new().cmd(&["SSCAN", set, cursor, "COUNT", SCANNED])
            }
            Exchange::Leave => Batch::new().script(&LEAVE, &own, &[address, boot]),
        }
    }

    /// What the replies say.
    ///
    /// # Errors
    /// The first thing that Redis refused; [`Error::Protocol`] for replies that it does
    /// not give.
    pub fn answer(&self, exchange: Exchange, replies: &[Reply]) -> Result<Answer> {
        if let Some(error) = replies.iter().find_map(refusal) {
            return Err(error);
        }
        let strange = || Error::Protocol("metroplex: Redis answers what it should not".into());
        match exchange {
            Exchange::Register { .. } | Exchange::Change { .. } | Exchange::Leave => {
                let codes: Vec<_> = replies.iter().map_while(number).collect();
                if codes.is_empty() || codes.len() < replies.len() {
                    return Err(strange());
                }
                let not_done = codes.into_iter().find(|code| *code != 1);
                Ok(not_done.map_or(Answer::Done, verdict))
            }
            Exchange::Tick { probe } => {
                ticked(replies.first(), probe.is_some()).ok_or_else(strange)
            }
            Exchange::Look { others } => {
                let replies = replies.iter().filter_map(Reply::as_sequence).flatten();
                let silent = others.into_iter().zip(replies);
                let silent = silent.filter(|(_, value)| matches!(value, Reply::Nil));
                Ok(Answer::Silent(silent.map(|(other, _)| other).collect()))
            }
            Exchange::Reap { silent } => {
                let codes = silent.into_iter().zip(replies.iter().map(number));
                let reaped = codes.filter_map(|(other, code)| match code? {
                    1 => Some((other, true)),
                    2 => Some((other, false)),
                    _ => None,
                });
                Ok(Answer::Reaped(reaped.collect()))
            }
            Exchange::Scan { .. } => scanned(replies.first()).ok_or_else(strange),
        }
    }
}

fn verdict(code: i64) -> Answer {
    if code == 0 { Answer::Taken } else { Answer::Missing }
}

fn ticked(reply: Option<&Reply>, probed: bool) -> Option<Answer> {
    let parts = reply?.as_sequence()?;
    match number(parts.first()?)? {
        1 => {}
        code => return Some(verdict(code)),
    }
    let [_, sparks, at, rival, servers] = parts else { return None };
    Some(Answer::Alive(Alive {
        sparks: usize::try_from(number(sparks)?).ok(),
        forgot: probed && text(at)?.is_empty(),
        wanted: !text(rival)?.is_empty(),
        servers: texts(servers)?.take(OTHERS).collect(),
    }))
}

fn scanned(reply: Option<&Reply>) -> Option<Answer> {
    let [cursor, ids] = reply?.as_sequence()? else { return None };
    let cursor = text(cursor)?;
    let goes_on = (cursor != "0").then(|| cursor.to_owned());
    Some(Answer::Found { cursor: goes_on, ids: texts(ids)?.collect() })
}

/// The texts of a list; what is no text is left out.
pub(super) fn texts(reply: &Reply) -> Option<impl Iterator<Item = String>> {
    Some(reply.as_sequence()?.iter().filter_map(|item| text(item).map(str::to_owned)))
}

pub(super) fn text(reply: &Reply) -> Option<&str> {
    match reply {
        Reply::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Reply::SimpleString(text) => Some(text),
        _ => None,
    }
}

fn number(reply: &Reply) -> Option<i64> {
    match reply {
        Reply::Int(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            keys: Keys::of("ns"),
            address: "http://a".into(),
            boot: "this".into(),
            interval: "30000".into(),
        }
    }

    fn bulk(text: &str) -> Reply {
        Reply::BulkString(text.into())
    }

    fn exchanges() -> [Exchange; 7] {
        let names = || vec!["http://b".to_owned(), "http://c".to_owned()];
        [
            Exchange::Register { takes: true },
            Exchange::Change { come: names(), gone: names() },
            Exchange::Tick { probe: Some("x".into()) },
            Exchange::Look { others: names() },
            Exchange::Reap { silent: names() },
            Exchange::Scan { cursor: "7".into() },
            Exchange::Leave,
        ]
    }

    #[test]
    fn many_ids_are_several_runs_of_the_script() {
        let ids = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        let change = Exchange::Change { come: ids(2 * RUN + 1), gone: ids(RUN) };
        assert_eq!(identity().batch(&change, 0).len(), 4);
        assert_eq!(identity().batch(&Exchange::Look { others: ids(2_001) }, 0).len(), 3);
        for exchange in exchanges() {
            assert!(!identity().batch(&exchange, u64::MAX).is_empty());
        }
    }

    #[test]
    fn replies_are_answers() {
        let answer = |exchange: Exchange, replies: &[Reply]| identity().answer(exchange, replies);
        let one = || Reply::Int(1);
        let [register, change, tick, look, reap, scan, leave] = exchanges();
        assert_eq!(answer(register.clone(), &[one()]).unwrap(), Answer::Done);
        assert_eq!(answer(register, &[Reply::Int(0)]).unwrap(), Answer::Taken);
        assert_eq!(answer(leave, &[Reply::Int(0)]).unwrap(), Answer::Taken);
        assert_eq!(answer(change, &[one(), Reply::Int(2)]).unwrap(), Answer::Missing);
        let silent = Answer::Silent(vec!["http://c".into()]);
        let values = Reply::Array(vec![bulk("1"), Reply::Nil]);
        assert_eq!(answer(look, &[values]).unwrap(), silent);
        let reaped = |by_this| Answer::Reaped(vec![("http://b".into(), by_this)]);
        assert_eq!(answer(reap.clone(), &[one(), Reply::Int(0)]).unwrap(), reaped(true));
        assert_eq!(answer(reap, &[Reply::Int(2), Reply::Int(0)]).unwrap(), reaped(false));
        for (cursor, goes_on) in [("0", None), ("42", Some("42".to_owned()))] {
            let ids = Reply::Array(vec![bulk("x"), Reply::BulkString(vec![0xff]), bulk("y")]);
            let found = Answer::Found { cursor: goes_on, ids: vec!["x".into(), "y".into()] };
            let reply = Reply::Array(vec![bulk(cursor), ids]);
            assert_eq!(answer(scan.clone(), &[reply]).unwrap(), found);
        }

        let servers = Reply::Array(vec![bulk("http://a"), Reply::BulkString(vec![0xff])]);
        let parts = vec![one(), Reply::Int(-1), bulk(""), bulk("that"), servers];
        let alive =
            Alive { sparks: None, forgot: true, wanted: true, servers: vec!["http://a".into()] };
        assert_eq!(answer(tick.clone(), &[Reply::Array(parts)]).unwrap(), Answer::Alive(alive));
        let other = Reply::Array(vec![Reply::Int(0)]);
        assert_eq!(answer(tick, &[other]).unwrap(), Answer::Taken);
    }

    /// Whoever answers, it is no harm.
    #[test]
    fn strange_replies_are_errors_or_nothing() {
        let strange = [
            Reply::Nil,
            Reply::Okay,
            Reply::Int(-7),
            bulk("x"),
            Reply::SimpleString("0.5".into()),
            Reply::Array(Vec::new()),
            Reply::Array(vec![Reply::Nil; 5]),
            Reply::Array(vec![Reply::Int(1), bulk("x")]),
            Reply::Array(vec![bulk("a"), bulk("b")]),
            Reply::Array(vec![Reply::Array(vec![Reply::Int(1)]); 3]),
        ];
        for exchange in exchanges() {
            for replies in strange.iter().map(std::slice::from_ref).chain([&[][..], &strange]) {
                if let Err(error) = identity().answer(exchange.clone(), replies) {
                    assert!(matches!(error, Error::Protocol(_)), "{error}");
                }
            }
        }
    }
}
