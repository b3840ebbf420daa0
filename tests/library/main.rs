//! The browser client, under Node.js: its text as the server assembles it, against
//! this crate's server and against the JavaScript one.
//!
//! Needs Node.js and npm, see `tests/interop/README.md`. The tests themselves are
//! the `*.test.js` beside this file; each is run by `node --test`.

#[path = "../common/mod.rs"]
mod common;

mod custom;
mod http;
mod saved;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::plugged::Plugged;
use common::{examples, libraries, node};
use serde_json::json;

/// Runs a file of tests, with flags for Node.js.
fn run(file: &str, flags: &[&str]) {
    run_with(file, flags, [("", ""); 0]);
}

/// The same, with more in its environment.
fn run_with<'a>(file: &str, flags: &[&str], more: impl IntoIterator<Item = (&'a str, &'a str)>) {
    if node::is_skipped() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library");
    // The last has `sockjs-client`: a client of npm's that misses it throws when it has
    // begun to connect, which it then does for ever, and Node.js does not end.
    let modules = ["library", "node-server", "parsers", "client-v8"]
        .map(|project| node::project(project).join("node_modules"));
    let output = Command::new("node")
        .args(["--test", "--test-reporter=tap"])
        .arg(folder.join(file))
        .env("PRIMUS_LIBRARY", saved::libraries())
        .env("PRIMUS_SERVERS", servers())
        .envs(more)
        .env("PRIMUS_MODULES", older())
        .env("PRIMUS_VECTORS", folder.with_file_name("vectors"))
        .env("NODE_PATH", joined(&modules))
        .env("NODE_OPTIONS", flags.join(" "))
        // Set by the harness of Node.js for its own children, if it runs this one.
        .env_remove("NODE_TEST_CONTEXT")
        .output()
        .expect("node runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file}:\n{}\n{errors}", failures(&told));
    assert!(!told.contains("\n# pass 0\n"), "{file} has no tests:\n{told}");
    for line in told.lines().filter_map(|line| line.strip_prefix("# size: ")) {
        println!("{line}");
    }
}

/// What failed, and why.
fn failures(told: &str) -> String {
    let mut shown = false;
    let lines = told.lines().filter(|line| {
        let is_result =
            line.trim_start().starts_with("ok ") || line.trim_start().starts_with("not ok ");
        if is_result {
            shown = line.trim_start().starts_with("not ok ");
        }
        shown || line.starts_with("# ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn joined(paths: &[PathBuf]) -> OsString {
    env::join_paths(paths).expect("paths without colons")
}

/// The servers that the tests start, by name.
fn servers() -> String {
    let echo = node::project("node-server").join("echo.js");
    json!({ "rust": [examples::example("echo")], "node": ["node", echo] }).to_string()
}

#[test]
fn a_client_does_the_same_over_every_carrier_and_against_every_server() {
    run("client.test.js", &[]);
}

/// Where the older versions of the JavaScript server are, by their numbers.
fn older() -> String {
    let versions = [("6", "client-v6"), ("6-websockets", "client-v6-ws1"), ("7", "node-server-v7")];
    let folders = versions.map(|(version, name)| (version, node::project(name)));
    json!(BTreeMap::from(folders)).to_string()
}

#[test]
fn servers_of_older_versions_are_served_as_they_want_it() {
    run("versions.test.js", &[]);
}

#[test]
fn servers_that_do_what_none_should_do_no_harm() {
    run("hostile.test.js", &[]);
}

#[test]
fn sockjs_has_the_transport_that_works() {
    run("sockjs.test.js", &[]);
}

#[test]
fn sockjs_takes_what_is_right_and_takes_no_harm() {
    run("sockjs-frames.test.js", &[]);
}

#[test]
fn socket_io_has_the_transport_that_works_and_takes_no_harm() {
    run("socket-io.test.js", &[]);
}

#[test]
fn of_several_transformers_the_first_that_works_is_spoken() {
    run("several.test.js", &[]);
}

#[test]
fn browserchannel_says_again_what_was_lost_and_takes_no_harm() {
    run("browserchannel.test.js", &[]);
}

#[test]
fn every_form_offers_the_whole_interface() {
    run("forms.test.js", &[]);
}

#[test]
fn a_page_that_goes_and_comes_and_sleeps_has_its_connection() {
    run("page.test.js", &[]);
}

#[test]
fn every_parser_has_the_bytes_of_the_rust_one() {
    run("parsers.test.js", &[]);
}

#[test]
fn a_parser_of_the_applications_own_runs_in_javascript() {
    let servers = custom::Servers::start();
    run_with("custom.test.js", &[], [("PRIMUS_CUSTOM", &*servers.urls())]);
}

#[test]
fn the_client_halves_of_plugins_work_in_it_as_they_are() {
    run("plugins.test.js", &[]);
}

#[test]
fn the_client_halves_of_this_crate_say_what_those_of_npm_say() {
    run("own-vectors.test.js", &[]);
}

#[test]
fn the_client_halves_of_this_crate_have_channels_that_know_events() {
    run("own-channels.test.js", &[]);
}

#[test]
fn the_client_halves_of_this_crate_work_over_every_carrier_and_with_every_parser() {
    run("own-everywhere.test.js", &[]);
}

#[test]
fn the_client_halves_of_this_crate_take_no_harm() {
    run("own-faults.test.js", &[]);
}

#[test]
fn the_client_that_a_server_with_plugins_gives_has_their_halves() {
    let servers = Plugged::start();
    run_with("plugged.test.js", &[], [("PRIMUS_PLUGGED", &*servers.urls())]);
}

#[test]
fn what_was_missed_in_rooms_comes_when_the_client_is_back() {
    let servers = Plugged::start();
    run_with("history.test.js", &[], [("PRIMUS_PLUGGED", &*servers.urls())]);
}

#[test]
fn the_client_of_npm_with_its_own_halves_is_served_by_a_server_with_plugins() {
    let servers = Plugged::start();
    run_with("plugged-npm.test.js", &[], [("PRIMUS_PLUGGED", &*servers.urls())]);
}

#[test]
fn its_types_tell_right_uses_from_wrong_ones() {
    run("types.test.js", &[]);
}

#[test]
fn it_is_small() {
    run("size.test.js", &[]);
}

/// The platform's own WebSocket: there by itself since Node.js 22.
#[test]
fn a_client_does_the_same_with_the_websocket_of_the_platform() {
    run("client.test.js", &["--experimental-websocket"]);
}
