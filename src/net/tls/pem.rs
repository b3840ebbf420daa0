//! Certificates and keys from PEM, and what may be wrong with them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;
use crate::error::{Error, Result};

/// Where PEM comes from.
#[derive(Clone)]
pub(super) enum Pem {
    File(PathBuf),
    Bytes(Vec<u8>),
}

/// PEM that was read, and what errors call it.
struct Read {
    name: String,
    bytes: Vec<u8>,
}

impl Pem {
    fn read(&self, root: Option<&Path>, what: &str) -> Result<Read> {
        match self {
            Pem::Bytes(bytes) => Ok(Read { name: format!("the {what}"), bytes: bytes.clone() }),
            Pem::File(path) => {
                // An absolute path stays what it is.
                let path = root.map_or_else(|| path.clone(), |root| root.join(path));
                let name = format!("{what} `{}`", path.display());
                match std::fs::read(&path) {
                    Ok(bytes) => Ok(Read { name, bytes }),
                    Err(error) => Err(Error::Option(format!("tls: {name}: {error}"))),
                }
            }
        }
    }
}

/// Never the bytes, which may be a key.
impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pem::File(path) => path.fmt(f),
            Pem::Bytes(_) => f.write_str("PEM"),
        }
    }
}

impl Read {
    fn bad(&self, why: impl fmt::Display) -> Error {
        Error::Option(format!("tls: {}: {why}", self.name))
    }

    /// PKCS#12, and DER, begin with a sequence; PEM with text.
    fn check_text(&self) -> Result<()> {
        if self.bytes.first() != Some(&0x30) {
            return Ok(());
        }
        Err(self.bad(
            "this is no PEM. From PKCS#12 (.pfx, .p12): `openssl pkcs12 -in FILE -nodes -out \
             both.pem` (it asks for the passphrase), and give both.pem as certificate and as key; \
             from DER: `openssl x509 -inform der -in FILE -out cert.pem`",
        ))
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>> {
        self.check_text()?;
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        let all = all.map_err(|error| self.bad(format!("bad PEM: {error:?}")))?;
        if all.is_empty() {
            return Err(self.bad("there is no certificate in it (`BEGIN CERTIFICATE`)"));
        }
        Ok(all)
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>> {
        self.check_text()?;
        let text = String::from_utf8_lossy(&self.bytes);
        if text.contains("ENCRYPTED") {
            return Err(self.bad(
                "it has a passphrase, which is not asked for: take it away with `openssl pkey \
                 -in FILE -out key.pem`",
            ));
        }
        PrivateKeyDer::from_pem_slice(&self.bytes)
            .map_err(|_| self.bad("there is no private key in it (`BEGIN PRIVATE KEY`)"))
    }
}

/// The certificates of authorities.
pub(super) fn roots(pem: &Pem, root: Option<&Path>) -> Result<Vec<CertificateDer<'static>>> {
    pem.read(root, "roots")?.certificates()
}

/// A certificate, with those that lead to its authority, and its key.
pub(super) fn identity(cert: &Pem, key: &Pem, root: Option<&Path>) -> Result<CertifiedKey> {
    let (cert, key) = (cert.read(root, "certificate")?, key.read(root, "key")?);
    let chain = cert.certificates()?;
    check(&cert, &chain)?;
    let signs = any_supported_type(&key.key()?).map_err(|_| {
        key.bad("this kind of key is not supported: RSA, ECDSA P-256 or P-384, or Ed25519")
    })?;
    let identity = CertifiedKey::new(chain, signs);
    match identity.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(identity)
        }
        Err(_) => Err(key.bad(format!(
            "it is not the key of the {} (of the first one there, if there are several)",
            cert.name
        ))),
    }
}

/// What peers would refuse.
fn check(read: &Read, chain: &[CertificateDer<'_>]) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut issuer = None;
    for (at, der) in chain.iter().enumerate() {
        let number = if at == 0 { String::new() } else { format!("number {}: ", at + 1) };
        let bad = |why: &str| Err(read.bad(format!("{number}{why}")));
        let Some(found) = Certificate::parse(der) else {
            return bad("this is no certificate (X.509)");
        };
        if found.version < 3 {
            return bad("X.509 version 1 is not accepted by clients: sign it with extensions \
                        (`openssl x509 -req -extfile`)");
        }
        if i64::try_from(now).is_ok_and(|now| found.not_after < now) {
            return bad("the certificate has expired");
        }
        if issuer.is_some_and(|issuer| issuer != found.subject) {
            return bad("it did not issue the one before it: a chain begins with the server's \
                        own, and each is followed by the one that issued it");
        }
        if at == 0 && found.is_ca {
            log::warn!(
                "tls: {}: it is marked as an authority (CA:TRUE), and some clients refuse it: \
                 make it with `-addext basicConstraints=critical,CA:FALSE`",
                read.name
            );
        }
        issuer = Some(found.issuer);
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn certificate() -> Vec<u8> {
        let pem = include_bytes!("../../../tests/tls/certificates/server.pem");
        CertificateDer::from_pem_slice(pem).unwrap().to_vec()
    }

    #[test]
    fn a_certificate_tells_its_names() {
        let der = certificate();
        let found = Certificate::parse(&der).unwrap();
        assert_eq!((found.version, found.is_ca), (3, false));
        assert_eq!(found.common_name().as_deref(), Some("localhost"));
        assert_eq!(found.names, ["localhost", "127.0.0.1", "::1"]);
    }
}
