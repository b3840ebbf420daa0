//! The pages of the documentation say what the code does: every bound that
//! `security.md` names has the value that stands there, and none is left out; every
//! file that `architecture.md` names is there, and no folder is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use primus::Limits;

const SECURITY: &str = include_str!("../../src/docs/security.md");
const ARCHITECTURE: &str = include_str!("../../src/docs/architecture.md");

/// Constants that sound like bounds and are none: sizes of buffers that are kept,
/// and steps in which work is done.
const NO_BOUNDS: [&str; 10] = [
    "BUFFER_MAX",
    "BATCH_MAX",
    "COPY_MAX",
    "CORK_MAX",
    "HEADER_MAX",
    "KEEP_MAX",
    "LARGEST",
    "MOST",
    "PIECES_MAX",
    "LONGEST_PAUSE",
];

/// The rows of the tables whose first column has this title: the name in the first
/// column and the text in the second.
fn rows(title: &str) -> Vec<(&'static str, &'static str)> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in SECURITY.lines() {
        let mut cells = line.split('|').skip(1).map(str::trim);
        match (cells.next(), cells.next()) {
            (Some(first), Some(_)) if first == title => inside = true,
            (Some(first), Some(second)) if inside && !first.starts_with('-') => {
                rows.push((first.trim_matches('`'), second));
            }
            (None, _) => inside = false,
            _ => {}
        }
    }
    assert!(!rows.is_empty(), "there is no table of `{title}`");
    rows
}

/// What a number with its unit comes to: bytes, a count, or nanoseconds.
fn said(text: &str) -> u128 {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: u128 = number.replace(',', "").parse().unwrap_or_else(|_| panic!("{text}?"));
    number
        * match unit {
            "" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "d" => 86_400 * 1_000_000_000,
            other => panic!("a unit {other:?}"),
        }
}

/// What an expression of the source comes to, in the same measure; none where it
/// is no plain number or time.
fn meant(expression: &str) -> Option<u128> {
    let number = |text: &str| text.trim().replace('_', "").parse::<u128>().ok();
    let time = |rest: &str, nanoseconds| Some(meant(rest.strip_suffix(')')?)? * nanoseconds);
    if let Some(rest) = expression.strip_prefix("Duration::from_secs(") {
        return time(rest, 1_000_000_000);
    }
    if let Some(rest) = expression.strip_prefix("Duration::from_millis(") {
        return time(rest, 1_000_000);
    }
    if let Some(rest) = expression.strip_prefix("Some(") {
        return time(rest, 1);
    }
    if let Some((value, bits)) = expression.split_once("<<") {
        return Some(number(value)? << number(bits)?);
    }
    if let Some((one, other)) = expression.split_once('*') {
        return Some(number(one)? * number(other)?);
    }
    number(expression).or_else(|| expression.parse::<f64>().ok().map(|float| float as u128))
}

/// Every `(name, expression)` in the sources that a line gives by this pattern.
fn found(pattern: impl Fn(&str) -> Option<(&str, &str)>) -> BTreeMap<String, Vec<u128>> {
    let mut all: BTreeMap<String, Vec<u128>> = BTreeMap::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.extend((name != "tests" && name != "testing").then_some(path));
            } else if name.ends_with(".rs") && !name.contains("tests") {
                let source = fs::read_to_string(path).unwrap();
                for (name, expression) in source.lines().filter_map(|line| pattern(line.trim())) {
                    if let Some(value) = meant(expression) {
                        all.entry(name.to_owned()).or_default().push(value);
                    }
                }
            }
        }
    }
    all
}

fn constants() -> BTreeMap<String, Vec<u128>> {
    found(|line| {
        let (_, rest) = line
            .split_once("const ")
            .filter(|(before, _)| before.is_empty() || before.starts_with("pub"))?;
        let (name, rest) = rest.split_once(": ")?;
        Some((name, rest.split_once(" = ")?.1.strip_suffix(';')?))
    })
}

#[test]
fn the_table_of_limits_is_that_of_the_code() {
    // `Limits { request_line: 8192, head_timeout: 10s, connections: None, … }`
    let shown = format!("{:?}", Limits::default());
    let fields = shown.trim_start_matches("Limits { ").trim_end_matches(" }").split(", ");
    let mut limits: BTreeMap<&str, &str> =
        fields.map(|field| field.split_once(": ").expect("a field")).collect();
    for (name, text) in rows("field") {
        let default = limits.remove(name).unwrap_or_else(|| panic!("there is no limit {name}"));
        let expected = if text.starts_with("none: ") {
            "None".to_owned()
        } else if text.ends_with(" s") {
            format!("{:?}", Duration::from_nanos(said(text) as u64))
        } else {
            said(text).to_string()
        };
        assert_eq!(default, expected, "{name}");
    }
    assert!(limits.is_empty(), "not in the table: {limits:?}");
}

#[test]
fn the_defaults_of_options_are_those_of_the_code() {
    let defaults = found(|line| {
        let (name, rest) = line.split_once(": ")?;
        Some((name, rest.strip_suffix(',')?))
    });
    for (name, text) in rows("option") {
        let values = defaults.get(name).unwrap_or_else(|| panic!("there is no option {name}"));
        assert!(values.contains(&said(text)), "{name} is {text} in the table, not {values:?}");
    }
}

#[test]
fn fixed_bounds_have_the_values_of_the_table() {
    let constants = constants();
    let rows = rows("constant");
    for (name, text) in &rows {
        let values = constants.get(*name).unwrap_or_else(|| panic!("there is no constant {name}"));
        assert!(values.contains(&said(text)), "{name} is {text} in the table, not {values:?}");
    }
    let sounds =
        |name: &str| name.contains("MAX") || name.contains("MOST") || name.contains("LONGEST");
    for name in constants.keys().filter(|name| sounds(name)) {
        let known = rows.iter().any(|(row, _)| row == name) || NO_BOUNDS.contains(&name.as_str());
        assert!(known, "{name} is a bound, and not in the table of security.md");
    }
}

/// The paths that `architecture.md` names, from the top of the repository.
fn paths() -> BTreeSet<String> {
    let is_path = |text: &&str| {
        let ends = [".rs", ".js", ".md", "/"].iter().any(|end| text.ends_with(end));
        ends && text.len() > 1 && !text.contains(|c: char| c.is_whitespace() || c == ':')
    };
    let quoted = ARCHITECTURE.split('`').skip(1).step_by(2).filter(is_path);
    let is_outside = |path: &str| path.starts_with("tests/") || path.starts_with("examples/");
    quoted.map(|path| if is_outside(path) { path.into() } else { format!("src/{path}") }).collect()
}

/// Every folder below this one that has modules, but for those of tests; with a
/// slash behind it.
fn folders(below: &str, all: &mut Vec<String>) {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() && name != "tests" {
            let folder = format!("{below}{name}/");
            folders(&folder, all);
            all.push(folder);
        }
    }
}

#[test]
fn every_path_of_the_architecture_exists() {
    assert!(ARCHITECTURE.matches('`').count().is_multiple_of(2), "a quote is not closed");
    let paths = paths();
    assert!(paths.len() > 100, "only {} paths were found", paths.len());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let missing: Vec<_> = paths.iter().filter(|path| !root.join(path).exists()).collect();
    assert!(missing.is_empty(), "architecture.md names what is not there: {missing:#?}");
}

#[test]
fn every_folder_is_in_the_architecture() {
    let paths = paths();
    let named = |folder: &String| {
        let is_in_it = |path: &String| {
            path.rsplit_once('/')
                .is_some_and(|(of, _)| of.len() + 1 == folder.len() && folder.starts_with(of))
        };
        paths.iter().any(|path| path == folder || is_in_it(path))
    };
    let mut all = Vec::new();
    folders("src/", &mut all);
    assert!(all.len() > 30, "only {} folders were found", all.len());
    let missing: Vec<_> = all.iter().filter(|folder| !named(folder)).collect();
    assert!(missing.is_empty(), "architecture.md does not name {missing:#?}");
}
