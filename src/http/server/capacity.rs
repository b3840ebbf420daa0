//! How many connections this machine bears.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::machine::{Memory, cgroup, number};

/// Memory mappings of a thread made by the standard library: stack and guard
/// page, alternate signal stack and its guard page.
const MAPPINGS: u64 = 4;

/// Bytes of address space that a connection takes besides its thread's stack:
/// the alternate signal stack and guard pages, its buffers, and what the
/// allocator makes of them.
const SPACE: u64 = 128 << 10;

/// Bytes of memory that a connection takes: what it touches of its stack, its
/// buffers, and what the kernel has for its thread and its socket.
const TOUCHED: u64 = 64 << 10;

/// The bound on connections that follows from the limits of the process and
/// the machine, with a margin for everything else: a descriptor, and a thread
/// with a stack of so many bytes, for each connection. All connections together
/// may take half of the memory that is left; the rest is for what they send.
///
/// Stock Linux gives about 16,000 (`vm.max_map_count` 65,530), or less where
/// fewer descriptors may be open or there is little memory.
pub(crate) fn default_connection_bound(stack_size: usize) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current;
    let mappings = number("/proc/sys/vm/max_map_count").map(|most| {
        let used =
            fs::read("/proc/self/maps").map_or(0, |m| m.iter().filter(|&&b| b == b'\n').count());
        most.saturating_sub(used as u64)
    });
    let threads = [
        number("/proc/sys/kernel/pid_max"),
        number("/proc/sys/kernel/threads-max"),
        cgroup("pids", ["pids.max", "pids.max"]),
        getrlimit(Resource::Nproc).current,
    ];
    let memory = Memory::left();
    let space = [memory.space, memory.data].into_iter().flatten().min();
    let in_space = space.map(|left| left / 2 / (stack_size as u64).saturating_add(SPACE));
    let in_memory = memory.resident.map(|left| left / 2 / TOUCHED);
    let memory = [in_space, in_memory].into_iter().flatten().min();
    bound(descriptors, mappings, threads.into_iter().flatten().min(), memory)
}

/// `None` stands for no limit or an unknown one.
fn bound(
    descriptors: Option<u64>,
    mappings: Option<u64>,
    threads: Option<u64>,
    memory: Option<u64>,
) -> usize {
    let limits = [
        descriptors.map(|n| less(n, 64).max(16)),
        mappings.map(|n| (less(n, 1024) / MAPPINGS).max(16)),
        threads.map(|n| less(n, 64).max(16)),
        memory.map(|n| n.max(4)),
    ];
    let least = limits.into_iter().flatten().min().unwrap_or(16_000);
    usize::try_from(least).unwrap_or(usize::MAX)
}

/// Takes a margin off: a thirty-second, but at least so much.
fn less(limit: u64, margin: u64) -> u64 {
    limit.saturating_sub(margin.max(limit / 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_resource_counts() {
        assert_eq!(bound(Some(1024), Some(65_530), Some(32_768), Some(9_000)), 960);
        assert_eq!(bound(Some(1 << 20), Some(65_530), Some(4_194_304), None), 15_870);
        assert_eq!(bound(Some(1 << 20), Some(1 << 20), Some(512), None), 448);
        assert_eq!(bound(Some(1 << 20), Some(1 << 20), Some(512), Some(100)), 100);
        assert_eq!(bound(None, None, None, None), 16_000);
        assert_eq!(bound(Some(3), None, None, Some(50)), 16);
        assert_eq!(bound(Some(3), None, None, Some(1)), 4);
    }

    #[test]
    fn this_machine_bears_some() {
        assert!(default_connection_bound(256 << 10) >= 16);
        assert!(default_connection_bound(usize::MAX) >= 4);
    }
}
