//! The examples that are there to be copied do what they say. (Those with pages are
//! tested in `browser`, the tools in `interop`; `test_kit` has its own tests.)

mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod lines;
#[path = "../redis/server.rs"]
mod redis;
mod stack;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
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

/// The tools' path of a socket, in a folder for all.
fn socket(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("primus-{name}-{}", std::process::id()))
}

#[test]
fn the_tools_meet_on_a_unix_socket() {
    let path = socket("tools");
    let path = path.to_str().unwrap();
    let mut echo = Running::start("echo", &["--unix", path, "--unix-mode", "600"]);
    assert_eq!(echo.line(), format!("listening on unix:{path}"));
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let mut client = Command::new(example("client"))
        .args(["--unix", path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(b"\"hello\"\n").unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "\"hello\"\n");
    assert!(output.status.success());
    let load = Command::new(example("load"))
        .args(["echo", "--connections", "2", "--messages", "10", "--unix", path])
        .output()
        .unwrap();
    assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stderr));
    let pid = rustix::process::Pid::from_child(&echo.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(echo.status(), Some(0));
    assert!(!std::path::Path::new(path).exists());
}

/// Nothing is lost by any transport, nor by streams that end.
#[test]
fn the_load_generator_speaks_sockjs() {
    let limit = ["--transport", "response_limit=500"];
    let arguments = ["--port", "0", "--transformer", "sockjs"];
    let mut echo = Running::start("echo", &[&arguments[..], &limit[..]].concat());
    let line = echo.line();
    let url = line.strip_prefix("listening on ").expect("where it listens");
    for transport in ["websocket", "xhr-streaming", "xhr-polling"] {
        for mode in [
            &["echo", "--messages", "300", "--in-flight", "3"][..],
            &["broadcast", "--broadcasts", "60", "--burst", "20"],
        ] {
            let load = Command::new(example("load"))
                .args(mode)
                .args(["--connections", "3", "--transformer", "sockjs", "--url", url])
                .args(["--transport", transport])
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&load.stdout);
            assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stderr));
            assert!(told.contains("\"lost\":0") && told.contains("\"closed\":0"), "{told}");
        }
    }
}

#[test]
fn the_load_generator_speaks_socket_io() {
    speaks("socket.io", &["--transport", "heartbeat-interval=0.05"]);
}

/// Nothing is lost by the back channels that end.
#[test]
fn the_load_generator_speaks_browserchannel() {
    speaks("browserchannel", &[]);
}

#[track_caller]
fn speaks(transformer: &str, options: &[&str]) {
    let arguments = ["--port", "0", "--transformer", transformer];
    let mut echo = Running::start("echo", &[&arguments[..], options].concat());
    let line = echo.line();
    let url = line.strip_prefix("listening on ").expect("where it listens");
    for mode in [
        &["echo", "--messages", "300", "--in-flight", "3"][..],
        &["broadcast", "--broadcasts", "60", "--burst", "20"],
    ] {
        let load = Command::new(example("load"))
            .args(mode)
            .args(["--connections", "3", "--transformer", transformer, "--url", url])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&load.stdout);
        assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stderr));
        assert!(told.contains("\"lost\":0") && told.contains("\"closed\":0"), "{told}");
    }
}

/// Each message comes once at each server, and echoes come while others do, and go.
#[test]
fn the_load_generator_measures_servers_that_a_redis_joins() {
    if redis::is_skipped() {
        return;
    }
    let echo = format!("{} --port 0 --rooms", example("echo").display());
    for mode in [
        &["fleet", "--servers", "2", "--connections", "9", "--broadcasts", "40", "--burst", "20"][..],
        &["register", "--servers", "1", "--rate", "200", "--seconds", "0.5"],
        &["register", "--rate", "200", "--seconds", "0.5"],
    ] {
        let mut load = Command::new(example("load"));
        let output = load.args(mode).args(["--spawn", &echo]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(told.contains("\"lost\":0") && told.contains("\"wrong\":0"), "{told}");
    }
}

/// Runs the echo server as systemd does: with sockets from descriptor 3 on.
fn activated(first: impl Into<OwnedFd>, second: impl Into<OwnedFd>, variables: &str) -> Running {
    let script = format!("{variables} exec \"$0\" --inherited 3<&0 4<&2 0</dev/null 2>/dev/null");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .arg(example("echo"))
        .stdin(first.into())
        .stderr(second.into())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let lines = BufReader::new(child.stdout.take().expect("its output"));
    Running { child, lines }
}

#[test]
fn sockets_that_a_program_is_started_with_are_served() {
    let path = socket("inherited");
    let _ = std::fs::remove_file(&path);
    let tcp = || TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    let listener = tcp();
    let address = listener.local_addr().unwrap();
    let mut echo = activated(unix, listener, "LISTEN_PID=$$ LISTEN_FDS=2");
    assert_eq!(echo.line(), "listening on inherited sockets: 2");
    for url in [format!("unix:{}", path.display()), format!("http://{address}")] {
        let client = Client::connect(&url).unwrap();
        client.write("handed over").unwrap();
        assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("handed over"));
        client.end();
    }
    drop(echo);
    // The file is the supervisor's.
    std::fs::remove_file(&path).unwrap();
    // For another process, too many, and one that does not listen.
    for variables in ["LISTEN_PID=1 LISTEN_FDS=2", "LISTEN_PID=$$ LISTEN_FDS=99999999999", ""] {
        assert_eq!(activated(tcp(), tcp(), variables).status(), Some(1), "{variables}");
    }
    let listener = tcp();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(activated(client, tcp(), "LISTEN_PID=$$ LISTEN_FDS=2").status(), Some(1));
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(activated(file, tcp(), "LISTEN_PID=$$ LISTEN_FDS=2").status(), Some(1));
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
