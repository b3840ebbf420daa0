//! A server in a process of its own, which is killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

const URL: &str = "PRIMUS_TEST_REDIS";

/// The process.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "runs in a process of its own, for another test"]
fn serves_until_it_is_killed() {
    let Ok(url) = std::env::var(URL) else { return };
    let member = Member::begin(&url, |cluster| cluster);
    joined(&[&member]);
    let (_peers, n): (Vec<_>, _) =
        ((0..20).map(|n| member.come(&format!("k{n}"), &["news", "dead"]).0).collect(), 0);
    println!("\naddress {}", member.address());
    std::io::stdin().read_line(&mut String::new()).unwrap();
    unreachable!("{n}");
}

#[test]
fn a_server_that_is_killed_is_gone_within_the_interval() {
    let Some(redis) = Redis::start() else { return };
    let one = Member::start(&redis);
    let (_peer, _) = one.come("a", &["news"]);
    let process = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "bus::killed::serves_until_it_is_killed"])
        .env(URL, redis.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut process = Killed(process);
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address =
        lines.find_map(|line| line.strip_prefix("address ").map(str::to_owned)).expect("it serves");
    let primus = one.primus();
    wait_for("members", 21, || primus.cluster_room_count("news").unwrap());
    wait_for("connections", 21, || primus.cluster_connected().unwrap());
    assert!(primus.write_spark("k7", "hello").unwrap());
    process.0.kill().unwrap();
    // At once: it hears nothing any more.
    wait_until("it is not heard", || {
        primus.write_spark("k7", "hello").is_ok_and(|there| !there)
            || matches!(primus.write_spark("k7", "x"), Err(primus::Error::Unavailable(_)))
    });
    wait_for("members", 1, || primus.cluster_room_count("news").unwrap());
    wait_for("connections", 1, || primus.cluster_connected().unwrap());
    wait_for("names", vec!["news".to_owned()], || primus.cluster_room_names().unwrap());
    assert!(!primus.write_spark("k7", "hello").unwrap());
    let keys = || redis.lines(&["KEYS", &format!("*{address}*")]);
    wait_for("its keys", Vec::<String>::new(), keys);
}
