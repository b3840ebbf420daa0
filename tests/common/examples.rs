//! The programs of the crate's examples, for tests that run them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

/// The examples that are tested.
const EXAMPLES: [&str; 11] = [
    "auth",
    "chat",
    "client",
    "cluster",
    "dashboard",
    "echo",
    "hello",
    "lines",
    "load",
    "middleware",
    "subscriber",
];

/// The program of an example.
///
/// # Panics
/// When it cannot be built.
pub fn example(name: &str) -> PathBuf {
    folder().join(name)
}

/// The folder that the examples' programs are in. `cargo test` has built them,
/// but `cargo test --test interop` has not.
///
/// # Panics
/// When they cannot be built.
pub fn folder() -> &'static Path {
    static FRESH: OnceLock<PathBuf> = OnceLock::new();
    FRESH.get_or_init(|| {
        let this = env::current_exe().expect("the test's own path");
        let profile = this.parent().and_then(Path::parent).expect("the profile's folder");
        let folder = profile.join("examples");
        let age = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
        if EXAMPLES.iter().any(|name| age(&folder.join(name)) < age(&this)) {
            build(profile);
        }
        folder
    })
}

fn build(profile: &Path) {
    let release = profile.ends_with("release");
    let target = profile.parent().expect("the target folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet"]).args(EXAMPLES.map(|name| format!("--example={name}")));
    if !cfg!(feature = "msgpack") {
        cargo.arg("--no-default-features");
    }
    cargo.arg("--target-dir").arg(target);
    cargo.args(release.then_some("--release")).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().expect("cargo runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{cargo:?} failed:\n{told}");
}
