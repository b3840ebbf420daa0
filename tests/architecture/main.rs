//! Who may use what: reads the sources and holds them to the rules below.
//!
//! The layers, lowest first; each uses those before it and never those after:
//! values, errors and limits; parsers and protocol; timer, net and http; the wire
//! protocols; server and client, which do not know each other, and of the wire
//! protocols only the catalogue and their own contract; the testing kit.

mod graph;
mod rules;
mod sources;

use std::collections::BTreeSet;

use graph::Graph;
use rules::*;
use sources::{below, code, files, is_of_tests, names, sources};

/// Whether a file is among those that the patterns say.
fn is_in(file: &str, patterns: &[&str]) -> bool {
    patterns.iter().fold(false, |is_in, pattern| match pattern.strip_prefix('!') {
        Some(without) => is_in && !begins(file, without),
        None => is_in || begins(file, pattern),
    })
}

/// Whether a path begins as the pattern says.
fn begins(path: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return path.starts_with(pattern) };
    let rest = path.strip_prefix(before).and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    rest.is_some_and(|rest| begins(rest, after))
}

#[track_caller]
fn none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn layers_do_not_use_what_is_above_them() {
    let sources = sources();
    let mut breaches = Vec::new();
    for (file, used) in Graph::new(&sources).uses() {
        for (_, never) in NEVER.iter().filter(|(files, _)| is_in(file, files)) {
            let bad = used.iter().filter(|used| is_in(used, never));
            breaches.extend(bad.map(|used| format!("src/{file} uses src/{used}")));
        }
    }
    none(breaches);
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let graph = Graph::new(&sources());
    let is_known = |group: &BTreeSet<String>| {
        CIRCLES.iter().any(|known| group.iter().all(|file| is_in(file, known)))
    };
    let new = graph.circles().into_iter().filter(|group| !is_known(group));
    none(new.map(|group| graph.circle(&group).join("\n  uses ")).collect());
}

/// A protocol is a `Kind`; what names there are for it, the catalogue knows alone.
#[test]
fn names_of_protocols_are_compared_nowhere() {
    const NAMES: &[&str] =
        &["websockets", "faye", "uws", "lws", "engine.io", "sockjs", "browserchannel", "socket.io"];
    let literals: Vec<_> = NAMES.iter().map(|name| format!("{name:?}")).collect();
    let mut breaches = Vec::new();
    for (file, text) in files("src") {
        if ["transformers/kind.rs", "transformers/mod.rs"].contains(&&*file) || is_of_tests(&file) {
            continue;
        }
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        let found = literals.iter().filter(|literal| code.contains(literal.as_str()));
        breaches.extend(found.map(|literal| format!("src/{file} has the name {literal}")));
    }
    none(breaches);
}

#[test]
fn sans_io_files_know_no_socket_thread_lock_or_clock() {
    let mut breaches = Vec::new();
    for (file, code) in sources().iter().filter(|(file, _)| is_in(file, SANS_IO)) {
        for path in IO_PATHS {
            let (root, name) = path.split_once("::").unwrap();
            if below(code, root).contains(name) {
                breaches.push(format!("src/{file} names `{path}`"));
            }
        }
        let words = IO_WORDS.iter().filter(|word| names(code, word));
        breaches.extend(words.map(|word| format!("src/{file} names `{word}`")));
    }
    none(breaches);
}

#[test]
fn some_crates_belong_to_one_part() {
    let mut breaches = Vec::new();
    for (file, code) in &sources() {
        for (name, owner) in OWNED {
            // A function may have the name of a crate.
            let code = code.replace(&format!("fn {name}("), "fn (");
            if !file.starts_with(owner) && names(&code, name) {
                breaches.push(format!("src/{file} names `{name}`, which belongs to {owner}"));
            }
        }
        for (without, name) in WITHOUT {
            if file == without && names(code, name) {
                breaches.push(format!("src/{file} names `{name}`"));
            }
        }
    }
    none(breaches);
}

#[test]
fn nothing_is_unsafe() {
    let mut breaches = Vec::new();
    for root in ["src", "tests", "examples"] {
        for (file, text) in files(root) {
            if names(&code(&text), "unsafe") {
                breaches.push(format!("{root}/{file} is unsafe"));
            }
        }
    }
    none(breaches);
    assert!(sources()["lib.rs"].contains("#![forbid(unsafe_code)]"));
}

#[test]
fn files_are_short() {
    let mut breaches = Vec::new();
    for root in ["src", "examples"] {
        for (file, text) in files(root) {
            let (file, lines) = (format!("{root}/{file}"), text.lines().count());
            let most = if FACES.contains(&&*file) { LONGEST_FACE } else { LONGEST };
            if lines > most {
                breaches.push(format!("{file} has {lines} lines, more than {most}"));
            }
        }
    }
    none(breaches);
}

/// A rule for a file that was renamed would hold nobody to anything.
#[test]
fn every_rule_has_its_files() {
    let sources = sources();
    let never = NEVER.iter().flat_map(|(files, never)| files.iter().chain(*never));
    let parts = never.chain(SANS_IO).copied().filter(|part| !part.starts_with('!'));
    let parts = parts.chain(OWNED.iter().map(|(_, owner)| *owner));
    let parts = parts.chain(WITHOUT.iter().map(|(file, _)| *file));
    let parts = parts.chain(CIRCLES.iter().flat_map(|group| group.iter().copied()));
    let parts = parts.chain(FACES.iter().map(|file| file.trim_start_matches("src/")));
    let missing = parts.filter(|part| !sources.keys().any(|file| begins(file, part)));
    none(missing.map(|part| format!("there is no src/{part}")).collect());
}

#[test]
fn patterns_say_which_files_are_meant() {
    let all = ["a/", "!a/*/x", "a/b/x/y.rs"];
    for file in ["a/b.rs", "a/b/c.rs", "a/b/c/x.rs", "a/b/x/y.rs"] {
        assert!(is_in(file, &all), "{file}");
    }
    for file in ["b/a.rs", "a/b/x.rs", "a/b/x/z.rs"] {
        assert!(!is_in(file, &all), "{file}");
    }
}
