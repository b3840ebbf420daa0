//! The JavaScript side of the interop tests: npm projects below
//! `tests/interop`, and the processes that run in them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

use super::wait::pause;

/// How long one test may take, even on a busy machine.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether the interop tests are to be skipped; if so, says so.
///
/// # Panics
/// When they are not, and Node.js or npm is missing.
pub fn is_skipped() -> bool {
    static MISSING: OnceLock<bool> = OnceLock::new();
    if std::env::var_os("PRIMUS_SKIP_INTEROP").is_some_and(|value| value == "1") {
        let test = thread::current().name().unwrap_or_default().to_owned();
        // Past the capture of the test harness, which hides what passes.
        let _ = writeln!(std::io::stderr(), "{test}: skipped (PRIMUS_SKIP_INTEROP=1)");
        return true;
    }
    let missing = *MISSING.get_or_init(|| !runs("node") || !runs("npm"));
    assert!(
        !missing,
        "install Node.js 18 or later with npm, or set PRIMUS_SKIP_INTEROP=1 to go without"
    );
    false
}

fn runs(program: &str) -> bool {
    let quiet = Command::new(program).arg("--version").stdout(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// The folder of an npm project below `tests/interop`, with its packages
/// installed as its lockfile says.
pub fn project(name: &str) -> PathBuf {
    static TURN: Mutex<()> = Mutex::new(());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name);
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // Other test binaries may want it at the same time.
    let lock = File::create(folder.join(".install.lock")).expect("the project's folder");
    lock.lock().expect("the lock of the install");
    if !is_installed(&folder) {
        install(&folder);
    }
    folder
}

/// npm leaves its own lockfile when it is done.
fn is_installed(folder: &Path) -> bool {
    let modified = |file: &str| -> Option<SystemTime> {
        fs::metadata(folder.join(file)).and_then(|metadata| metadata.modified()).ok()
    };
    let installed = modified("node_modules/.package-lock.json");
    installed.is_some() && installed >= modified("package-lock.json")
}

fn install(folder: &Path) {
    let output = Command::new("npm")
        .args(["ci", "--no-progress"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("npm runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`npm ci` failed in {}:\n{told}", folder.display());
    // An install from a cache may keep old times.
    let ours = File::options().append(true).open(folder.join("node_modules/.package-lock.json"));
    let touched = ours.and_then(|file| file.set_modified(SystemTime::now()));
    touched.expect("npm leaves its lockfile");
}

/// A child process whose lines can be waited for. It is killed when it is
/// dropped; what it has said is shown if that is because a test fails.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    transcript: Arc<Mutex<Vec<String>>>,
    deadline: Instant,
}

impl Process {
    /// Starts a program.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: &[A]) -> Process {
        Process::spawn(Command::new(program).args(args))
    }

    /// Starts a command.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> Process {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let transcript = Arc::new(Mutex::new(vec![format!("$ {command:?}")]));
        let (tell, lines) = mpsc::channel();
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        follow(stdout, "", transcript.clone(), Some(tell));
        follow(stderr, "! ", transcript.clone(), None);
        let stdin = child.stdin.take();
        Process { child, stdin, lines, transcript, deadline: Instant::now() + TEST_TIMEOUT }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("its id");
        kill_process(id, signal).expect("it is there");
    }

    /// Gives it a line to read.
    ///
    /// # Panics
    /// When it does not take it.
    pub fn send(&mut self, line: &str) {
        self.note(format!("< {line}"));
        let stdin = self.stdin.as_mut().expect("its input is open");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("it reads its input");
    }

    /// Ends its input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// The next line that it printed; waits for it.
    ///
    /// # Panics
    /// When none comes in the time of the test.
    #[track_caller]
    pub fn line(&self) -> String {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.line_within(left).expect("a line in time")
    }

    /// The next line that it printed, if it comes within `wait`.
    ///
    /// # Panics
    /// When the process has ended.
    #[track_caller]
    pub fn line_within(&self, wait: Duration) -> Option<String> {
        match self.lines.recv_timeout(wait) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the process has ended"),
        }
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended; whether it succeeded.
    ///
    /// # Panics
    /// When it does not end within `wait`.
    #[track_caller]
    pub fn wait(&mut self, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status.success();
            }
            assert!(Instant::now() < deadline, "the process does not end");
            pause(Duration::from_millis(5));
        }
    }

    fn note(&self, line: String) {
        note(&self.transcript, line);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let transcript = self.transcript.lock().unwrap_or_else(|e| e.into_inner());
            eprintln!("--- the process said ---\n{}\n---", transcript.join("\n"));
        }
    }
}

fn note(transcript: &Mutex<Vec<String>>, mut line: String) {
    const LONGEST: usize = 2000;
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    transcript.lock().unwrap_or_else(|e| e.into_inner()).push(line);
}

/// Reads lines until there are no more, on a thread of its own.
fn follow(
    from: impl Read + Send + 'static,
    mark: &'static str,
    transcript: Arc<Mutex<Vec<String>>>,
    tell: Option<Sender<String>>,
) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            note(&transcript, format!("{mark}{line}"));
            if let Some(tell) = &tell {
                let _ = tell.send(line);
            }
        }
    });
}
