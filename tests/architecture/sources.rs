//! Reading sources: files, and what their code names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A file's path below `src`, and its code: without comments, literals and
/// tests.
pub type Sources = BTreeMap<String, String>;

pub fn files(root: &str) -> Vec<(String, String)> {
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

/// Whether a file has nothing but tests.
pub fn is_of_tests(name: &str) -> bool {
    name.contains("tests/") || name.ends_with("tests.rs")
}

pub fn sources() -> Sources {
    let all = files("src").into_iter().filter(|(name, _)| !is_of_tests(name));
    all.map(|(name, text)| (name, code(&text))).collect()
}

/// The code of a file: no comments, no literals, no test module.
pub fn code(text: &str) -> String {
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

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where a word, or a path of words, stands in the code.
pub fn find_word<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).map(|at| code.as_bytes()[at]);
        let after = code.as_bytes().get(at + word.len());
        !before.is_some_and(is_word) && !after.copied().is_some_and(is_word)
    })
}

pub fn names(code: &str, word: &str) -> bool {
    find_word(code, word).next().is_some()
}

/// What follows a path that ends with `::`: one name, or those of a group.
pub fn heads(rest: &str) -> Vec<&str> {
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
pub fn below<'a>(code: &'a str, path: &'a str) -> BTreeSet<&'a str> {
    let found = find_word(code, path).filter_map(|at| code[at + path.len()..].strip_prefix("::"));
    found.flat_map(heads).collect()
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
    assert_eq!(below("use std::{io, net::TcpStream};", "std"), BTreeSet::from(["io", "net"]));
}
