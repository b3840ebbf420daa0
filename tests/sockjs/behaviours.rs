//! The list of behaviours (`behaviours.md`) names tests; they are there.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_list_names_is_there() {
    let list = include_str!("behaviours.md");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = list.split('`').filter_map(|text| text.split_once(".rs::"));
    let mut known = 0;
    for (file, test) in names {
        let path = root.join(format!("{file}.rs"));
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(text.contains(&format!("fn {test}(")), "{file}.rs has no test {test}");
        known += 1;
    }
    assert!(known > 80, "{known}");
    // A row without a test shows nothing.
    let rows =
        list.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| behaviour"));
    for row in rows {
        assert!(row.contains(".rs::"), "{row}");
    }
}
