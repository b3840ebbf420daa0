//! The server under load: one that runs already, or a child process; or several,
//! joined by a Redis of their own.
//!
//! A child must not outlive the generator, whatever ends that. So it is started
//! through `load keep`, which asks the kernel to kill it when its parent is
//! gone and then turns into the server (`exec`). In the ordinary course of
//! things dropping the [`Target`] ends it, by its process id.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::options::{Options, Server};
use crate::redis::Redis;
use crate::{Result, process, socket};

/// A command may have to build the server first.
const START: Duration = Duration::from_secs(120);

/// After this a server that was asked to end is killed.
const END: Duration = Duration::from_secs(3);

/// A server that can be reached.
#[derive(Debug)]
pub struct Target {
    /// Its address; on this machine.
    pub host: SocketAddr,
    pid: Option<u32>,
    child: Option<Child>,
    /// The other servers of its fleet.
    fellows: Vec<Target>,
    /// What joins them; it is to end behind them.
    redis: Option<Redis>,
}

impl Target {
    /// Finds or starts the server that the options name.
    pub fn from_options(options: &Options) -> Result<Target> {
        match &options.server {
            Server::Unnamed => Err("name a server: --url, --spawn or --bare; see --help".into()),
            Server::Url(url) => Ok(Target::new(address(url)?, options.pid, None)),
            Server::Spawn(command) => match options.servers {
                Some(count) => Target::fleet(command, count),
                None => Target::spawn(command),
            },
            Server::Bare => Target::bare(options.log),
        }
    }

    fn new(host: SocketAddr, pid: Option<u32>, child: Option<Child>) -> Target {
        Target { host, pid, child, fellows: Vec::new(), redis: None }
    }

    /// Starts a Redis, and so many servers by the same command line, to which the
    /// option that names the Redis is added.
    pub fn fleet(command: &str, count: usize) -> Result<Target> {
        let redis = Redis::start()?;
        let command = format!("{command} --redis {}", redis.url());
        let mut first = Target::spawn(&command)?;
        first.redis = Some(redis);
        for _ in 1..count {
            first.fellows.push(Target::spawn(&command)?);
        }
        Ok(first)
    }

    /// Starts a server by its command line, which a shell splits.
    pub fn spawn(command: &str) -> Result<Target> {
        Target::start(&["sh", "-c", &format!("exec {command}")])
    }

    /// Starts the bare server.
    pub fn bare(log: bool) -> Result<Target> {
        let program = env::current_exe()?;
        let program = program.to_str().ok_or("the path of this program is not UTF-8")?;
        let words = [program, "bare-server", "--log"];
        Target::start(if log { &words } else { &words[..2] })
    }

    /// Must be called on the main thread: the kernel ends a kept child when the
    /// thread that started it ends.
    fn start(words: &[&str]) -> Result<Target> {
        let mut child = Command::new(env::current_exe()?)
            .args(["keep", "--parent", &std::process::id().to_string()])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take();
        let pid = child.id();
        // From here on dropping the target ends the child.
        let host = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut target = Target::new(host, Some(pid), Some(child));
        let (found, address_found) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output?).lines() {
                if let Some((_, url)) = line.ok()?.split_once("listening on ") {
                    let _ = found.send(url.trim().to_owned());
                }
            }
            Some(())
        });
        let url = address_found.recv_timeout(START);
        target.host = address(&url.map_err(|_| "the server did not say where it listens")?)?;
        Ok(target)
    }

    /// The server's process, if known.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// The addresses of all its servers.
    pub fn hosts(&self) -> Vec<SocketAddr> {
        let fellows = self.fellows.iter().map(|fellow| fellow.host);
        std::iter::once(self.host).chain(fellows).collect()
    }

    /// Processor time of all its servers, in seconds, if their processes are known.
    pub fn cpu_seconds(&self) -> Option<f64> {
        let fellows = self.fellows.iter().map(Target::cpu_seconds);
        fellows.fold(process::cpu_seconds(self.pid?), |sum, one| Some(sum? + one?))
    }

    /// Processor time of the Redis that joins them.
    pub fn redis_cpu_seconds(&self) -> Option<f64> {
        process::cpu_seconds(self.redis.as_ref()?.pid)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.fellows.clear();
        let Some(child) = &mut self.child else { return };
        if let Some(pid) = Pid::from_raw(child.id() as i32) {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + END;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The address in `http://host:port/...`, or with `https`, which must be on this
/// machine; or one that stands for a Unix socket, in `unix:/path`.
fn address(url: &str) -> Result<SocketAddr> {
    if let Some(path) = url.strip_prefix("unix:") {
        return Ok(socket::unix(path)?);
    }
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority
        .to_socket_addrs()
        .map_err(|error| format!("{url}: {error}"))?
        .next()
        .ok_or_else(|| format!("{url}: no such host"))?;
    if !host.ip().is_loopback() {
        return Err(format!("{url}: load is only ever put on this machine").into());
    }
    socket::secure(host, url.starts_with("https:"))?;
    Ok(host)
}

/// The mode `keep`: ties this process to its parent's life, then becomes the
/// program named on the command line.
pub fn keep(options: &Options) -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get()) != options.parent {
        return Err("the parent has already gone".into());
    }
    let (program, words) = options.command.split_first().ok_or("keep needs a program")?;
    Err(Command::new(program).args(words).exec().into())
}
