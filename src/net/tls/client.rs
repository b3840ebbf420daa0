//! What a client speaks TLS with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, UnbufferedClientConnection, WantsClientCert};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::pem::{Pem, identity, roots};
use super::server::add_roots;
use crate::error::{Error, Result};

/// How a client speaks TLS with `https` and `wss` servers, for
/// [`ClientBuilder::tls`](crate::ClientBuilder::tls).
///
/// By default a server must have a certificate that Mozilla's list of authorities
/// vouches for. The list is built in (crate `webpki-roots`), as Node's is: the same
/// everywhere, with no file to be found, not in an empty container either, and no
/// library of the system; it is renewed by building anew. An authority of your own
/// takes its place with [`roots`](Self::roots), or comes beside it with
/// [`more_roots`](Self::more_roots).
///
/// ```no_run
/// use primus::{Client, ClientTls};
///
/// let tls = ClientTls::new().roots_file("ca.pem");
/// let client = Client::builder("https://localhost:8443").tls(tls).connect()?;
/// # Ok::<(), primus::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a client is given it by `ClientBuilder::tls`"]
pub struct ClientTls {
    ready: Option<Arc<ClientConfig>>,
    root: Option<PathBuf>,
    roots: Vec<Pem>,
    /// The built-in ones count as well.
    built_in: bool,
    identity: Option<(Pem, Pem)>,
    name: Option<String>,
    any: bool,
}

impl ClientTls {
    /// The defaults.
    pub fn new() -> Self {
        ClientTls::default()
    }

    /// A configuration of `rustls` 0.23, used as it is. Of the methods below,
    /// [`server_name`](Self::server_name) alone changes something then.
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        ClientTls { ready: Some(config), ..ClientTls::default() }
    }

    /// The folder that relative file names are in.
    pub fn root(mut self, folder: impl AsRef<Path>) -> Self {
        self.root = Some(folder.as_ref().into());
        self
    }

    /// Trusts the authorities in this PEM, and not those that are built in. May be
    /// called several times.
    pub fn roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(Pem::Bytes(pem.into()));
        self
    }

    /// The same from a file.
    pub fn roots_file(mut self, file: impl AsRef<Path>) -> Self {
        self.roots.push(Pem::File(file.as_ref().into()));
        self
    }

    /// Trusts the authorities in this PEM beside those that are built in.
    pub fn more_roots(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.built_in = true;
        self.roots(pem)
    }

    /// The client's own certificate and key, from PEM files, for servers that ask
    /// for one.
    pub fn identity_files(mut self, cert: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.identity = Some((Pem::File(cert.as_ref().into()), Pem::File(key.as_ref().into())));
        self
    }

    /// The same from PEM in memory.
    pub fn identity(mut self, cert: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((Pem::Bytes(cert.into()), Pem::Bytes(key.into())));
        self
    }

    /// The name that is asked for (SNI) and that the server's certificate must be
    /// for, in place of the URL's host.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Takes **any certificate of anybody**: expired, for another name, made by
    /// whoever sits in between, who then reads and changes all that is sent. For
    /// experiments only; to trust one server's own certificate, give it to
    /// [`roots`](Self::roots).
    pub fn dangerously_accept_any_certificate(mut self) -> Self {
        self.any = true;
        self
    }

    /// Reads what there is to be read, and checks it.
    pub(crate) fn secure(&self) -> Result<Secure> {
        let config = match &self.ready {
            Some(config) => config.clone(),
            None => Arc::new(self.config()?),
        };
        let name = self.name.as_deref().map(server_name).transpose()?;
        Ok(Secure { config, name })
    }

    fn config(&self) -> Result<ClientConfig> {
        let bad = |error: rustls::Error| Error::Option(format!("tls: {error}"));
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(bad)?;
        let builder: ConfigBuilder<ClientConfig, WantsClientCert> = if self.any {
            log::warn!("tls: any certificate of anybody is accepted");
            let verifier = Arc::new(Anybody(provider));
            builder.dangerous().with_custom_certificate_verifier(verifier)
        } else {
            builder.with_root_certificates(self.known()?)
        };
        let root = self.root.as_deref();
        let mut config = match &self.identity {
            Some((cert, key)) => {
                let identity = identity(cert, key, root)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn known(&self) -> Result<RootCertStore> {
        let mut known = RootCertStore::empty();
        if self.built_in || self.roots.is_empty() {
            known.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for pem in &self.roots {
            add_roots(&mut known, roots(pem, self.root.as_deref())?)?;
        }
        Ok(known)
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls")
            .field("roots", &self.roots)
            .field("identity", &self.identity)
            .field("server_name", &self.name)
            .finish_non_exhaustive()
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>> {
    // An address may name its network card.
    let plain = name.split('%').next().unwrap_or_default();
    let name = plain.strip_suffix('.').unwrap_or(plain);
    ServerName::try_from(name.to_owned())
        .map_err(|_| Error::Option(format!("tls: `{}` is no server name", name.escape_debug())))
}

/// A client's configuration, and whom it expects if not the host.
#[derive(Clone)]
pub(crate) struct Secure {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

impl Secure {
    /// For a protocol that is not HTTP.
    #[cfg(feature = "redis")]
    pub(crate) fn without_alpn(self) -> Self {
        let mut config = (*self.config).clone();
        config.alpn_protocols.clear();
        Secure { config: Arc::new(config), ..self }
    }

    /// A session with this host.
    pub(super) fn session(&self, host: &str) -> Result<UnbufferedClientConnection> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        UnbufferedClientConnection::new(self.config.clone(), name)
            .map_err(|error| Error::Option(format!("tls: {error}")))
    }
}

impl fmt::Debug for Secure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secure").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Takes everybody for the server. The handshake must be in order all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
