//! This crate in a build where another has turned on features of serde_json: a
//! package of its own (`package`), with the same versions of everything else.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn features_of_serde_json_change_nothing_on_the_wire() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = root.join("tests/features/package");
    // The versions of this crate's lockfile, which are here already.
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--target-dir"])
        .arg(target)
        .current_dir(&package)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "everything is as it should be\n");
}
