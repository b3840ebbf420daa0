//! Tests that count what the whole process uses (threads, descriptors, memory, CPU
//! time), or that need the machine for themselves.
//!
//! They run one after the other, whatever the options: `runner` is in the place of
//! the usual harness, which would run them side by side. A module lists its tests
//! in `TESTS`, and is listed here; the compiler warns of one that is not listed, as
//! nothing else uses it.

#[path = "../common/mod.rs"]
mod common;
#[macro_use]
mod runner;

mod attacks;
mod browserchannel;
mod cve;
#[cfg(feature = "compression")]
mod deflate;
mod destroy;
mod engine_io;
mod faults;
mod little_memory;
mod memory;
mod shares;
mod socket_io;
mod sockjs;
mod sockjs_memory;
mod sparks;
mod ways;

use std::process::ExitCode;

use common::engine_io as client;

fn main() -> ExitCode {
    let tests = [
        attacks::TESTS,
        browserchannel::TESTS,
        cve::TESTS,
        #[cfg(feature = "compression")]
        deflate::TESTS,
        destroy::TESTS,
        faults::TESTS,
        little_memory::TESTS,
        memory::TESTS,
        shares::TESTS,
        socket_io::TESTS,
        sockjs::TESTS,
        sockjs_memory::TESTS,
        sparks::TESTS,
        engine_io::application::TESTS,
        engine_io::bodies::TESTS,
        engine_io::connections::TESTS,
        engine_io::crowd::TESTS,
        engine_io::cve::TESTS,
        engine_io::ending::TESTS,
        engine_io::floods::TESTS,
        engine_io::handshake::TESTS,
        engine_io::heartbeat::TESTS,
        engine_io::parked::TESTS,
        engine_io::polling::TESTS,
        engine_io::slow::TESTS,
        engine_io::soak::TESTS,
        engine_io::strangers::TESTS,
        engine_io::unread::TESTS,
        engine_io::upgrade::TESTS,
    ];
    runner::run(&tests.concat())
}
