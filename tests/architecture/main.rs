//! Who may use what: reads the sources and holds them to the rules below.
//!
//! The layers, lowest first; each uses those before it and never those after:
//! values, errors and limits; parsers and protocol; the packets of the wire
//! protocols; timer, net and http; server and client, which do not know each
//! other; the testing kit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Longest source file, in lines.
const LONGEST: usize = 700;

/// Files that do no input or output, know no threads and no clock: what they
/// need of these is an argument.
const SANS_IO: &[&str] = &[
    "client/machine/",
    "client/recovery.rs",
    "http/body.rs",
    "http/fields.rs",
    "http/head.rs",
    "http/query.rs",
    "parsers/",
    "protocol/",
    "timer/wheel/",
    "transformers/engine_io/client/incoming.rs",
    "transformers/engine_io/client/options.rs",
    "transformers/engine_io/handshake.rs",
    "transformers/engine_io/jsonp/",
    "transformers/engine_io/options.rs",
    "transformers/engine_io/packet/",
    "transformers/engine_io/payload/",
    "transformers/engine_io/request/",
    "transformers/engine_io/session/",
    "transformers/polled/protocol.rs",
    "transformers/polled/records.rs",
    "transformers/websockets/decoder/",
    "transformers/websockets/frame.rs",
    "transformers/websockets/session.rs",
];

/// What those never name: paths, and words.
const IO_PATHS: &[&str] = &["std::net", "std::thread", "std::fs", "std::process", "std::os"];
const IO_WORDS: &[&str] = &[
    "Mutex",
    "Lock",
    "RwLock",
    "Condvar",
    "Instant::now",
    "SystemTime::now",
    "rustix",
    "crossbeam_channel",
];

/// Which modules a part of the crate never uses.
const NEVER: &[(&[&str], &[&str])] = &[
    (
        &["value/", "frame/", "close.rs", "limits.rs", "error.rs", "ready_state.rs"],
        &["protocol", "timer", "http", "net", "transformers", "server", "client", "testing"],
    ),
    (
        &["parsers/", "protocol/"],
        &["timer", "http", "net", "transformers", "middleware", "server", "client", "testing"],
    ),
    (&["spec.rs"], &["timer", "http", "net", "transformers", "server", "client", "testing"]),
    (
        &[
            "transformers/engine_io/handshake.rs",
            "transformers/engine_io/jsonp/",
            "transformers/engine_io/options.rs",
            "transformers/engine_io/packet/",
            "transformers/engine_io/payload/",
            "transformers/engine_io/request/",
            "transformers/engine_io/session/",
            "transformers/websockets/decoder/",
            "transformers/websockets/frame.rs",
            "transformers/websockets/session.rs",
        ],
        &["parsers", "protocol", "timer", "http", "net", "server", "client", "testing"],
    ),
    (&["http/", "net/", "timer/"], &["transformers", "middleware", "server", "client", "testing"]),
    (&["middleware/"], &["transformers", "server", "client", "testing"]),
    (&["server/", "plugins/"], &["client", "testing"]),
    (&["client/"], &["server", "middleware", "plugins", "testing"]),
    (&["transformers/websockets/server.rs"], &["server", "client", "testing"]),
    (
        &["transformers/polled/", "transformers/engine_io/server/"],
        &["server", "client", "middleware", "testing"],
    ),
    (&["transformers/websockets/client"], &["server", "middleware", "testing"]),
    (&["transformers/engine_io/client"], &["server", "middleware", "testing"]),
];

/// Crates that only one part names.
const OWNED: &[(&str, &str)] = &[("tungstenite", "transformers/websockets/")];

/// The files that a crate's name must not appear in.
const WITHOUT: &[(&str, &str)] = &[("id.rs", "fastrand")];

/// A file's path below `src`, and its code: without comments, literals and
/// tests.
type Sources = BTreeMap<String, String>;

fn files(root: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.extend((path.file_name().unwrap() != "node_modules").then_some(path));
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn sources() -> Sources {
    let tests = |name: &str| name.contains("tests/") || name.ends_with("tests.rs");
    let all = files("src").into_iter().filter(|(name, _)| !tests(name));
    all.map(|(name, text)| (name, code(&text))).collect()
}

/// The code of a file: no comments, no literals, no test module.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let (mut out, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let skip = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => string(rest),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#\"") => raw_string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skip == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            rest = &rest[skip..];
        }
    }
    out
}

/// The length of the string literal at the beginning.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str) -> usize {
    let end = if text.starts_with("r#") { "\"#" } else { "\"" };
    let begin = end.len() + 1;
    text[begin..].find(end).map_or(text.len(), |at| begin + at + end.len())
}

/// The length of the character literal at the beginning; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => text[3..].find('\'').map_or(0, |at| 3 + at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where a word, or a path of words, stands in the code.
fn find_word<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).map(|at| code.as_bytes()[at]);
        let after = code.as_bytes().get(at + word.len());
        !before.is_some_and(is_word) && !after.copied().is_some_and(is_word)
    })
}

fn names(code: &str, word: &str) -> bool {
    find_word(code, word).next().is_some()
}

/// What follows a path that ends with `::`: one name, or those of a group.
fn heads(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else {
        let end = rest.bytes().position(|byte| !is_word(byte)).unwrap_or(rest.len());
        return vec![&rest[..end]];
    };
    let (mut found, mut depth, mut begin) = (Vec::new(), 0, 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b'}' | b',' if depth == 0 => {
                found.extend(heads(group[begin..at].trim_start()));
                begin = at + 1;
                if byte == b'}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

/// What the code names below a path such as `std`.
fn below<'a>(code: &'a str, path: &'a str) -> BTreeSet<&'a str> {
    let found = find_word(code, path).filter_map(|at| code[at + path.len()..].strip_prefix("::"));
    found.flat_map(heads).collect()
}

/// The module that a file is, as its path from the crate's root.
fn module(file: &str) -> Vec<&str> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').filter(|part| *part != "lib").collect()
}

/// The top modules of the crate that a file uses, whichever way it names them.
fn uses(file: &str, code: &str, exports: &BTreeMap<String, String>) -> BTreeSet<String> {
    let root = vec!["super"; module(file).len()].join("::");
    let mut found: BTreeSet<&str> = below(code, "crate");
    found.extend(below(code, &root));
    let top = |name: &str| exports.get(name).cloned().unwrap_or_else(|| name.to_owned());
    found.into_iter().map(top).collect()
}

/// Which module each name of the crate's root comes from.
fn exports(root: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in root.split(';').filter_map(|item| item.trim().strip_prefix("pub use ")) {
        let Some((module, rest)) = line.split_once("::") else { continue };
        for name in heads(rest) {
            found.insert(name.to_owned(), module.to_owned());
        }
    }
    found
}

fn is_in(file: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| file.starts_with(part))
}

#[track_caller]
fn none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn layers_do_not_use_what_is_above_them() {
    let sources = sources();
    let exports = exports(&sources["lib.rs"]);
    assert_eq!(exports["Spark"], "server");
    let mut breaches = Vec::new();
    for (file, code) in &sources {
        let used = uses(file, code, &exports);
        for (_, never) in NEVER.iter().filter(|(parts, _)| is_in(file, parts)) {
            let bad = never.iter().filter(|name| used.contains(**name));
            breaches.extend(bad.map(|name| format!("src/{file} uses `{name}`")));
        }
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
            if !file.starts_with(owner) && names(code, name) {
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
            let lines = text.lines().count();
            if lines > LONGEST {
                breaches.push(format!("{root}/{file} has {lines} lines, more than {LONGEST}"));
            }
        }
    }
    none(breaches);
}

/// A rule for a file that was renamed would hold nobody to anything.
#[test]
fn every_rule_has_its_files() {
    let sources = sources();
    let parts = NEVER.iter().flat_map(|(parts, _)| *parts).chain(SANS_IO);
    let parts = parts.chain(OWNED.iter().map(|(_, owner)| owner));
    let parts = parts.chain(WITHOUT.iter().map(|(file, _)| file));
    let missing = parts.filter(|part| !sources.keys().any(|file| file.starts_with(**part)));
    none(missing.map(|part| format!("there is no src/{part}")).collect());
    let modules: BTreeSet<_> = sources.keys().filter_map(|f| module(f).first().copied()).collect();
    let named = NEVER.iter().flat_map(|(_, never)| *never);
    let missing = named.filter(|name| !modules.contains(**name));
    none(missing.map(|name| format!("there is no module {name}")).collect());
}

#[test]
fn the_reading_of_sources_is_right() {
    let text =
        "a /* b */ \"c\\\"d\" 'e' '\\'' &'f g // h\nr#\"i\"j\"# k\n#[cfg(test)]\nmod tests {}";
    let read = code(text);
    for gone in ["c", "d", "e", "h", "i", "j", "tests"] {
        assert!(!names(&read, gone), "{gone} in {read}");
    }
    for kept in ["a", "f", "g", "k"] {
        assert!(names(&read, kept), "{kept} in {read}");
    }
    assert_eq!(heads("a::b;"), ["a"]);
    assert_eq!(heads("{self, a::{b, c}, d as e,\n f};"), ["self", "a", "d", "f"]);
    let exports = exports("pub use server::{Primus, Spark};\npub use client::Client;");
    let used = |file, code| Vec::from_iter(uses(file, code, &exports));
    assert_eq!(used("http/head.rs", "use crate::{net, Spark};"), ["net", "server"]);
    assert_eq!(used("http/head.rs", "super::super::client::x(crate::id::y)"), ["client", "id"]);
    assert_eq!(used("http/mod.rs", "super::Client::new()"), ["client"]);
    assert_eq!(used("http/head.rs", "super::client::x(); my_crate::server"), [""; 0]);
    assert_eq!(below("use std::{io, net::TcpStream};", "std"), BTreeSet::from(["io", "net"]));
}
