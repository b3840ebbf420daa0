//! This crate in a build where another has turned on features of serde_json: a
//! package of its own (`package`), with the same versions of everything else; and what
//! its own features bring.

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

/// What is built with these features, by the names of the crates.
fn tree(features: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--no-default-features", "--features", features])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_link_to_redis_brings_no_runtime_and_no_second_way_to_encrypt() {
    let crates = tree("redis,tls");
    let has = |name: &str| crates.iter().any(|one| one == name);
    assert!(has("redis") && has("rustls") && has("ring"), "{crates:?}");
    for name in ["tokio", "async-std", "smol", "futures-util", "mio"] {
        assert!(!has(name), "{name} is in the tree");
    }
    for name in ["aws-lc-rs", "aws-lc-sys", "openssl-sys", "native-tls", "rustls-native-certs"] {
        assert!(!has(name), "{name} is in the tree");
    }
    assert!(!tree("tls").iter().any(|name| name == "redis"));
}
