//! Waiting, but not for ever.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long anything may take before a test fails. Generous: the machine may
/// be busy with something else.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked whether something has come about.
const STEP: Duration = Duration::from_millis(1);

/// Waits until something has come about; panics with `what` if it does not.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "did not come about: {what}");
        std::thread::sleep(STEP);
    }
}

/// Waits until a value is the one expected; panics with the last one seen.
pub fn wait_for<T: PartialEq + Debug>(what: &str, expected: T, mut value: impl FnMut() -> T) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = value();
        if now == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {now:?} instead of {expected:?}");
        std::thread::sleep(STEP);
    }
}

/// Lets time pass in which something is not to happen. What does not come cannot be
/// awaited; this is for checks of that alone, which a busy machine does not fail.
pub fn nothing_for(time: Duration) {
    std::thread::sleep(time);
}

/// Takes its time, as a peer does that drips or comes late, or an application that is
/// slow: where the time itself is what is tested, or where what should come first shows
/// in nothing. No check may need that it was long enough.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Runs something that must not hang: a watchdog for deadlocks.
pub fn in_time<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let _ = done.send(run());
    });
    match result.recv_timeout(PATIENCE) {
        Ok(value) => {
            let _ = thread.join();
            value
        }
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("{what} hangs"),
        Err(_) => {
            let panic = thread.join().expect_err("it sent nothing");
            std::panic::resume_unwind(panic)
        }
    }
}
