//! The examples that are there to be copied do what they say. (Those with pages are
//! tested in `browser`, the tools in `interop`; `test_kit` has its own tests.)

#[path = "../common/mod.rs"]
mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use common::examples::example;
use common::{PATIENCE, Peer, Server, wait_for};
use primus::{Client, Destroy, Primus};

/// A running program, which is killed at the end of the test.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(name: &str, arguments: &[&str]) -> Running {
        let mut command = Command::new(example(name));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the example runs");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Running { child, lines }
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line of text");
        line.trim_end().to_owned()
    }

    /// Waits until it has ended; its status.
    fn status(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn hello_greets_echoes_and_has_a_page() {
    let mut hello = Running::start("hello", &["127.0.0.1:0"]);
    let line = hello.line();
    let url = line.strip_prefix("open ").expect("where it listens");
    let client = Client::connect(url).expect("it lets clients in");
    let next = || client.recv_timeout(PATIENCE).expect("a message");
    assert_eq!(next().as_str(), Some("hello"));
    client.write(&("you", 2)).unwrap();
    assert_eq!(next().parse::<(String, u8)>().unwrap(), ("you".into(), 2));
    let id = client.id(PATIENCE).unwrap();
    assert!(hello.line().starts_with(&format!("{id} came from 127.0.0.1:")));
    client.end();
    assert_eq!(hello.line(), format!("{id} left"));
    let addr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let page = Peer::connect(addr).ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
    assert!(page.body.contains("/primus/primus.js"), "{}", page.body);
}

/// A server that greets with three messages, and then ends the connection if told to.
fn three(ends: bool) -> Server {
    let server = Server::start(Primus::builder());
    server.primus.on_connection(move |spark| -> primus::Result<()> {
        for n in 1..=3 {
            spark.write(&("message", n))?;
        }
        if ends {
            spark.end();
        }
        Ok(())
    });
    server
}

#[test]
fn a_subscriber_prints_as_many_messages_as_are_asked_for() {
    let server = three(false);
    let url = format!("http://{}", server.addr);
    let mut subscriber = Running::start("subscriber", &[&url, "2"]);
    assert_eq!(subscriber.line(), r#"["message",1]"#);
    assert_eq!(subscriber.line(), r#"["message",2]"#);
    assert_eq!(subscriber.status(), Some(0));
    // Without a number it goes on until the server ends.
    let mut subscriber = Running::start("subscriber", &[&url]);
    (1..=3).for_each(|n| assert_eq!(subscriber.line(), format!(r#"["message",{n}]"#)));
    wait_for("sparks", 1, || server.primus.connected());
    server.primus.destroy(Destroy::default());
    assert_eq!(subscriber.status(), Some(0));
}

#[test]
fn a_subscriber_tells_by_its_status_what_went_wrong() {
    let server = three(true);
    let url = format!("http://{}", server.addr);
    for (arguments, status) in [
        (vec!["http://127.0.0.1:1"], 1),
        (vec![], 2),
        (vec![&*url, "many"], 2),
        (vec![&*url, "3"], 0),
        (vec![&*url, "4"], 3),
        (vec![&*url], 0),
    ] {
        let mut subscriber = Running::start("subscriber", &arguments);
        assert_eq!(subscriber.status(), Some(status), "{arguments:?}");
    }
    // Nobody reads what it prints.
    let mut subscriber = Command::new(example("subscriber"));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = subscriber.arg(&url).stdout(full).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(4));
}
