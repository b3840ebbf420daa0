//! Messages for single connections, wherever they are.

use std::collections::BTreeMap;
use std::time::Instant;

use super::asks::{Answer, Asked};
use super::keys::CHUNK;
use super::live::Live;
use super::tidy::text;
use super::wire::{self, ASKED, Got, LONGEST_BOOT, tail};
use crate::deadline::after;
use crate::error::{Error, Result};
use crate::link::{Batch, Reply};
use crate::plugins::omega::{Omega, PrimusForward};
use crate::server::{EndOptions, Primus, Spark};
use crate::value::Value;

/// What has become of a message for connections of several servers, or of their end.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reached {
    /// The ids of those that were there.
    pub there: Vec<String>,
    /// Of those that are nowhere.
    pub absent: Vec<String>,
    /// The servers that could not be asked, or have not answered: what has become of
    /// their connections is not known.
    pub failed: Vec<Unreached>,
}

/// A server of which nothing is known, with the ids that are its.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unreached {
    /// Its address.
    pub server: String,
    /// The ids.
    pub ids: Vec<String>,
    /// Why.
    pub error: Error,
}

impl Reached {
    /// What has become of the only one.
    pub(super) fn only(self) -> Result<bool> {
        match self.failed.into_iter().next() {
            Some(unreached) => Err(unreached.error),
            None => Ok(!self.there.is_empty()),
        }
    }
}

/// What is done to connections.
pub(super) enum Deed<'a> {
    Write(&'a Value),
    End(EndOptions),
}

impl Deed<'_> {
    /// Does it here.
    fn run(&self, spark: &Spark) -> Result<()> {
        match self {
            Deed::Write(value) => spark.write(*value).map(drop),
            Deed::End(options) => {
                spark.end_options(*options);
                Ok(())
            }
        }
    }

    fn tail(&self, ids: &[String], ask: u64) -> Vec<u8> {
        match self {
            Deed::Write(value) => tail::ids(ids, ask, value),
            Deed::End(options) => tail::end(ids, ask, options.reconnect),
        }
    }
}

/// # Asking
impl Live {
    /// Does something to connections, here at once, and elsewhere by asking.
    ///
    /// # Errors
    /// When the registry does not answer, and something of a connection here.
    pub fn reach(&self, primus: &Primus, ids: Vec<String>, deed: &Deed<'_>) -> Result<Reached> {
        let mut reached = Reached::default();
        let mut elsewhere = Vec::new();
        for id in ids {
            let Some(spark) = primus.spark(&id) else {
                elsewhere.push(id);
                continue;
            };
            match deed.run(&spark) {
                Ok(()) => reached.there.push(id),
                // It has just ended.
                Err(Error::Closed) => reached.absent.push(id),
                Err(error) => {
                    let server = self.metroplex.own_address().unwrap_or_default().to_owned();
                    reached.failed.push(Unreached { server, ids: vec![id], error });
                }
            }
        }
        if !elsewhere.is_empty() {
            self.reach_elsewhere(primus, elsewhere, deed, &mut reached)?;
        }
        Ok(reached)
    }

    fn reach_elsewhere(
        &self,
        primus: &Primus,
        ids: Vec<String>,
        deed: &Deed<'_>,
        reached: &mut Reached,
    ) -> Result<()> {
        let servers = self.metroplex.sparks(&ids)?;
        let mut by_server: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, server) in ids.into_iter().zip(servers) {
            match server {
                Some(server) if Some(&*server) != self.metroplex.own_address() => {
                    by_server.entry(server).or_default().push(id);
                }
                // Nobody has it, or this server had it until now.
                _ => reached.absent.push(id),
            }
        }
        let servers: Vec<_> = by_server.keys().cloned().collect();
        let processes = self.processes(&servers)?;
        let until = after(Instant::now(), self.options.timeout);
        // All are asked before the first one is waited for.
        let mut asked = Vec::new();
        for ((server, ids), process) in by_server.into_iter().zip(processes) {
            for ids in ids.chunks(ASKED) {
                let answer = match &process {
                    Some(process) => self.ask((&server, process), ids, deed),
                    None => Err(Answer::Nobody),
                };
                asked.push((server.clone(), ids.to_vec(), answer));
            }
        }
        for (server, ids, asked) in asked {
            let answer = match asked {
                Ok(asked) => asked.wait(until, self.options.timeout),
                Err(answer) => answer,
            };
            let answer = match answer {
                Answer::Nobody => self.reach_by_omega(primus, &server, &ids, deed),
                answer => answer,
            };
            self.settle_answer(answer, server, ids, reached);
        }
        Ok(())
    }

    /// The processes that have these addresses; none where nobody of ours lives.
    fn processes(&self, servers: &[String]) -> Result<Vec<Option<String>>> {
        let mut batch = Batch::new();
        for servers in servers.chunks(CHUNK) {
            let keys = servers.iter().map(|server| self.keys_of(server).boot());
            batch.add(&std::iter::once("MGET".to_owned()).chain(keys).collect::<Vec<_>>());
        }
        let replies = self.asked(batch)?;
        let processes = replies.iter().filter_map(Reply::as_sequence).flatten().map(text);
        let is_one = |process: &String| process.len() <= LONGEST_BOOT;
        let processes: Vec<_> = processes.map(|process| process.filter(is_one)).collect();
        match processes.len() == servers.len() {
            true => Ok(processes),
            false => Err(Error::Unavailable("Redis: MGET has not as many values".into())),
        }
    }

    /// By way of omega-supreme, to a server of Node.js, if that plugin is there and its
    /// credentials may go to whoever stands in Redis.
    fn reach_by_omega(
        &self,
        primus: &Primus,
        server: &str,
        ids: &[String],
        deed: &Deed<'_>,
    ) -> Answer {
        let Deed::Write(value) = deed else { return Answer::Nobody };
        if !self.options.node_servers || primus.plugin::<Omega>().is_none() {
            return Answer::Nobody;
        }
        let forwarded = match primus.forward([server], *value, ids.to_vec()) {
            Ok(forwarded) => forwarded,
            Err(error) => return Answer::Failed(error),
        };
        match forwarded.failed.into_iter().next() {
            Some((_, error)) => Answer::Failed(error),
            None if forwarded.remote == 0 => Answer::Got(vec![Got::Absent; ids.len()]),
            None if forwarded.remote >= ids.len() => Answer::Got(vec![Got::There; ids.len()]),
            // It does not say which.
            None => Answer::Failed(Error::Unavailable(format!(
                "{server} has written to {} of {} connections",
                forwarded.remote,
                ids.len()
            ))),
        }
    }

    fn ask(
        &self,
        whom: (&str, &str),
        ids: &[String],
        deed: &Deed<'_>,
    ) -> Result<Asked<'_>, Answer> {
        let ask = || {
            let asked = self.asks.ask(whom.0, ids.len())?;
            if let Deed::Write(value) = deed {
                wire::is_readable(value, ids.len(), self.values)?;
            }
            let tail = deed.tail(ids, asked.number);
            self.fits(&tail)?;
            self.say_to_one(whom, &tail, asked.said());
            Ok(asked)
        };
        ask().map_err(Answer::Failed)
    }

    fn settle_answer(
        &self,
        answer: Answer,
        server: String,
        ids: Vec<String>,
        reached: &mut Reached,
    ) {
        match answer {
            Answer::Got(got) => {
                self.counters.answered.add(1);
                for (id, got) in ids.into_iter().zip(got) {
                    match got {
                        Got::There => reached.there.push(id),
                        Got::Absent => reached.absent.push(id),
                        Got::Refused => {
                            let text = "the connection did not take it: it may read too slowly";
                            let error = Error::Unavailable(format!("{server}: {text}"));
                            let server = server.clone();
                            reached.failed.push(Unreached { server, ids: vec![id], error });
                        }
                    }
                }
            }
            Answer::Failed(error) => reached.failed.push(Unreached { server, ids, error }),
            Answer::Nobody => {
                let error = Error::Unavailable(format!(
                    "{server} is registered, and hears nothing: it has died, or is a server of \
                     Node.js, for which the plugin `omega` and `Cluster::node_servers` are \
                     wanted"
                ));
                reached.failed.push(Unreached { server, ids, error });
            }
        }
    }
}

/// # Answering
///
/// On the link's thread of subscriptions.
impl Live {
    /// Does something to connections here, and answers whoever asks, by address and run,
    /// which there were.
    pub fn do_here(&self, asker: (&str, &str), ids: &[String], ask: u64, deed: &Deed<'_>) {
        let Some(primus) = self.primus.upgrade() else { return };
        self.counters.asked.add(1);
        let got: Vec<_> = ids
            .iter()
            .map(|id| {
                let Some(spark) = primus.spark(id) else { return Got::Absent };
                let outcome = deed.run(&spark);
                self.was_delivered(&outcome);
                match outcome {
                    Ok(()) => Got::There,
                    Err(Error::Closed) => Got::Absent,
                    Err(_) => Got::Refused,
                }
            })
            .collect();
        // Who has no address cannot be answered.
        if !asker.0.is_empty() {
            self.say_to_one(asker, &tail::got(ask, &got), |_| {});
        }
    }
}
