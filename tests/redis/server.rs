//! A Redis for a test: a process of its own on a port of its own, which keeps
//! nothing and ends with the test.
//!
//! ```no_run
//! let Some(redis) = Redis::start() else { return };
//! let link = RedisLink::open(&redis.url())?;
//! ```
#![allow(dead_code, reason = "not every test uses all of it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::PATIENCE;

const INSTALL: &str = "redis-server is missing: install redis-server, or set PRIMUS_SKIP_REDIS=1 \
                       to go without";

/// A running, stopped, or paused Redis.
pub struct Redis {
    port: u16,
    options: Vec<String>,
    process: Option<Child>,
    /// A folder for its socket and whatever else it may want to write.
    folder: PathBuf,
}

impl Redis {
    /// Starts one; `None`, after saying so, when tests with Redis are to be skipped.
    pub fn start() -> Option<Redis> {
        Self::with(&[])
    }

    /// Starts one with options of `redis-server`, such as
    /// `&["--requirepass", "secret"]` or `&["--maxmemory", "2mb"]`.
    pub fn with(options: &[&str]) -> Option<Redis> {
        if is_skipped() {
            return None;
        }
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        for _ in 0..50 {
            // A folder of its own goes with each that cannot have its port.
            let (port, options, folder) = (free_port(), options.clone(), folder());
            let mut redis = Redis { port, options, process: None, folder };
            // Somebody else may have been faster.
            if redis.launch() {
                return Some(redis);
            }
        }
        panic!("redis-server does not start with {options:?}");
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, for who speaks to it without a link.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The URL, with the password if it was given one with `--requirepass`.
    pub fn url(&self) -> String {
        match self.password() {
            Some(password) => self.url_as(&format!(":{password}")),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// The URL with this user and password, `user:password`.
    pub fn url_as(&self, user: &str) -> String {
        format!("redis://{user}@127.0.0.1:{}", self.port)
    }

    /// The path of the Unix socket that every one of them listens on as well.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }

    /// Kills it, without a chance to say anything; true if it was running.
    pub fn stop(&mut self) -> bool {
        let Some(mut process) = self.process.take() else { return false };
        // A process that is stopped by a signal can be killed as well.
        let _ = process.kill();
        let _ = process.wait();
        true
    }

    /// Starts it again on the same port, empty, after killing it if need be.
    pub fn restart(&mut self) {
        self.stop();
        let deadline = Instant::now() + PATIENCE;
        while !self.launch() {
            assert!(Instant::now() < deadline, "redis-server does not start again");
            crate::common::pause(Duration::from_millis(20));
        }
    }

    /// It hangs: connections stand, and are even accepted, but nothing is answered.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// It goes on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("it runs").id()
    }

    /// What `redis-cli` says to a command, without the newline at the end; several
    /// values are a line each.
    pub fn cli(&self, command: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &self.port.to_string(), "--raw"]);
        if let Some(password) = self.password() {
            cli.args(["--no-auth-warning", "-a", password]);
        }
        let output = cli.args(command).output().expect("redis-cli");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.trim_end_matches('\n').to_owned()
    }

    /// The same, line by line and sorted, for sets.
    pub fn lines(&self, command: &[&str]) -> Vec<String> {
        let mut lines: Vec<_> = self.cli(command).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }

    fn password(&self) -> Option<&str> {
        let at = self.options.iter().position(|option| option == "--requirepass")?;
        self.options.get(at + 1).map(String::as_str)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid() as i32).expect("a process");
        kill_process(pid, signal).expect("a signal to redis-server");
    }

    /// False when it ended again before it answered.
    fn launch(&mut self) -> bool {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(["--dir".as_ref(), self.folder.as_os_str()])
            .args(["--unixsocket".as_ref(), self.socket().as_os_str()])
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = match command.spawn() {
            Ok(process) => process,
            Err(error) => panic!("{INSTALL} ({error})"),
        };
        let deadline = Instant::now() + PATIENCE;
        while !self.answers() {
            if process.try_wait().expect("its state").is_some() {
                return false;
            }
            if Instant::now() > deadline {
                let _ = process.kill();
                panic!("redis-server does not answer");
            }
            crate::common::pause(Duration::from_millis(5));
        }
        self.process = Some(process);
        true
    }

    /// Asked on the Unix socket: on the port another one may answer, where ours
    /// could not have it.
    fn answers(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut stream = UnixStream::connect(self.socket())?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(b"PING\r\n")?;
            let mut answer = [0; 7];
            stream.read_exact(&mut answer)?;
            Ok(&answer == b"+PONG\r\n" || answer.starts_with(b"-NOAUTH"))
        };
        ask().unwrap_or(false)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Whether tests with Redis are to be skipped; if so, says so.
pub fn is_skipped() -> bool {
    if std::env::var_os("PRIMUS_SKIP_REDIS").is_some_and(|value| value == "1") {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Past the capture of the harness: that nothing was tested is to be seen.
        let _ = writeln!(std::io::stderr(), "{test}: skipped (PRIMUS_SKIP_REDIS=1)");
        return true;
    }
    false
}

/// A port below those that the kernel gives to outgoing connections: while Redis is
/// down, a connection of some other test must not get its port, nor one that looks
/// for Redis its own.
pub fn free_port() -> u16 {
    loop {
        let port = 10_000 + random() % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A random number, from the seeds that the standard library has for its tables.
fn random() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    (RandomState::new().hash_one(0) >> 40) as u16
}

fn folder() -> PathBuf {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let name = format!("primus-redis-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
