//! Runs tests one after the other, with the options of the usual harness as far as
//! they make sense here.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;
use std::{env, thread};

/// A test.
#[derive(Clone, Copy)]
pub struct Test {
    /// With the path of its module.
    pub name: &'static str,
    pub run: fn(),
    /// Only run when asked for: another test starts it in a process of its own.
    pub is_ignored: bool,
}

/// The tests of a module, `#[ignore]` before those that only others start.
macro_rules! tests {
    (@ignored) => { false };
    (@ignored #[ignore]) => { true };
    ($($(#[$ignore:ident])? $name:ident,)*) => {
        &[$(Test {
            name: concat!(module_path!(), "::", stringify!($name)),
            run: $name,
            is_ignored: tests!(@ignored $(#[$ignore])?),
        },)*]
    };
}

/// What the command line asks for.
#[derive(Default)]
struct Options {
    /// Parts of names, or whole ones; none: all.
    names: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    list: bool,
    /// Those that are ignored as well.
    ignored: bool,
    /// Only those.
    only_ignored: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Options {
        let mut options = Options::default();
        while let Some(argument) = arguments.next() {
            match &*argument {
                "--exact" => options.exact = true,
                "--list" => options.list = true,
                "--ignored" => (options.ignored, options.only_ignored) = (true, true),
                "--include-ignored" => options.ignored = true,
                "--skip" => options.skipped.extend(arguments.next()),
                // Nothing is captured, and nothing runs beside another.
                "--test-threads" | "--format" | "--color" | "--logfile" | "-Z" => {
                    arguments.next();
                }
                option if option.starts_with('-') => {}
                _ => options.names.push(argument),
            }
        }
        options
    }

    fn wants(&self, test: &Test) -> bool {
        let name = short(test);
        let fits = |part: &String| if self.exact { name == part } else { name.contains(part) };
        (test.is_ignored || !self.only_ignored)
            && (self.names.is_empty() || self.names.iter().any(fits))
            && !self.skipped.iter().any(fits)
    }
}

/// A test's name without that of the binary.
fn short(test: &Test) -> &'static str {
    test.name.split_once("::").map_or(test.name, |(_, rest)| rest)
}

/// Runs the tests that the command line names; fails if one of them does.
pub fn run(tests: &[Test]) -> ExitCode {
    let options = Options::parse(env::args().skip(1));
    let wanted: Vec<&Test> = tests.iter().filter(|test| options.wants(test)).collect();
    if options.list {
        wanted.iter().for_each(|test| println!("{}: test", short(test)));
        println!("\n{} tests, 0 benchmarks", wanted.len());
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", wanted.len());
    let start = Instant::now();
    let (mut passed, mut ignored, mut failed) = (0, 0, Vec::new());
    for test in &wanted {
        if test.is_ignored && !options.ignored {
            println!("test {} ... ignored", short(test));
            ignored += 1;
        } else if passes(test) {
            println!("test {} ... ok", short(test));
            passed += 1;
        } else {
            println!("test {} ... FAILED", short(test));
            failed.push(short(test));
        }
    }
    let outcome = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {outcome}. {passed} passed; {} failed; {ignored} ignored; 0 measured; \
         {} filtered out; finished in {:.2}s",
        failed.len(),
        tests.len() - wanted.len(),
        start.elapsed().as_secs_f64()
    );
    failed.iter().for_each(|name| println!("    {name}"));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// Runs a test on a thread of its name, which its panic tells.
fn passes(test: &Test) -> bool {
    let run = test.run;
    let thread = thread::Builder::new().name(short(test).to_owned());
    thread.spawn(move || catch_unwind(run).is_ok()).expect("a thread").join().unwrap_or(false)
}
