//! A Redis for a tool: on a free port of this machine, keeping nothing on disk, and
//! gone with the tool, whatever ends that.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends the server when nobody holds the other end of its own input any more.
const KEEPER: &str = r#"command -v redis-server >/dev/null || exit 127
redis-server "$@" >/dev/null & read -r line; kill $!; wait"#;

/// A running server, which ends when this is dropped.
#[derive(Debug)]
pub struct Redis {
    keeper: Child,
    held: Option<ChildStdin>,
    port: u16,
    /// Its process.
    pub pid: u32,
}

impl Redis {
    /// Starts it, and waits until it answers.
    pub fn start() -> io::Result<Redis> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh", "--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let held = keeper.stdin.take();
        let mut redis = Redis { keeper, held, port, pid: 0 };
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(pid) = redis.number("server", "process_id") {
                redis.pid = pid as u32;
                return Ok(redis);
            }
            if redis.keeper.try_wait()?.is_some() {
                return Err(io::Error::other("install redis-server"));
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("redis-server does not answer"));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The answer to a command, whose words are as at its prompt.
    pub fn ask(&self, command: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = BufReader::new(stream);
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let line = line.trim_end();
        let unknown = || io::Error::other(format!("{command}: {line}"));
        match (line.get(..1), line.get(1..)) {
            (Some("+" | ":"), Some(text)) => Ok(text.to_owned()),
            (Some("$"), Some(length)) => {
                let mut text = vec![0; length.parse().map_err(|_| unknown())?];
                answer.read_exact(&mut text)?;
                String::from_utf8(text).map_err(io::Error::other)
            }
            _ => Err(unknown()),
        }
    }

    /// A number that it tells of itself: `INFO`, a section, a name.
    pub fn number(&self, section: &str, name: &str) -> io::Result<f64> {
        let told = self.ask(&format!("INFO {section}"))?;
        let value = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let value = value.and_then(|value| value.parse().ok());
        value.ok_or_else(|| io::Error::other(format!("INFO {section} has no {name}")))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.held.take());
        let _ = self.keeper.wait();
    }
}
