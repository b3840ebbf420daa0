//! Unix sockets by path: what is removed, what never is, who may connect.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use primus::{Client, Error, Primus, SocketPath};

use super::sockets::unix_echo;
use crate::common::*;

/// A folder of one test's own, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("primus-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        Folder(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn url(path: &Path) -> String {
    format!("unix:{}", path.display())
}

/// Why a path cannot be listened on.
fn refusal(server: &Server, path: impl Into<SocketPath>) -> (ErrorKind, String) {
    match server.primus.listen_path(path) {
        Err(Error::Io(error)) => (error.kind(), error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_path_is_listened_on_until_the_end_and_its_file_goes_with_it() {
    let folder = Folder::new("path");
    let path = folder.at("socket");
    let server = Server::echo(Primus::builder());
    server.primus.on_connection(|spark| {
        assert!(spark.address().unix && spark.request().remote_addr().is_none());
        assert_eq!(spark.address().to_string(), "unix");
        assert_eq!(spark.address().ip.to_string(), "127.0.0.1");
    });
    server.primus.listen_path(&path).unwrap();
    unix_echo(&mut UnixStream::connect(&path).unwrap());
    let other = Server::echo(Primus::builder());
    let (kind, text) = refusal(&other, &path);
    assert_eq!(kind, ErrorKind::AddrInUse);
    assert!(text.contains(path.to_str().unwrap()) && text.contains("another server"), "{text}");
    server.destroy();
    assert!(!path.exists());
    assert!(matches!(server.primus.listen_path(&path), Err(Error::Closed)));
    assert!(!path.exists());
    other.primus.listen_path(&path).unwrap();
    unix_echo(&mut UnixStream::connect(&path).unwrap());
}

#[test]
fn what_a_server_left_behind_is_removed_and_nothing_else() {
    let folder = Folder::new("left");
    let server = Server::echo(Primus::builder());
    let left = folder.at("left");
    drop(UnixListener::bind(&left).unwrap());
    assert!(left.exists());
    server.primus.listen_path(&left).unwrap();
    unix_echo(&mut UnixStream::connect(&left).unwrap());

    let file = folder.at("file");
    fs::write(&file, "precious").unwrap();
    let link = folder.at("link");
    symlink(folder.at("nowhere"), &link).unwrap();
    let datagram = folder.at("datagram");
    let _holder = UnixDatagram::bind(&datagram).unwrap();
    let busy = folder.at("busy");
    let _listener = UnixListener::bind(&busy).unwrap();
    for (path, why) in [
        (&file, "a file, and is not removed"),
        (&link, "a symbolic link"),
        (&folder.0, "a directory"),
        (&datagram, "may be in use"),
        (&busy, "another server listens"),
    ] {
        let (_, text) = refusal(&server, path);
        assert!(text.contains(path.to_str().unwrap()) && text.contains(why), "{text}");
        assert!(path.symlink_metadata().is_ok());
    }
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    server.still_serves();
    // Whoever put another file there, keeps it.
    fs::remove_file(&left).unwrap();
    let _other = UnixListener::bind(&left).unwrap();
    server.destroy();
    assert!(left.exists());
}

#[test]
fn paths_that_cannot_be_are_refused_by_name_and_reason() {
    let folder = Folder::new("refused");
    let server = Server::echo(Primus::builder());
    let long = folder.at(&"x".repeat(108));
    let (kind, text) = refusal(&server, &long);
    assert_eq!(kind, ErrorKind::InvalidInput);
    assert!(text.contains(long.to_str().unwrap()) && text.contains("at most 107 bytes"), "{text}");
    let (kind, text) = refusal(&server, folder.at("missing").join("socket"));
    assert!(kind == ErrorKind::NotFound && text.contains("/missing/socket"), "{text}");
    for (path, why) in [("", "the path is empty"), ("@", "the name is empty"), ("a\0b", "zero")] {
        let (kind, text) = refusal(&server, path);
        assert!(kind == ErrorKind::InvalidInput && text.contains(why), "{text}");
    }
    let (_, text) = refusal(&server, SocketPath::new(folder.at("mode")).mode(0o17_777));
    assert!(text.contains("the mode is over 0o7777"), "{text}");
    let (_, text) = refusal(&server, SocketPath::new("@name").mode(0o600));
    assert!(text.contains("only a file has a mode"), "{text}");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o500)).unwrap();
    // Root may write anywhere.
    if fs::write(folder.at("probe"), "").is_err() {
        let (kind, text) = refusal(&server, folder.at("socket"));
        assert!(kind == ErrorKind::PermissionDenied && text.contains("/socket"), "{text}");
    }
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).unwrap();
    server.still_serves();
}

#[test]
fn the_mode_is_that_of_the_file() {
    let folder = Folder::new("mode");
    let server = Server::echo(Primus::builder());
    for mode in [0o600, 0o660, 0o777] {
        let path = folder.at(&format!("{mode:o}"));
        server.primus.listen_path(SocketPath::new(&path).mode(mode)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        unix_echo(&mut UnixStream::connect(&path).unwrap());
    }
}

/// One of them listens, however they come together over what another has left.
#[test]
fn of_many_that_want_a_path_at_once_one_has_it() {
    let folder = Folder::new("race");
    let path = folder.at("socket");
    for _ in 0..20 {
        drop(UnixListener::bind(&path).unwrap());
        let servers: Vec<_> = (0..4).map(|_| Server::echo(Primus::builder())).collect();
        let listens = |server: &Server| server.primus.listen_path(&path).is_ok();
        let have_it = std::thread::scope(|scope| {
            let all: Vec<_> = servers.iter().map(|s| scope.spawn(|| listens(s))).collect();
            all.into_iter().map(|one| one.join().unwrap()).filter(|has| *has).count()
        });
        assert_eq!(have_it, 1);
        unix_echo(&mut UnixStream::connect(&path).unwrap());
        drop(servers);
        assert!(!path.exists());
    }
}

#[test]
fn every_transformer_is_reached_over_a_unix_socket() {
    let folder = Folder::new("clients");
    for name in ["websockets", "engine.io", "sockjs", "browserchannel", "socket.io"] {
        let path = folder.at(&format!("{name}: a?b#%"));
        let server = Server::echo(Primus::builder().transformer(name).pathname("/live"));
        server.primus.listen_path(&path).unwrap();
        let escaped = path.display().to_string().replace('%', "%25").replace('?', "%3F");
        let url = format!("unix:{}:/live?token=a%20b", escaped.replace('#', "%23"));
        let transports =
            if name == "engine.io" { &["polling", "websocket", ""][..] } else { &[""] };
        for transport in transports {
            let mut builder = Client::builder(&url).transformer(name);
            if !transport.is_empty() {
                builder = builder.transport("transports", *transport);
            }
            let client = builder.connect().unwrap();
            client.write("through").unwrap();
            assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("through"));
            let spark = server.spark();
            assert!(spark.address().unix);
            assert_eq!(spark.request().header("host"), Some("localhost"));
            assert_eq!(spark.request().query_param("token").as_deref(), Some("a b"));
            client.end();
            client.wait_end(PATIENCE);
            server.wait_empty();
        }
        let discovered = Client::discover(&url).unwrap().connect().unwrap();
        discovered.write("found").unwrap();
        assert_eq!(discovered.recv_timeout(PATIENCE).unwrap().as_str(), Some("found"));
        discovered.end();
    }
}

#[test]
fn abstract_names_have_no_file() {
    let name = format!("@primus-test-{}", std::process::id());
    let server = Server::echo(Primus::builder());
    server.primus.listen_path(&name).unwrap();
    assert!(!Path::new(&name).exists());
    let client = Client::connect(&format!("unix:{name}")).unwrap();
    client.write("abstract").unwrap();
    assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("abstract"));
    let other = Server::echo(Primus::builder());
    let (kind, text) = refusal(&other, &name);
    assert!(kind == ErrorKind::AddrInUse && text.contains(&name), "{text}");
    client.end();
    server.destroy();
    other.primus.listen_path(&name).unwrap();
}

#[test]
fn a_client_says_which_socket_it_does_not_reach_and_comes_back_to_it() {
    let folder = Folder::new("back");
    let path = folder.at("socket");
    let error = Client::connect(&url(&path)).unwrap_err().to_string();
    assert!(error.contains(&url(&path)), "{error}");
    assert!(error.contains("No such file"), "{error}");
    let first = Server::echo(Primus::builder());
    first.primus.listen_path(&path).unwrap();
    let soon = std::time::Duration::from_millis(20);
    let client = Client::builder(&url(&path)).reconnect_min(soon).connect().unwrap();
    first.primus.destroy(primus::Destroy::default().reconnect(true));
    let second = Server::echo(Primus::builder());
    second.primus.listen_path(&path).unwrap();
    wait_for("sparks", 1, || second.primus.connected());
    client.write("again").unwrap();
    assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("again"));
    client.end();
}
