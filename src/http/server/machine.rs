//! What the machine, and the limits that the process was started with, allow.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

/// Bytes of memory that the process may still take; `None` where nothing limits
/// it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Of address space (`RLIMIT_AS`), used or not; without what the allocator
    /// may reserve.
    pub(super) space: Option<u64>,
    /// Of private memory that can be written (`RLIMIT_DATA`), used or not.
    pub(super) data: Option<u64>,
    /// Of memory that is used: the machine's, or that of the control group.
    pub(super) resident: Option<u64>,
}

impl Memory {
    /// What is left now.
    pub(super) fn left() -> Memory {
        let [space, resident, data] = used();
        let less = |limit: Option<u64>, used: u64| limit.map(|limit| limit.saturating_sub(used));
        let space = less(getrlimit(Resource::As).current, space);
        let group = cgroup("memory", ["memory.max", "memory.limit_in_bytes"]);
        let there_is = [group, installed()].into_iter().flatten().min();
        Memory {
            space: space.map(|left| beside_arenas(left, arenas())),
            data: less(getrlimit(Resource::Data).current, data),
            resident: less(there_is, resident),
        }
    }
}

/// Bytes of address space that glibc's allocator reserves for each of its arenas.
/// A thread gets a new one until there are [`arenas`], or until there is no room
/// for it; in order to align it, it asks for up to twice as much for a moment.
const ARENA: u64 = 64 << 20;

/// What is left of address space when the allocator has what it takes. If there is
/// no room for all arenas, each thread without one tries to get one whenever it
/// allocates, so that the room for another may be gone at any moment.
fn beside_arenas(mut space: u64, most: u64) -> u64 {
    for _ in 0..most {
        if space < 2 * ARENA {
            return space.saturating_sub(ARENA);
        }
        space -= ARENA;
    }
    space
}

/// How many arenas the allocator makes beside the first one, which reserves
/// nothing.
fn arenas() -> u64 {
    if !cfg!(target_env = "gnu") {
        return 0;
    }
    let set = std::env::var("MALLOC_ARENA_MAX").ok().and_then(|most| most.parse::<u64>().ok());
    let most = set.filter(|most| *most > 0).unwrap_or_else(|| {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        // One line for each processor, and one for all.
        let processors = stat.lines().filter(|line| line.starts_with("cpu")).count();
        8 * (processors as u64).saturating_sub(1).max(1)
    });
    most - 1
}

/// Bytes of address space, of memory, and of data that the process has. In bytes by
/// the kernel itself: what asks for the size of a page reads the auxiliary vector,
/// which is not whole under valgrind.
fn used() -> [u64; 3] {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ["VmSize:", "VmRSS:", "VmData:"].map(|name| kilobytes(&status, name).unwrap_or(0))
}

/// Bytes of memory of the machine.
fn installed() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// The value of a line such as `MemTotal:  16384 kB`, in bytes.
fn kilobytes(lines: &str, name: &str) -> Option<u64> {
    let value = lines.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The least limit that control groups put on the process; `files` are the
/// names of the limit in version 2 and version 1.
pub(super) fn cgroup(controller: &str, files: [&str; 2]) -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    least_of(&groups, Path::new("/sys/fs/cgroup"), controller, files)
}

/// Each line of `groups` is `number:controllers:path`; version 2 has no
/// controllers there. A group is bound by those above it too. In a container the
/// path may be that of the host, and the container's own group be the root.
fn least_of(groups: &str, root: &Path, controller: &str, files: [&str; 2]) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (root, file) = match controllers {
            "" => (root.to_owned(), files[0]),
            list if list.split(',').any(|name| name == controller) => {
                (root.join(controller), files[1])
            }
            _ => return None,
        };
        let own = root.join(path.trim_start_matches('/'));
        let above: Vec<PathBuf> = own.ancestors().map(Path::to_owned).collect();
        let within = above.into_iter().take_while(|group| group.starts_with(&root));
        within.filter_map(|group| number(group.join(file))).min()
    });
    limits.min()
}

/// The number in a file; `None` if there is none, or `max`.
pub(super) fn number(path: impl AsRef<Path>) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Control groups as files in a folder, removed when dropped.
    struct Groups(PathBuf);

    impl Groups {
        fn new(name: &str, files: &[(&str, &str)]) -> Groups {
            let root = std::env::temp_dir().join(format!("primus-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&root);
            for (path, text) in files {
                let path = root.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Groups(root)
        }

        fn memory(&self, groups: &str) -> Option<u64> {
            least_of(groups, &self.0, "memory", ["memory.max", "memory.limit_in_bytes"])
        }
    }

    impl Drop for Groups {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let groups = Groups::new(
            "v2",
            &[
                ("a/memory.max", "5000\n"),
                ("a/b/memory.max", "max\n"),
                ("a/b/c/memory.max", "7000\n"),
                ("z/memory.max", "1\n"),
            ],
        );
        assert_eq!(groups.memory("0::/a/b/c\n"), Some(5000));
        assert_eq!(groups.memory("0::/a/b\n"), Some(5000));
        assert_eq!(groups.memory("0::/\n"), None);
        // The host's path, seen from within a container.
        assert_eq!(groups.memory("0::/a/docker/1234\n"), Some(5000));
        assert_eq!(groups.memory("0::/../..\n"), None);
        assert_eq!(groups.memory("nonsense\n1:\n\n"), None);
    }

    #[test]
    fn version_1_has_a_tree_for_each_controller() {
        let groups = Groups::new(
            "v1",
            &[("memory/a/memory.limit_in_bytes", "300\n"), ("memory.max", "10\n")],
        );
        let lines = "5:cpu,cpuacct:/a\n4:memory:/a/b\n1:name=systemd:/a\n";
        assert_eq!(groups.memory(lines), Some(300));
        assert_eq!(groups.memory("4:rdma:/a\n"), None);
    }

    #[test]
    fn what_the_allocator_may_reserve_is_no_room() {
        let mib = |n: u64| n << 20;
        assert_eq!(beside_arenas(mib(100), 15), mib(36));
        assert_eq!(beside_arenas(mib(60), 15), 0);
        assert_eq!(beside_arenas(mib(190), 15), mib(62));
        assert_eq!(beside_arenas(mib(2000), 15), mib(2000 - 15 * 64));
        assert_eq!(beside_arenas(mib(2000), 0), mib(2000));
        assert!(!cfg!(target_env = "gnu") || arenas() < 1 << 20);
    }

    #[test]
    fn what_is_used_is_known() {
        let [space, resident, data] = used();
        assert!(space > resident && resident > 1 << 20 && data > 1 << 20 && data < space);
        assert!(installed() > Some(64 << 20));
        assert!(Memory::left().resident.is_some());
    }
}
