//! How many connections this machine bears.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// Memory mappings of a thread made by the standard library: stack and guard
/// page, alternate signal stack and its guard page.
const MAPPINGS: u64 = 4;

/// The bound on connections that follows from the limits of the process and
/// the machine, with a margin for everything else: a descriptor and a thread
/// for each connection.
///
/// Stock Linux gives about 16,000 (`vm.max_map_count` 65,530), or less where
/// fewer descriptors may be open.
pub(crate) fn default_connection_bound() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current;
    let mappings = number("/proc/sys/vm/max_map_count").map(|most| {
        let used =
            fs::read("/proc/self/maps").map_or(0, |m| m.iter().filter(|&&b| b == b'\n').count());
        most.saturating_sub(used as u64)
    });
    let threads = [
        number("/proc/sys/kernel/pid_max"),
        number("/proc/sys/kernel/threads-max"),
        number("/sys/fs/cgroup/pids.max"),
        getrlimit(Resource::Nproc).current,
    ];
    bound(descriptors, mappings, threads.into_iter().flatten().min())
}

/// `None` stands for no limit or an unknown one.
fn bound(descriptors: Option<u64>, mappings: Option<u64>, threads: Option<u64>) -> usize {
    let limits = [
        descriptors.map(|n| less(n, 64)),
        mappings.map(|n| less(n, 1024) / MAPPINGS),
        threads.map(|n| less(n, 64)),
    ];
    let least = limits.into_iter().flatten().min().unwrap_or(16_000);
    usize::try_from(least).unwrap_or(usize::MAX).max(16)
}

/// Takes a margin off: a thirty-second, but at least so much.
fn less(limit: u64, margin: u64) -> u64 {
    limit.saturating_sub(margin.max(limit / 32))
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_resource_counts() {
        assert_eq!(bound(Some(1024), Some(65_530), Some(32_768)), 960);
        assert_eq!(bound(Some(1 << 20), Some(65_530), Some(4_194_304)), 15_870);
        assert_eq!(bound(Some(1 << 20), Some(1 << 20), Some(512)), 448);
        assert_eq!(bound(None, None, None), 16_000);
        assert_eq!(bound(Some(3), None, None), 16);
    }

    #[test]
    fn this_machine_bears_some() {
        assert!(default_connection_bound() >= 16);
    }
}
