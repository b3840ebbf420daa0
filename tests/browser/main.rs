//! The JavaScript client, and the pages of the examples, in a real browser. The
//! scripts in this folder drive headless Chromium; each is one test here.
//!
//! They need `node` (20 or later) and `chromium`; `PRIMUS_SKIP_BROWSER=1` leaves
//! them out. For one page they need `redis-server`, too; `PRIMUS_SKIP_REDIS=1`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../redis/server.rs"]
mod redis;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::node::Process;
use common::plugged::Plugged;
use common::{examples, libraries, node};

/// How long one script may take, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(600);

#[track_caller]
fn run(script: &str) {
    run_with(script, &[]);
}

/// The same, with more that it is told.
#[track_caller]
fn run_with(script: &str, more: &[(&str, &str)]) {
    if std::env::var_os("PRIMUS_SKIP_BROWSER").is_some_and(|value| value == "1") {
        let _ = writeln!(std::io::stderr(), "{script}: skipped (PRIMUS_SKIP_BROWSER=1)");
        return;
    }
    if node::is_skipped() {
        return;
    }
    // Each starts a browser, which is as much as a small machine bears.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let mut node = Process::spawn(
        Command::new("node")
            .args(["--test", "--test-reporter=spec", script])
            .env("PRIMUS_EXAMPLES", examples::folder())
            .env("PRIMUS_CLIENTS", node::project("client-v8"))
            .env("PRIMUS_MODULES", node::project("library"))
            .env("PRIMUS_PLUGINS", libraries::with_plugins())
            .envs(more.iter().copied())
            .current_dir(folder),
    );
    assert!(node.wait(PATIENCE), "{script} failed");
}

#[test]
fn the_library_in_a_page() {
    run("library.test.js");
}

#[test]
fn the_transports_of_sockjs_and_proxies_in_their_way() {
    run("transports.test.js");
}

#[test]
fn several_transformers_and_proxies_in_their_way() {
    run("several.test.js");
}

#[test]
fn the_client_halves_of_plugins_in_a_page() {
    run("plugins.test.js");
}

#[test]
fn pages_with_plugins_of_this_crate_and_of_npm_at_a_server_with_all_of_them() {
    let servers = Plugged::start();
    run_with("plugged.test.js", &[("PRIMUS_PLUGGED", &servers.urls())]);
}

#[test]
fn what_browsers_do_to_connections() {
    run("life.test.js");
}

#[test]
fn pages_and_clients_by_https() {
    run("tls.test.js");
}

#[test]
fn the_pages_of_the_examples() {
    // One of them is several servers.
    let redis = redis::Redis::start();
    let url = redis.as_ref().map(redis::Redis::url).unwrap_or_default();
    run_with("pages.test.js", &[("PRIMUS_REDIS", &url)]);
}

#[test]
fn the_clients_of_sockjs_in_a_page() {
    run("sockjs.test.js");
}
