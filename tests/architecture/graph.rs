//! Which file uses which: worked out from the `use` lines, and from the paths
//! that the code names without one.
//!
//! A re-export is looked through: who uses it uses the file that has the item.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::sources::{Sources, is_word, names};

/// A path from the crate's root.
type Path = Vec<String>;

/// The modules of a crate.
pub struct Graph {
    modules: BTreeMap<Path, Module>,
    /// The files that each file uses.
    uses: BTreeMap<String, BTreeSet<String>>,
}

struct Module {
    file: String,
    /// What it has imported, under which name.
    imports: BTreeMap<String, Path>,
}

/// One name that a `use` line brings.
#[derive(Debug, PartialEq)]
struct Import {
    path: Vec<String>,
    name: String,
    /// For others too.
    public: bool,
}

impl Graph {
    pub fn new(sources: &Sources) -> Self {
        let path = |file: &str| module(file).into_iter().map(str::to_owned).collect::<Path>();
        let empty = |file: &str| Module { file: file.to_owned(), imports: BTreeMap::new() };
        let modules = sources.keys().map(|file| (path(file), empty(file))).collect();
        let mut graph = Graph { modules, uses: BTreeMap::new() };
        let mut bodies = Vec::new();
        for (file, code) in sources {
            let at = path(file);
            let (imports, body) = imports(code);
            for import in &imports {
                if let Some(path) = graph.absolute(&at, &import.path) {
                    let module = graph.modules.get_mut(&at).unwrap();
                    module.imports.insert(import.name.clone(), path);
                }
            }
            bodies.push((file, at, imports, body));
        }
        for (file, at, imports, body) in bodies {
            let own = imports.iter().filter(|import| !import.public || names(&body, &import.name));
            let mut found: BTreeSet<String> = own
                .filter_map(|import| graph.absolute(&at, &import.path))
                .filter_map(|path| graph.file_of(&path, 0))
                .collect();
            found.extend(
                paths(&body)
                    .filter_map(|path| graph.absolute(&at, &path))
                    .filter_map(|path| graph.file_of(&path, 0)),
            );
            found.remove(file);
            graph.uses.insert(file.clone(), found);
        }
        graph
    }

    /// Each file, and those that it uses.
    pub fn uses(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.uses.iter().map(|(file, used)| (file.as_str(), used))
    }

    /// What a path in this module means; `None` if it leads out of the crate.
    fn absolute(&self, at: &Path, path: &[String]) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => at.clone(),
            "super" => at.split_last()?.1.to_vec(),
            name => match self.modules[at].imports.get(name) {
                Some(imported) => imported.clone(),
                None => [&**at, &[name.to_owned()]].concat(),
            },
        };
        let relative = !matches!(first.as_str(), "crate" | "self" | "super");
        let known = self.modules[at].imports.contains_key(first);
        if relative && !known && !self.modules.contains_key(&base) {
            return None;
        }
        for part in rest {
            match part.as_str() {
                "super" => drop(base.pop()?),
                part => base.push(part.to_owned()),
            }
        }
        Some(base)
    }

    /// The file of an item; `None` for a module as such.
    fn file_of(&self, path: &[String], depth: usize) -> Option<String> {
        let (mut at, mut rest) = (Vec::new(), path);
        while let Some((name, after)) = rest.split_first() {
            at.push(name.clone());
            if self.modules.contains_key(&at) {
                rest = after;
                continue;
            }
            at.pop();
            let module = &self.modules[&at];
            return match module.imports.get(name) {
                Some(target) if depth < 16 && target != path => {
                    self.file_of(&[target, after].concat(), depth + 1)
                }
                _ => Some(module.file.clone()),
            };
        }
        None
    }

    /// The groups of files that use each other in a circle.
    pub fn circles(&self) -> Vec<BTreeSet<String>> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.uses.keys().map(|file| (file.as_str(), self.reached(file))).collect();
        let mut groups = BTreeSet::new();
        for (file, reached) in &reach {
            let group: BTreeSet<String> = reached
                .iter()
                .filter(|other| reach.get(**other).is_some_and(|back| back.contains(file)))
                .map(|other| (*other).to_owned())
                .collect();
            if group.len() > 1 {
                groups.insert(group);
            }
        }
        groups.into_iter().collect()
    }

    fn reached(&self, file: &str) -> BTreeSet<&str> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![file.to_owned()]);
        while let Some(file) = next.pop() {
            for used in self.uses.get(&file).into_iter().flatten() {
                if seen.insert(used.as_str()) {
                    next.push(used.clone());
                }
            }
        }
        seen
    }

    /// The shortest way from a file of the group back to itself.
    pub fn circle(&self, group: &BTreeSet<String>) -> Vec<String> {
        let ways = group.iter().filter_map(|file| self.way_back(file, group));
        ways.min_by_key(Vec::len).unwrap_or_default()
    }

    fn way_back(&self, file: &str, group: &BTreeSet<String>) -> Option<Vec<String>> {
        let (mut seen, mut ways) = (BTreeSet::new(), VecDeque::from([vec![file.to_owned()]]));
        while let Some(way) = ways.pop_front() {
            let last = way.last()?;
            for used in self.uses[last].iter().filter(|used| group.contains(*used)) {
                let longer = [&way[..], std::slice::from_ref(used)].concat();
                if used == file {
                    return Some(longer);
                }
                if seen.insert(used) {
                    ways.push_back(longer);
                }
            }
        }
        None
    }
}

/// The module that a file is, as its path from the crate's root.
pub fn module(file: &str) -> Vec<&str> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').filter(|part| *part != "lib").collect()
}

/// The `use` lines of a file, and the code without them.
fn imports(code: &str) -> (Vec<Import>, String) {
    let (mut found, mut body, mut rest) = (Vec::new(), String::new(), code);
    while let Some(at) = statement(rest) {
        let (before, from) = rest.split_at(at);
        let end = from.find(';').map_or(from.len(), |end| end + 1);
        let (line, after) = from.split_at(end);
        let visible = before.rsplit(['\n', ';', '}']).next().unwrap_or_default().trim();
        let for_tests = before.trim_end().ends_with("#[cfg(test)]");
        body.push_str(before);
        rest = after;
        if !for_tests {
            let tree = line.trim_start_matches("use").trim_end_matches(';');
            expand(&[], tree, visible.starts_with("pub"), &mut found);
        }
    }
    body.push_str(rest);
    (found, body)
}

/// Where the next `use` line begins.
fn statement(code: &str) -> Option<usize> {
    code.match_indices("use ").map(|(at, _)| at).find(|&at| {
        let before = code[..at].rsplit('\n').next().unwrap_or_default().trim();
        before.is_empty()
            || (before.starts_with("pub") && !before.contains(' '))
            || (before.starts_with("pub(in") && before.ends_with(')'))
    })
}

/// All that a tree such as `a::{b, c::d as e}` names.
fn expand(before: &[String], tree: &str, public: bool, found: &mut Vec<Import>) {
    let tree = tree.trim();
    let (head, group) = match tree.split_once('{') {
        Some((head, group)) => (head, group.strip_suffix('}')),
        None => (tree, None),
    };
    let (head, name) = match head.split_once(" as ") {
        Some((head, name)) => (head, Some(name.trim())),
        None => (head, None),
    };
    let parts = head.split("::").map(str::trim).filter(|part| !part.is_empty());
    let mut path: Vec<String> = before.iter().cloned().chain(parts.map(str::to_owned)).collect();
    match group {
        Some(group) => {
            for one in split(group) {
                expand(&path, one, public, found);
            }
        }
        None => {
            if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let name = name.or(path.last().map(String::as_str)).unwrap_or_default().to_owned();
            if name != "*" && !path.is_empty() {
                found.push(Import { path, name, public });
            }
        }
    }
}

/// The parts between the commas that are in no inner group.
fn split(group: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut begin) = (Vec::new(), 0, 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&group[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[begin..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The paths of two words and more that code names.
fn paths(code: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    let bytes = code.as_bytes();
    let starts = code.match_indices("::").filter_map(move |(at, _)| {
        let begin = (0..at).rev().take_while(|&i| is_word(bytes[i])).last()?;
        let inner = begin > 0 && (bytes[begin - 1] == b':' || bytes[begin - 1] == b'.');
        (!inner).then_some(begin)
    });
    starts.map(|begin| {
        let path = code[begin..].split(|c: char| c != ':' && c != '_' && !c.is_alphanumeric());
        let path = path.clone().next().unwrap_or_default().split("::");
        path.map(str::to_owned).filter(|part| !part.is_empty()).collect()
    })
}

#[test]
fn imports_are_read() {
    let code = "use a::{self as b, c::{d, e}};\npub(crate) use f as g;\n#[cfg(test)]\nuse t;\n\
                fn h() { i::j(); }";
    let (found, body) = imports(code);
    let seen: Vec<_> =
        found.iter().map(|i| (i.path.join("::"), i.name.as_str(), i.public)).collect();
    assert_eq!(
        seen,
        [
            ("a".into(), "b", false),
            ("a::c::d".into(), "d", false),
            ("a::c::e".into(), "e", false),
            ("f".into(), "g", true)
        ]
    );
    let named: Vec<_> = paths(&body).map(|path| path.join("::")).collect();
    assert_eq!(named, ["i::j"]);
}

#[test]
fn circles_are_found_through_what_is_exported_again() {
    let source = |file: &str, code: &str| (file.to_owned(), code.to_owned());
    let sources = BTreeMap::from([
        source("lib.rs", "mod a;\nmod b;\nmod c;"),
        source("a/mod.rs", "mod deep;\npub(crate) use deep::Deep;"),
        source("a/deep.rs", "use crate::b::B;\nuse std::fmt;\nstruct Deep;"),
        source("b.rs", "use crate::c as other;\nstruct B;\nfn f() { other::run(); }"),
        source("c.rs", "use crate::a::Deep;\nfn run() {}"),
        source("d.rs", "fn run() { crate::a::Deep::new(); super::b::f() }"),
    ]);
    let graph = Graph::new(&sources);
    let used = |file: &str| graph.uses[file].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(used("d.rs"), ["a/deep.rs", "b.rs"]);
    assert_eq!(used("a/mod.rs"), [""; 0]);
    let circles = graph.circles();
    assert_eq!(circles.len(), 1);
    assert_eq!(graph.circle(&circles[0]), ["a/deep.rs", "b.rs", "c.rs", "a/deep.rs"]);
}
