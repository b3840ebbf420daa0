//! What a server speaks TLS with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;

use super::pem::{Pem, identity, roots};
use crate::error::{Error, Result};

/// The certificates of a server that speaks TLS (`https`, `wss`), for
/// [`Builder::tls`](crate::Builder::tls) and
/// [`Primus::set_tls`](crate::Primus::set_tls): TLS 1.2 and 1.3 with HTTP/1.1, and
/// clients that come back resume their session.
///
/// Files are read when the server is built, and again by every `set_tls`; what is
/// wrong with them is an error then.
///
/// ```no_run
/// use primus::{Primus, Tls};
///
/// let tls = Tls::from_pem_files("fullchain.pem", "privkey.pem").root("/etc/tls");
/// let primus = Primus::builder().tls(tls).build()?;
/// primus.listen("0.0.0.0:443")?;
/// # Ok::<(), primus::Error>(())
/// ```
///
/// # In place of the options of `Primus.createServer`
/// | there | here |
/// |---|---|
/// | `cert`, `key` | [`from_pem_files`](Self::from_pem_files), [`from_pem`](Self::from_pem) |
/// | `root` | [`root`](Self::root); absolute names stay what they are |
/// | `ca`, `requestCert`, `rejectUnauthorized` | [`client_roots`](Self::client_roots), [`client_roots_file`](Self::client_roots_file), [`optional_client`](Self::optional_client) |
/// | `pfx`, `passphrase` | convert them: the error says how |
#[derive(Clone)]
#[must_use = "a server is given it by `Builder::tls`"]
pub struct Tls {
    source: Source,
}

#[derive(Clone)]
enum Source {
    Ready(Arc<ServerConfig>),
    Pem(Box<Given>),
}

#[derive(Clone)]
struct Given {
    identity: (Pem, Pem),
    /// For these names others.
    others: Vec<(String, Pem, Pem)>,
    root: Option<PathBuf>,
    client_roots: Vec<Pem>,
    optional: bool,
}

impl Tls {
    fn new(cert: Pem, key: Pem) -> Self {
        let given = Given {
            identity: (cert, key),
            others: Vec::new(),
            root: None,
            client_roots: Vec::new(),
            optional: false,
        };
        Tls { source: Source::Pem(Box::new(given)) }
    }

    /// A certificate (with those that lead from it to its authority behind it) and
    /// its key, from PEM files.
    pub fn from_pem_files(cert: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        Self::new(Pem::File(cert.as_ref().into()), Pem::File(key.as_ref().into()))
    }

    /// The same from PEM in memory.
    pub fn from_pem(cert: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self::new(Pem::Bytes(cert.into()), Pem::Bytes(key.into()))
    }

    /// A configuration of `rustls` 0.23, used as it is. It should agree on
    /// `http/1.1` by ALPN. The methods below change nothing of it.
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Tls { source: Source::Ready(config) }
    }

    fn given(mut self, change: impl FnOnce(&mut Given)) -> Self {
        match &mut self.source {
            Source::Pem(given) => change(given),
            Source::Ready(_) => log::warn!("tls: a ready configuration is used as it is"),
        }
        self
    }

    /// The folder that relative file names are in.
    pub fn root(self, folder: impl AsRef<Path>) -> Self {
        self.given(|given| given.root = Some(folder.as_ref().into()))
    }

    /// Another certificate for clients that ask for this server name (SNI), which
    /// may be `*.example.com`: for one label in place of the star.
    pub fn for_name_files(self, name: &str, cert: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        let (cert, key) = (Pem::File(cert.as_ref().into()), Pem::File(key.as_ref().into()));
        self.given(|given| given.others.push((name.to_ascii_lowercase(), cert, key)))
    }

    /// The same from PEM in memory.
    pub fn for_name(self, name: &str, cert: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let (cert, key) = (Pem::Bytes(cert.into()), Pem::Bytes(key.into()));
        self.given(|given| given.others.push((name.to_ascii_lowercase(), cert, key)))
    }

    /// Demands of clients a certificate that one of the authorities in this PEM has
    /// issued. Who has none is refused in the handshake. What they show is
    /// [`Request::certificate`](crate::Request::certificate) and
    /// [`Spark::certificate`](crate::Spark::certificate).
    pub fn client_roots(self, pem: impl Into<Vec<u8>>) -> Self {
        let pem = Pem::Bytes(pem.into());
        self.given(|given| given.client_roots.push(pem))
    }

    /// The same from a file.
    pub fn client_roots_file(self, file: impl AsRef<Path>) -> Self {
        let pem = Pem::File(file.as_ref().into());
        self.given(|given| given.client_roots.push(pem))
    }

    /// Clients may also have no certificate. One that they show must be in order.
    pub fn optional_client(self) -> Self {
        self.given(|given| given.optional = true)
    }

    /// Reads what there is to be read, and checks it.
    pub(crate) fn config(&self) -> Result<Arc<ServerConfig>> {
        match &self.source {
            Source::Ready(config) => Ok(config.clone()),
            Source::Pem(given) => given.config().map(Arc::new),
        }
    }
}

impl Given {
    fn config(&self) -> Result<ServerConfig> {
        let bad = |error: &dyn fmt::Display| Error::Option(format!("tls: {error}"));
        let (cert, key) = &self.identity;
        let root = self.root.as_deref();
        let mut certificates =
            Certificates { first: Arc::new(identity(cert, key, root)?), others: Vec::new() };
        for (name, cert, key) in &self.others {
            let identity = Arc::new(identity(cert, key, root)?);
            certificates.others.push((name.clone(), identity));
        }
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| bad(&error))?;
        let builder = if self.client_roots.is_empty() {
            builder.with_no_client_auth()
        } else {
            let mut known = RootCertStore::empty();
            for pem in &self.client_roots {
                add_roots(&mut known, roots(pem, root)?)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(known), provider);
            let verifier = if self.optional { verifier.allow_unauthenticated() } else { verifier };
            let verifier = verifier.build().map_err(|error| bad(&error))?;
            builder.with_client_cert_verifier(verifier)
        };
        let mut config = builder.with_cert_resolver(Arc::new(certificates));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // What a client needs to come back is with the client.
        config.ticketer = ring::Ticketer::new().map_err(|error| bad(&error))?;
        Ok(config)
    }
}

/// Adds authorities, all of which must be usable.
pub(super) fn add_roots(
    known: &mut RootCertStore,
    roots: Vec<CertificateDer<'static>>,
) -> Result<()> {
    for root in roots {
        let added = known.add(root);
        added.map_err(|error| Error::Option(format!("tls: a root is not usable: {error}")))?;
    }
    Ok(())
}

/// Which certificate a client is shown.
#[derive(Debug)]
struct Certificates {
    first: Arc<CertifiedKey>,
    others: Vec<(String, Arc<CertifiedKey>)>,
}

impl Certificates {
    fn of(&self, name: &str) -> &Arc<CertifiedKey> {
        let is = |pattern: &str| match pattern.strip_prefix('*') {
            Some(rest) => name.find('.').and_then(|at| name.get(at..)) == Some(rest),
            None => pattern == name,
        };
        // A name itself comes before those that are meant by a star.
        let mut found = self.others.iter().filter(|(pattern, _)| is(pattern));
        let exact = self.others.iter().find(|(pattern, _)| pattern == name);
        exact.or_else(|| found.next()).map_or(&self.first, |(_, identity)| identity)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // It is in lower case.
        Some(hello.server_name().map_or(&self.first, |name| self.of(name)).clone())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Ready(_) => f.write_str("Tls(a ready configuration)"),
            Source::Pem(given) => f.debug_tuple("Tls").field(&given.identity).finish(),
        }
    }
}
