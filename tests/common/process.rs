//! What this process uses. For the tests in `counting`, which run one after the
//! other: in any other binary some test is always under way beside.

use std::fs;
use std::time::Duration;

use super::server::Server;
use super::wait::wait_for;

/// Resident memory of this process in bytes.
pub fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// How much more memory was in use at a time while something ran. What an
/// allocator keeps from before counts as in use.
pub fn peak(run: impl FnOnce()) -> usize {
    let before = resident();
    // Begins the high-water mark anew.
    fs::write("/proc/self/clear_refs", "5").expect("clear_refs");
    run();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    (kib << 10).saturating_sub(before)
}

/// Names of this process's threads that belong to servers.
pub fn server_threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| name.starts_with("primus-"))
        .collect()
}

/// Open descriptors of this process.
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// CPU time that this process has used.
pub fn cpu_time() -> Duration {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(usage.tv_sec as u64, usage.tv_nsec as u32)
}

/// The threads of a server that serves nobody: acceptor, broadcaster, flusher,
/// timer.
const THREADS: usize = 4;

/// What a process with one idle server uses.
pub struct Baseline {
    descriptors: usize,
}

impl Baseline {
    /// That of a server that has just started.
    pub fn of(server: &Server) -> Baseline {
        assert_eq!(server.primus.connected(), 0);
        wait_for("threads", THREADS, || server_threads().len());
        Baseline { descriptors: descriptors() }
    }

    /// Waits until the process uses no more than it did, with no client left
    /// in it.
    pub fn wait(&self) {
        self.wait_beside(0);
    }

    /// [`wait`](Self::wait), with so many descriptors of the test's own.
    pub fn wait_beside(&self, own: usize) {
        wait_for("threads", THREADS, || server_threads().len());
        wait_for("descriptors", self.descriptors + own, descriptors);
    }
}
