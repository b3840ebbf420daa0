//! The client's end of a connection: TCP or a Unix socket, with TLS on it if the
//! server's address says so.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, NamedGroup, RootCertStore};

/// How a server is reached that is not simply at its address.
#[derive(Clone, Debug)]
enum Way {
    Unix(SocketAddrUnix),
    Tls,
}

static WAYS: Mutex<BTreeMap<SocketAddr, Way>> = Mutex::new(BTreeMap::new());

/// What TLS is spoken with: each time from the beginning, or resuming.
static TLS: OnceLock<[Arc<ClientConfig>; 2]> = OnceLock::new();

/// Whether sessions are resumed.
static RESUMES: AtomicBool = AtomicBool::new(false);

fn go_by(host: SocketAddr, way: Option<Way>) {
    let mut ways = WAYS.lock().unwrap_or_else(PoisonError::into_inner);
    // An address may be another server's by now.
    ways.remove(&host);
    ways.extend(way.map(|way| (host, way)));
}

/// The address that stands for a Unix socket from now on.
pub fn unix(path: &str) -> io::Result<SocketAddr> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes())?,
        None => SocketAddrUnix::new(path)?,
    };
    // Nobody listens there.
    let host = SocketAddr::from(([127, 255, 255, 254], 80));
    go_by(host, Some(Way::Unix(address)));
    Ok(host)
}

/// Connections to this address speak TLS from now on, or do not.
pub fn secure(host: SocketAddr, on: bool) -> io::Result<()> {
    if on && TLS.get().is_none() {
        return Err(io::Error::other("https: name its authority by --ca"));
    }
    go_by(host, on.then_some(Way::Tls));
    Ok(())
}

/// Sessions are resumed from now on, or not.
pub fn resume(on: bool) {
    RESUMES.store(on, Relaxed);
}

/// Certificates from this file are trusted.
pub fn trust(path: &str) -> crate::Result<()> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| format!("{path}: {e}"))? {
        roots.add(certificate.map_err(|e| format!("{path}: {e}"))?)?;
    }
    let config = |resumption| -> crate::Result<Arc<ClientConfig>> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.resumption = resumption;
        Ok(Arc::new(config))
    };
    let resuming = Resumption::store(Arc::new(Tickets::default()));
    let configs = [config(Resumption::disabled())?, config(resuming)?];
    TLS.set(configs).map_err(|_| "--ca: once is enough".into())
}

/// All tickets that came: the store of rustls keeps eight.
#[derive(Default)]
struct Tickets {
    tls13: Mutex<Vec<Tls13ClientSessionValue>>,
    tls12: Mutex<Option<Tls12ClientSessionValue>>,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        *self.tls12.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.tls12.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        *self.tls12.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.tls13.lock().unwrap_or_else(PoisonError::into_inner).push(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.tls13.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// A connection.
#[derive(Debug)]
pub struct Socket {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Socket {
    /// Connects to the server. A handshake of TLS happens with the first use.
    pub fn dial(host: SocketAddr, patience: Duration) -> io::Result<Socket> {
        let way = WAYS.lock().unwrap_or_else(PoisonError::into_inner).get(&host).cloned();
        if let Some(Way::Unix(path)) = &way {
            let socket = rustix::net::socket_with(
                AddressFamily::UNIX,
                SocketType::STREAM,
                SocketFlags::CLOEXEC,
                None,
            )?;
            rustix::net::connect(&socket, path)?;
            // The generator asks nothing of it that only TCP has.
            return Ok(Socket { tcp: TcpStream::from(socket), tls: None });
        }
        let tcp = TcpStream::connect_timeout(&host, patience)?;
        tcp.set_nodelay(true)?;
        let tls = match (way, TLS.get()) {
            (Some(Way::Tls), Some([full, resuming])) => {
                let config = if RESUMES.load(Relaxed) { resuming } else { full };
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                let tls = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
                Some(Box::new(tls))
            }
            _ => None,
        };
        Ok(Socket { tcp, tls })
    }

    /// The bare socket of a connection without TLS.
    pub fn into_tcp(self) -> io::Result<TcpStream> {
        match self.tls {
            None => Ok(self.tcp),
            Some(_) => Err(io::Error::other("this mode knows no TLS")),
        }
    }

    /// As that of TCP.
    pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.tcp.set_nonblocking(on)
    }

    /// As that of TCP.
    pub fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.tcp.set_read_timeout(time)
    }

    /// Whether its session was resumed.
    pub fn is_resumed(&self) -> bool {
        let kind = self.tls.as_ref().and_then(|tls| tls.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    /// Whether something waits that the kernel has not taken.
    pub fn owes(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }
}

/// Sends the records that wait, as far as the kernel takes them.
fn push(tls: &mut ClientConnection, tcp: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(tcp) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            other => other?,
        };
    }
    Ok(())
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.tcp.read(buffer) };
        let mut filled = 0;
        // To the end of what is there: an epoll knows nothing of it.
        while filled < buffer.len() {
            match tls.reader().read(&mut buffer[filled..]) {
                // Without close_notify it is an end too.
                Ok(0) => break,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                Ok(count) => filled += count,
                Err(_) if filled > 0 => break,
                Err(_) => {
                    // The handshake has something to say before it can hear more.
                    push(tls, &mut self.tcp)?;
                    tls.read_tls(&mut self.tcp)?;
                    tls.process_new_packets().map_err(io::Error::other)?;
                    push(tls, &mut self.tcp)?;
                }
            }
        }
        Ok(filled)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.tcp.write(bytes) };
        let taken = tls.writer().write(bytes)?;
        push(tls, &mut self.tcp)?;
        if taken == 0 && !bytes.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => push(tls, &mut self.tcp),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}
