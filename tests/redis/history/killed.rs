//! A server that ends without a word.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;

/// A server in a process of its own.
struct Elsewhere {
    process: Child,
    url: String,
}

impl Elsewhere {
    fn start(redis: &Redis) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "history::killed::elsewhere"])
            .env("HISTORY_REDIS", redis.url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = lines.find_map(|line| line.strip_prefix("at ").map(str::to_owned));
        Elsewhere { process, url: url.expect("it tells where it is") }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes numbers for as long as it is there, once it is told to.
#[test]
#[ignore = "what other tests start in a process of its own"]
fn elsewhere() {
    let Ok(redis) = std::env::var("HISTORY_REDIS") else { return };
    let server = Server::start_on(RedisLink::open(&redis).unwrap(), &["r"], |it| it);
    println!("\nat {}", server.url);
    std::io::stdin().read_line(&mut String::new()).unwrap();
    for n in 1.. {
        server.write("r", n);
        crate::common::pause(Duration::from_millis(1));
    }
}

#[test]
fn members_of_a_server_that_is_killed_go_on_at_another_one_as_if_nothing_had_been() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::start(&redis, &["r"]);
    let witness = User::come(&server);
    let mut killed = Elsewhere::start(&redis);
    let user = User::come_to(&killed.url);
    killed.process.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    wait_until("it writes", || user.got().len() >= 100 && witness.got().len() >= 100);
    user.goes_to(&server);
    killed.kill();
    wait_until("it is at the other one", || !user.told().is_empty());
    server.write("r", 1_000_000);
    for one in [&user, &witness] {
        wait_until("it goes on", || one.got().last() == Some(&1_000_000));
    }
    let got = user.got();
    assert!(got[..got.len() - 1].iter().copied().eq(1..got.len() as u64), "{got:?}");
    assert_eq!(got, witness.got());
    assert!(!user.is_torn() && !witness.is_torn(), "{:?}", user.told());
}
