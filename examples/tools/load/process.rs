//! What `/proc` tells about a process and the machine.

use std::fs;

/// Ticks per second in `/proc/PID/stat`: the kernel's USER_HZ, which is 100
/// on everything Linux runs a server on.
const TICKS: f64 = 100.0;

/// Processor time, user and system, of a process with all its threads, those
/// that have ended included; in seconds, with a resolution of 10 ms.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold spaces; 11 fields on from it is utime.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// Resident memory of a process, in KiB.
pub fn rss_kib(pid: u32) -> Option<f64> {
    status(pid, "VmRSS:")
}

/// Most resident memory that a process ever had, in KiB.
pub fn peak_rss_kib(pid: u32) -> Option<f64> {
    status(pid, "VmHWM:")
}

/// Threads of a process.
pub fn threads(pid: u32) -> Option<f64> {
    status(pid, "Threads:")
}

/// How often the threads of a process have gone to sleep of their own accord:
/// once per wake-up.
pub fn sleeps(pid: u32) -> Option<f64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let one = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("status")).ok()?;
        number(&text, "voluntary_ctxt_switches:")
    };
    Some(tasks.flatten().filter_map(one).sum())
}

fn status(pid: u32, key: &str) -> Option<f64> {
    number(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, key)
}

fn number(text: &str, key: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Lines of `/proc/meminfo`, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine {
    /// What could be had without swapping.
    pub available: f64,
    /// Kernel stacks.
    pub stacks: f64,
    /// Page tables.
    pub tables: f64,
    /// Kernel objects: sockets, tasks, mappings.
    pub slab: f64,
}

impl Machine {
    /// As things stand; zero for what cannot be read.
    pub fn now() -> Machine {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let line = |key| number(&text, key).unwrap_or(0.0);
        Machine {
            available: line("MemAvailable:"),
            stacks: line("KernelStack:"),
            tables: line("PageTables:"),
            slab: line("Slab:"),
        }
    }
}
