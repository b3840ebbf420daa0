//! The examples on the command line: what they say, and their exit status.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use primus::{Builder, Destroy, Primus};

use crate::examples::example;

/// A program with all of its streams piped.
fn start(name: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(example(name));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the example runs")
}

struct Done {
    status: i32,
    out: String,
    err: String,
}

fn finished(child: Child) -> Done {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let done =
        Done { status: status.code().expect("it exits"), out: text(stdout), err: text(stderr) };
    assert!(!done.err.contains("panicked"), "{}", done.err);
    done
}

/// The client with this input, and nothing after it.
fn client(arguments: &[&str], input: &[u8]) -> Done {
    let mut child = start("client", arguments);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may have ended already.
    let writing = thread::spawn(move || drop(stdin.write_all(&input)));
    let done = finished(child);
    writing.join().unwrap();
    done
}

/// A server to talk to.
struct Echo {
    primus: Primus,
    url: String,
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.primus.destroy(Destroy::default());
    }
}

fn echo() -> Echo {
    echo_of(Primus::builder(), Duration::ZERO)
}

/// Messages come back, after a while; `close` ends the connection.
fn echo_of(builder: Builder, delay: Duration) -> Echo {
    let primus = builder.build().unwrap();
    primus.on_connection(move |spark| {
        spark.on_data(move |spark, message| {
            crate::common::pause(delay);
            match message.as_str() {
                Some("close") => spark.end(),
                _ => drop(spark.write_frame(message.frame())),
            }
        });
    });
    let url = format!("http://{}", primus.listen("127.0.0.1:0").unwrap());
    Echo { primus, url }
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_closed_pipe_is_no_panic() {
    for name in ["echo", "client"] {
        for _ in 0..10 {
            let mut child = start(name, &["--help"]);
            drop(child.stdout.take());
            assert_eq!(finished(child).status, 0, "{name}");
        }
        let mut child = start(name, &["--nonsense"]);
        drop(child.stderr.take());
        assert_ne!(finished(child).status, 0, "{name}");
    }
    let server = echo();
    let mut child = start("client", &[&server.url]);
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(b"1\n2\n").unwrap();
    assert_eq!(finished(child).status, 4);
    let mut child = start("client", &[&server.url]);
    drop(child.stderr.take());
    child.stdin.take().unwrap().write_all(b"1\n2\n").unwrap();
    let done = finished(child);
    assert_eq!((done.status, done.out.as_str()), (0, "1\n2\n"));
}

#[test]
fn what_is_wrong_with_an_argument_is_said_with_its_name() {
    for (name, arguments) in [
        ("client", &["http://h", "--idle", "-5"][..]),
        ("client", &["http://h", "--retries", "x"]),
        ("client", &["http://h", "--parser", "yaml"]),
        ("client", &["http://h", "--transport", "polling"]),
        ("client", &["http://h", "--transformer", "engine.io", "--transport", "upgrade=perhaps"]),
        ("client", &["http://h", "--transformer", "pigeons"]),
        ("client", &["http://h", "--unheard-of"]),
        ("client", &["http://h", "http://other"]),
        ("client", &["gopher://h"]),
        ("client", &[]),
        ("echo", &["--port", "x"]),
        ("echo", &["--port", "65536"]),
        ("echo", &["--ping-interval", "-5"]),
        ("echo", &["--max-length", "much"]),
        ("echo", &["--parser", "yaml"]),
        ("echo", &["--transport", "cookie"]),
        ("echo", &["--transformer", "pigeons"]),
        ("echo", &["--unheard-of"]),
    ] {
        let done = finished(start(name, arguments));
        assert_eq!(
            done.status,
            if name == "client" { 2 } else { 1 },
            "{arguments:?}: {}",
            done.err
        );
        let last = arguments.last().unwrap_or(&"URL");
        let word = last.split('=').next().unwrap();
        assert!(done.err.contains(word), "{arguments:?}: {}", done.err);
        if let [.., option, _] = arguments
            && option.starts_with("--")
            && !option.ends_with("transformer")
        {
            let option = if last.contains('=') { "upgrade" } else { option };
            assert!(done.err.contains(option), "{arguments:?}: {}", done.err);
        }
    }
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let done = finished(start("echo", &["--port", &port]));
    assert_eq!(done.status, 1);
    assert!(done.err.contains(&format!("127.0.0.1:{port}")), "{}", done.err);
    assert!(done.err.contains("--port"), "{}", done.err);
}

#[test]
fn nobody_at_the_address_is_said_at_once_and_is_no_success() {
    let url = nobody();
    let done = client(&[&url], b"lost\n");
    assert_eq!(done.status, 1);
    assert!(!done.err.contains("reconnect"), "{}", done.err);
    let place = url.strip_prefix("http://").unwrap();
    for word in [place, "Connection refused", "listening"] {
        assert!(done.err.contains(word), "{word}: {}", done.err);
    }
    let done = client(&[&url, "--retries", "1"], b"");
    assert_eq!(done.status, 1);
    assert!(done.err.contains("attempt 1 of 1, in 500 ms"), "{}", done.err);
}

#[test]
fn a_path_in_the_url_is_said_to_be_no_use() {
    let server = echo();
    let done = client(&[&format!("{}/live?a=b", server.url)], b"1\n");
    assert_eq!((done.status, done.out.as_str()), (0, "1\n"));
    assert!(done.err.contains("/live") && done.err.contains("--pathname"), "{}", done.err);
    let quiet = client(&[&format!("{}/primus", server.url)], b"1\n");
    assert!(!quiet.err.contains("--pathname"), "{}", quiet.err);
}

#[test]
fn what_was_not_sent_is_no_success() {
    let server = echo();
    let done = client(&[&server.url], b"1\n\xff\xfe\n\"two\"\r\n3");
    assert_eq!((done.status, done.out.as_str()), (3, "1\n\"two\"\n3\n"));
    assert!(done.err.contains("line 2 is not UTF-8"), "{}", done.err);

    let small = echo_of(Primus::builder().max_length(1_000), Duration::ZERO);
    let long = "x".repeat(2_000);
    let done = client(&[&small.url, "--idle", "1500"], format!("1\n{long}\n").as_bytes());
    assert_eq!(done.status, 3, "{}", done.err);
    assert!(done.err.contains("may not have arrived"), "{}", done.err);

    // The input is still open when the server ends the connection.
    let mut child = start("client", &[&server.url]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"1\nclose\n").unwrap();
    let left = finished(child);
    assert_eq!(left.status, 3, "{}", left.err);
    assert!(left.err.contains("before the input"), "{}", left.err);
    drop(stdin);
    let done = client(&[&server.url], b"1\nclose\n");
    assert_eq!(done.status, 0, "the server's own end: {}", done.err);
}

#[test]
fn many_lines_before_the_connection_are_all_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let lines: String = (0..30_000).map(|n| format!("{n}\n")).collect();
    let input = lines.clone();
    let running = thread::spawn(move || {
        client(&[&format!("http://{address}"), "--retries", "10"], input.as_bytes())
    });
    crate::common::pause(Duration::from_millis(300));
    let primus = Primus::create_server(address, |spark| {
        spark.on_data(|spark, message| spark.write_frame(message.frame()));
    });
    let Ok(primus) = primus else { return };
    let done = running.join().unwrap();
    assert_eq!(done.status, 0, "{}", done.err);
    assert_eq!(done.out, lines);
    primus.destroy(Destroy::default());
}

#[test]
fn answers_are_waited_for_from_the_end_of_the_input() {
    let server = echo_of(Primus::builder(), Duration::from_millis(400));
    let mut child = start("client", &[&server.url, "--idle", "2000"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"1\n").unwrap();
    // Longer than what is waited for answers.
    crate::common::pause(Duration::from_millis(2600));
    stdin.write_all(b"2\n").unwrap();
    drop(stdin);
    let done = finished(child);
    assert_eq!((done.status, done.out.as_str()), (0, "1\n2\n"));
}
