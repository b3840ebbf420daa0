//! Unix domain sockets by their names: paths, or names of the kernel's own.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use rustix::net::{bind, connect, listen};

use super::Stream;
use crate::error::named;

/// Connections that may wait to be accepted, of which the kernel allows no more
/// than `net.core.somaxconn` (4,096 by default). The 128 of the standard library
/// make most of a thousand clients that reconnect at once wait a second, until
/// they try again.
pub(super) const WAITING: i32 = 4_096;

/// The longest path of a Unix socket in bytes; a name of the kernel's own is as
/// long without its `@`.
const LONGEST: usize = 107;

/// How long another process may be busy with a socket in the same folder.
const TURN: Duration = Duration::from_secs(1);

/// A Unix socket to listen on, for [`Primus::listen_path`](crate::Primus::listen_path).
/// Made of a path, or with [`mode`](Self::mode).
///
/// A path that begins with `@` is a name of the kernel's own (Linux calls it
/// abstract) and no file: everybody in the same network namespace may connect. A file
/// of such a name is `./@name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPath {
    path: PathBuf,
    mode: Option<u32>,
}

impl<P: AsRef<Path>> From<P> for SocketPath {
    fn from(path: P) -> Self {
        SocketPath::new(path)
    }
}

impl SocketPath {
    /// A socket at this path.
    pub fn new(path: impl AsRef<Path>) -> Self {
        SocketPath { path: path.as_ref().to_owned(), mode: None }
    }

    /// Who may connect: those who may write to the file. `0o660` lets the owner and
    /// the group in. It holds before the first client can connect. Default: `0o777`
    /// without the bits of the process's umask.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Binds it and listens. An error names the path. The file, if there is one, is
    /// to be dropped before the socket.
    pub(super) fn listen(&self) -> io::Result<(Option<SocketFile>, UnixListener)> {
        let place = format!("cannot listen on {}", self.path.display());
        self.bound().map_err(|error| named(&place, &error))
    }

    fn bound(&self) -> io::Result<(Option<SocketFile>, UnixListener)> {
        if self.mode.is_some_and(|mode| mode > 0o7777) {
            return Err(invalid("the mode is over 0o7777"));
        }
        let socket = stream_socket()?;
        let address = match Name::new(&self.path) {
            Name::Abstract(_) if self.mode.is_some() => {
                return Err(invalid("only a file has a mode"));
            }
            name => name.address()?,
        };
        let file = match address.path() {
            None => {
                bind(&socket, &address)?;
                None
            }
            Some(_) => Some(self.bind_file(&socket, &address)?),
        };
        listen(&socket, WAITING)?;
        Ok((file, socket.into()))
    }

    /// Makes the file, with nothing but a socket nobody accepts from removed before.
    fn bind_file(&self, socket: &OwnedFd, address: &SocketAddrUnix) -> io::Result<SocketFile> {
        // Between `bind` and `listen` a socket looks as if nobody accepted from it.
        let turn = folder_lock(&self.path);
        match bind(socket, address) {
            Err(Errno::ADDRINUSE) => {
                clear_away(&self.path, address)?;
                bind(socket, address)?;
            }
            other => other?,
        }
        let file = SocketFile::of(&self.path)?;
        if let Some(mode) = self.mode {
            fs::set_permissions(&self.path, Permissions::from_mode(mode))?;
        }
        listen(socket, WAITING)?;
        drop(turn);
        Ok(file)
    }
}

/// The file of a socket that is listened on; removed when dropped, if it is still
/// that socket's. Drop it before the socket: until that is closed no other file can
/// get its number.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        // The working directory may be another one when it is removed.
        let path = std::path::absolute(path)?;
        let file = fs::symlink_metadata(&path)?;
        Ok(SocketFile { path, device: file.dev(), inode: file.ino() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let Ok(file) = fs::symlink_metadata(&self.path) else { return };
        if (file.dev(), file.ino()) == (self.device, self.inode)
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!("{} was not removed: {error}", self.path.display());
        }
    }
}

/// Removes a socket that a server has left behind; anything else stays, and is an
/// error.
fn clear_away(path: &Path, address: &SocketAddrUnix) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(file) => file.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        let what = match kind {
            kind if kind.is_dir() => "a directory",
            kind if kind.is_symlink() => "a symbolic link",
            kind if kind.is_file() => "a file",
            _ => "no socket",
        };
        let text = format!("what is there is {what}, and is not removed");
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match connect(&stream_socket()?, address) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path),
        Err(Errno::NOENT) => Ok(()),
        Ok(()) | Err(Errno::AGAIN) => {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens on it"))
        }
        Err(error) => {
            let text = format!("the socket there may be in use, and is not removed: {error}");
            Err(io::Error::new(io::ErrorKind::AddrInUse, text))
        }
    }
}

/// The right to make sockets in the folder of this one, among servers of this kind;
/// without it where the folder cannot be read, or another process does not give it
/// back.
fn folder_lock(path: &Path) -> Option<OwnedFd> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = open(folder.unwrap_or(Path::new(".")), flags, Mode::empty()).ok()?;
    let until = Instant::now() + TURN;
    while flock(&folder, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        if Instant::now() > until {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
    Some(folder)
}

/// What a Unix socket is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    File(PathBuf),
    /// Without the `@`.
    Abstract(Vec<u8>),
}

impl Name {
    pub fn new(path: &Path) -> Self {
        match path.as_os_str().as_bytes() {
            [b'@', name @ ..] => Name::Abstract(name.to_vec()),
            _ => Name::File(path.to_owned()),
        }
    }

    /// Checks that there can be such a socket.
    pub fn check(&self) -> io::Result<()> {
        self.address().map(drop)
    }

    fn address(&self) -> io::Result<SocketAddrUnix> {
        let (what, bytes) = match self {
            Name::File(path) => ("path", path.as_os_str().as_bytes()),
            Name::Abstract(name) => ("name", name.as_slice()),
        };
        if bytes.is_empty() {
            return Err(invalid(&format!("the {what} is empty")));
        }
        if bytes.len() > LONGEST {
            let length = bytes.len();
            return Err(invalid(&format!(
                "the {what} of a Unix socket has at most {LONGEST} bytes, this one {length}"
            )));
        }
        Ok(match self {
            Name::File(path) if bytes.contains(&0) => {
                return Err(invalid(&format!("{:?} has a zero byte", path)));
            }
            Name::File(path) => SocketAddrUnix::new(path)?,
            Name::Abstract(name) => SocketAddrUnix::new_abstract_name(name)?,
        })
    }

    /// Connects without waiting: `None` while all places in the server's queue are
    /// taken.
    pub fn connect(&self) -> io::Result<Option<Stream>> {
        let socket = stream_socket()?;
        match connect(&socket, &self.address()?) {
            Ok(()) => Ok(Some(UnixStream::from(socket).into())),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Display for Name {
    /// As it stands in a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::File(path) => write!(f, "unix:{}", path.display()),
            Name::Abstract(name) => write!(f, "unix:@{}", String::from_utf8_lossy(name)),
        }
    }
}

fn stream_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
