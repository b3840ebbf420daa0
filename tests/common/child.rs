//! A server in a process of its own, which may use less than this one. The test
//! binary is started again with a test that is a [`serve`] and ignored elsewhere.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::process::{ChildStdout, Command, Stdio};

use super::server::Server;

/// The process, as the test sees it that started it.
pub struct Child {
    pub addr: SocketAddr,
    process: std::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts this test under these limits, as `ulimit` takes them, and with these
    /// variables of the environment.
    pub fn start(limits: &str, variables: &[(&str, &str)], test: &str) -> Self {
        let script = format!("ulimit {limits}; exec \"$0\" --ignored --exact --nocapture \"$1\"");
        let mut process = Command::new("sh")
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .arg(test)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = told(&mut lines, "port").parse().unwrap();
        Child { addr: SocketAddr::from(([127, 0, 0, 1], port)), process, lines }
    }

    /// Ends it, and returns how many connections it has refused.
    pub fn finish(mut self) -> usize {
        self.process.stdin.take().unwrap().write_all(b"\n").unwrap();
        let refused = told(&mut self.lines, "refused").parse().unwrap();
        assert!(self.process.wait().unwrap().success());
        refused
    }
}

fn told(lines: &mut Lines<BufReader<ChildStdout>>, what: &str) -> String {
    let told = |line: String| Some(line.strip_prefix(what)?.strip_prefix(' ')?.to_owned());
    lines.map(Result::unwrap).find_map(told).unwrap_or_else(|| panic!("no {what} was told"))
}

/// Serves, in the process, until the test that started it has finished.
pub fn serve(server: &Server) {
    // The harness may have begun a line.
    println!("\nport {}", server.addr.port());
    std::io::stdin().read_line(&mut String::new()).unwrap();
    println!("\nrefused {}", server.primus.metrics().connections_refused);
}
