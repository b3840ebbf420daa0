//! A real nginx, for what is to work behind one.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{PATIENCE, wait_until};

/// Whether the tests with nginx are to be skipped; if so, says so.
pub fn is_skipped() -> bool {
    if std::env::var_os("PRIMUS_SKIP_NGINX").is_some_and(|value| value == "1") {
        let _ = writeln!(std::io::stderr(), "skipped (PRIMUS_SKIP_NGINX=1)");
        return true;
    }
    false
}

/// An nginx, killed when dropped.
pub struct Nginx {
    process: Child,
    folder: PathBuf,
}

impl Nginx {
    /// Runs it with these lines as its `http`, in which `SOCKET` stands for a Unix
    /// socket on which it has to listen.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(name: &str, http: &str) -> Nginx {
        let folder = std::env::temp_dir().join(format!("primus-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let own: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", folder.join(kind).display()))
            .concat();
        let here = folder.display();
        let http = http.replace("SOCKET", &format!("unix:{here}/socket"));
        let config = format!(
            "daemon off; master_process off; pid {here}/pid; error_log {here}/log;\n\
             events {{}}\nhttp {{ access_log off; {own}\n{http} }}"
        );
        fs::write(folder.join("conf"), config).unwrap();
        // Debian keeps it where only root's path leads to.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
        let log = fs::File::create(folder.join("stderr")).unwrap();
        let process = Command::new("sh")
            .args(["-c", r#"exec nginx -p "$0" -c "$0/conf""#])
            .arg(&folder)
            .env("PATH", path)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a shell");
        let mut nginx = Nginx { process, folder };
        wait_until("nginx listens", || {
            if nginx.process.try_wait().unwrap().is_some() {
                let said = fs::read_to_string(nginx.folder.join("stderr")).unwrap_or_default();
                panic!("install nginx, or set PRIMUS_SKIP_NGINX=1 to go without: {said}");
            }
            UnixStream::connect(nginx.socket()).is_ok()
        });
        nginx
    }

    /// The Unix socket on which it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Where it may be asked to write.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sends this, and returns what comes back up to the end of `last`.
    pub fn ask(&self, request: &[u8], last: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        Self::read_to(&mut stream, last)
    }

    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What comes up to the end of `last`.
    pub fn read_to(stream: &mut UnixStream, last: &str) -> String {
        let mut got = Vec::new();
        let mut byte = [0];
        while !got.ends_with(last.as_bytes()) {
            let read = stream.read(&mut byte).unwrap_or(0);
            assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&got));
            got.push(byte[0]);
        }
        String::from_utf8_lossy(&got).into_owned()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
