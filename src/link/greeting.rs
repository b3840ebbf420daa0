//! The first words on a connection: who we are, whether it is a Redis that can be
//! used, and whether it serves.

use std::collections::VecDeque;

use super::address::Address;
use super::batch::Batch;
use super::exchange::is_away;
use super::reply::Reply;

/// What was said and not answered yet.
pub(super) struct Greeting {
    open: VecDeque<Word>,
    has_password: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Auth,
    Mode,
    Role,
    Name,
    Database,
    Ping,
}

impl Greeting {
    /// What is to be said, all at once, and what will be heard.
    pub fn new(address: &Address, name: &str) -> (Vec<u8>, Greeting) {
        let (mut batch, mut open) = (Batch::new(), VecDeque::new());
        let mut say = |word, command: &[&str]| {
            batch.add(command);
            open.push_back(word);
        };
        match (&address.user, &address.password) {
            (Some(user), Some(password)) => say(Word::Auth, &["AUTH", user, password]),
            (None, Some(password)) => say(Word::Auth, &["AUTH", password]),
            (_, None) => {}
        }
        // A sentinel understands no more than these.
        say(Word::Mode, &["INFO", "server"]);
        say(Word::Role, &["INFO", "replication"]);
        say(Word::Name, &["CLIENT", "SETNAME", name]);
        if address.database != 0 {
            say(Word::Database, &["SELECT", &address.database.to_string()]);
        }
        say(Word::Ping, &["PING"]);
        let mut out = Vec::new();
        batch.steps().iter().for_each(|step| step.write(true, &mut out));
        (out, Greeting { open, has_password: address.password.is_some() })
    }

    /// The next answer; true when that was the last. The error is for those who run
    /// the server.
    pub fn hear(&mut self, reply: &Reply) -> Result<bool, String> {
        let Some(word) = self.open.pop_front() else { return Ok(true) };
        match reply {
            Reply::ServerError(error) => {
                self.refused(word, error.code(), &error.to_string())?;
            }
            Reply::BulkString(info) if matches!(word, Word::Mode | Word::Role) => {
                usable(&String::from_utf8_lossy(info))?;
            }
            Reply::Okay | Reply::SimpleString(_) => {}
            _ => return Err("what it says to a greeting is not Redis's".into()),
        }
        Ok(self.open.is_empty())
    }

    fn refused(&self, word: Word, code: &str, text: &str) -> Result<(), String> {
        if code == "NOAUTH" {
            let hint = if self.has_password { "does not take the password" } else { "wants one" };
            return Err(format!("a password: Redis {hint}: {text}"));
        }
        if is_away(code) {
            return Err(format!("Redis does not serve now: {text}"));
        }
        match word {
            Word::Auth => Err(format!("Redis does not take the password: {text}")),
            Word::Database => Err(format!("Redis does not have the database: {text}")),
            // Without the right to ask, we hope for the best.
            Word::Mode | Word::Role | Word::Name | Word::Ping => Ok(()),
        }
    }
}

/// Whether this is a Redis that can be used, by what it says of itself.
fn usable(info: &str) -> Result<(), String> {
    for line in info.lines() {
        match line.trim_end() {
            "redis_mode:cluster" | "server_mode:cluster" => {
                return Err("this is a node of a cluster, which is not supported".into());
            }
            "redis_mode:sentinel" | "server_mode:sentinel" => {
                return Err("this is a sentinel, which is not supported: give the primary".into());
            }
            "role:slave" | "role:replica" => {
                return Err("this is a replica, where nothing can be written".into());
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::reply::ServerError;

    fn address(url: &str) -> Address {
        Address::parse(url).unwrap()
    }

    fn error(text: &str) -> Reply {
        Reply::ServerError(ServerError::new(text))
    }

    fn info(text: &str) -> Reply {
        Reply::BulkString(text.into())
    }

    fn pong() -> Reply {
        Reply::SimpleString("PONG".into())
    }

    #[test]
    fn it_says_what_is_to_be_said_and_no_more() {
        let (bytes, _) = Greeting::new(&address("redis://host"), "primus");
        let said = String::from_utf8(bytes).unwrap();
        assert!(!said.contains("AUTH") && !said.contains("SELECT"), "{said}");
        assert!(said.ends_with("*1\r\n$4\r\nPING\r\n"), "{said}");
        let (bytes, _) = Greeting::new(&address("redis://me:secret@host/4"), "primus");
        let said = String::from_utf8(bytes).unwrap();
        assert!(said.starts_with("*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n"), "{said}");
        assert!(said.contains("$6\r\nSELECT\r\n$1\r\n4\r\n"), "{said}");
    }

    #[test]
    fn it_is_over_with_the_last_answer() {
        let (_, mut greeting) = Greeting::new(&address("redis://:x@host/1"), "primus");
        let answers = [Reply::Okay, info("redis_mode:standalone\r\n"), info("role:master\r\n")];
        for reply in answers.into_iter().chain([Reply::Okay, Reply::Okay]) {
            assert_eq!(greeting.hear(&reply), Ok(false));
        }
        assert_eq!(greeting.hear(&pong()), Ok(true));
    }

    #[test]
    fn it_goes_on_without_rights_that_it_can_do_without() {
        let (_, mut greeting) = Greeting::new(&address("redis://host"), "primus");
        for _ in 0..3 {
            assert_eq!(greeting.hear(&error("NOPERM no")), Ok(false));
        }
        assert_eq!(greeting.hear(&error("MISCONF no disk")), Ok(true));
    }

    #[test]
    fn what_cannot_be_used_is_told_apart() {
        let first = |url: &str, reply: Reply| {
            Greeting::new(&address(url), "primus").1.hear(&reply).unwrap_err()
        };
        let plain = "redis://host";
        let mode = |mode: &str| first(plain, info(&format!("# Server\r\nredis_mode:{mode}\r\n")));
        assert!(mode("cluster").contains("a node of a cluster"));
        assert!(mode("sentinel").contains("a sentinel"));
        assert!(first(plain, info("role:slave\r\n")).contains("a replica"));
        assert!(first(plain, error("NOAUTH Authentication required.")).contains("wants one"));
        assert!(first(plain, error("LOADING it")).contains("does not serve now"));
        assert!(first(plain, Reply::Int(1)).contains("is not Redis's"));
        assert!(first("redis://:x@host", error("WRONGPASS no")).contains("take the password"));
        assert!(first("redis://:x@host", error("NOAUTH")).contains("take the password"));
    }
}
