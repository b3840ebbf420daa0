//! Who is at the other end.

use std::fmt;

use rustls::pki_types::CertificateDer;

use super::certificate::{Certificate, names_of};

/// The certificate of a client, which the server has verified: by one of the
/// authorities that it asked for with [`Tls::client_roots`](crate::Tls::client_roots).
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate(Box<[u8]>);

impl PeerCertificate {
    pub(super) fn new(chain: &[CertificateDer<'_>]) -> Option<Self> {
        Some(PeerCertificate(chain.first()?.as_ref().into()))
    }

    /// The certificate itself (X.509, DER).
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// The common name of its subject, the `CN`.
    pub fn common_name(&self) -> Option<String> {
        Certificate::parse(&self.0)?.common_name()
    }

    /// What it is for: DNS names, mail addresses, URIs and IP addresses; without any
    /// of these, the common name.
    pub fn names(&self) -> Vec<String> {
        names_of(&self.0)
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PeerCertificate").field(&self.common_name().unwrap_or_default()).finish()
    }
}
