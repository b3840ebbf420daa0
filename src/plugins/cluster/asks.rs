//! Questions to other servers, and their answers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::wire::Got;
use crate::error::{Error, Result};
use crate::sync::Lock;

/// What becomes of a question.
#[derive(Debug)]
pub(super) enum Answer {
    /// For each of the ids, what has become of it.
    Got(Vec<Got>),
    /// The server hears nothing.
    Nobody,
    /// It could not be asked.
    Failed(Error),
}

/// The questions that are open.
pub(super) struct Asks {
    open: Lock<Open>,
    most: usize,
}

#[derive(Default)]
struct Open {
    asks: HashMap<u64, Ask>,
    last: u64,
    over: bool,
}

struct Ask {
    /// The address of whoever was asked.
    of: String,
    then: Sender<Answer>,
}

/// An open question, until this is dropped.
pub(super) struct Asked<'a> {
    asks: &'a Asks,
    pub number: u64,
    /// Who was asked, and for how many ids.
    of: String,
    ids: usize,
    then: Sender<Answer>,
    answer: Receiver<Answer>,
}

impl Asks {
    /// At most so many at a time.
    pub fn new(most: usize) -> Self {
        Asks { open: Lock::default(), most }
    }

    /// A question to a server about so many ids.
    ///
    /// # Errors
    /// [`Error::Misuse`] when too many are open, [`Error::Closed`] at the end.
    pub fn ask(&self, of: &str, ids: usize) -> Result<Asked<'_>> {
        let (then, answer) = bounded(1);
        let mut open = self.open.lock();
        if open.over {
            return Err(Error::Closed);
        }
        if open.asks.len() >= self.most {
            return Err(Error::Misuse(format!(
                "{} questions to other servers wait for answers already (`Limits::answers`)",
                self.most
            )));
        }
        open.last += 1;
        let number = open.last;
        open.asks.insert(number, Ask { of: of.to_owned(), then: then.clone() });
        Ok(Asked { asks: self, number, of: of.to_owned(), ids, then, answer })
    }

    /// A server has answered.
    pub fn answer(&self, number: u64, from: &str, got: Vec<Got>) {
        let mut open = self.open.lock();
        let is_of = |ask: &Ask| ask.of == from;
        if open.asks.get(&number).is_some_and(is_of)
            && let Some(ask) = open.asks.remove(&number)
        {
            drop(open);
            let _ = ask.then.try_send(Answer::Got(got));
        }
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.open.lock().asks.len()
    }

    /// No more answers come.
    pub fn end(&self) {
        let mut open = self.open.lock();
        open.over = true;
        let asks = std::mem::take(&mut open.asks);
        drop(open);
        asks.into_values().for_each(|ask| drop(ask.then.try_send(Answer::Failed(Error::Closed))));
    }
}

impl Asked<'_> {
    /// Where it is told to how many it was said.
    pub fn said(&self) -> impl FnOnce(Result<i64>) + Send + 'static {
        let then = self.then.clone();
        move |said| match said {
            Ok(0) => drop(then.try_send(Answer::Nobody)),
            Ok(_) => {}
            Err(error) => drop(then.try_send(Answer::Failed(error))),
        }
    }

    /// Waits for the answer.
    pub fn wait(self, until: Instant, patience: Duration) -> Answer {
        let late = || Error::Timeout(format!("no answer of {} within {patience:?}", self.of));
        match self.answer.recv_deadline(until) {
            Ok(Answer::Got(got)) if got.len() != self.ids => {
                Answer::Failed(Error::Protocol(format!("{}: not all are answered for", self.of)))
            }
            Ok(answer) => answer,
            Err(_) => Answer::Failed(late()),
        }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let ask = self.asks.open.lock().asks.remove(&self.number);
        drop(ask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(1);

    fn wait(asked: Asked<'_>) -> Answer {
        asked.wait(Instant::now() + SHORT, SHORT)
    }

    #[test]
    fn an_answer_is_that_of_whoever_was_asked() {
        let asks = Asks::new(10);
        let asked = asks.ask("a", 2).unwrap();
        asks.answer(asked.number, "b", vec![Got::There; 2]);
        asks.answer(asked.number + 1, "a", vec![Got::There; 2]);
        assert_eq!(asks.len(), 1);
        asks.answer(asked.number, "a", vec![Got::There, Got::Absent]);
        asks.answer(asked.number, "a", vec![Got::Absent; 2]);
        assert!(matches!(wait(asked), Answer::Got(got) if got == [Got::There, Got::Absent]));
    }

    #[test]
    fn a_question_ends_in_time_and_is_forgotten() {
        let asks = Asks::new(1);
        let asked = asks.ask("a", 1).unwrap();
        assert!(matches!(asks.ask("b", 1), Err(Error::Misuse(_))));
        assert!(matches!(wait(asked), Answer::Failed(Error::Timeout(_))));
        assert_eq!(asks.len(), 0);
        let asked = asks.ask("a", 1).unwrap();
        asked.said()(Ok(1));
        asked.said()(Ok(0));
        assert!(matches!(wait(asked), Answer::Nobody));
        let asked = asks.ask("a", 1).unwrap();
        asks.answer(asked.number, "a", vec![Got::There; 3]);
        assert!(matches!(wait(asked), Answer::Failed(Error::Protocol(_))));
        let asked = asks.ask("a", 1).unwrap();
        asks.end();
        assert!(matches!(wait(asked), Answer::Failed(Error::Closed)));
        assert!(matches!(asks.ask("a", 1), Err(Error::Closed)));
    }
}
