use std::path::Path;

use super::{is_identifier, with_extension};

#[test]
fn a_global_is_an_identifier_of_javascript() {
    for name in ["Primus", "_", "$", "a1", "MyApp", "of", "undefined_"] {
        assert!(is_identifier(name), "{name}");
    }
    for name in ["", "1a", "a-b", "a.b", "a b", "class", "await", "é", "a\n", "x;alert(1)", "\"]"]
    {
        assert!(!is_identifier(name), "{name}");
    }
}

#[test]
fn the_forms_are_saved_side_by_side_under_one_name() {
    for (path, extension, saved) in [
        ("public/primus.js", "js", "public/primus.js"),
        ("public/primus.js", "mjs", "public/primus.mjs"),
        ("public/primus.mjs", "js", "public/primus.js"),
        ("primus.d.ts", "d.mts", "primus.d.mts"),
        ("my.client", "d.ts", "my.client.d.ts"),
    ] {
        assert_eq!(with_extension(Path::new(path), extension), Path::new(saved));
    }
}
