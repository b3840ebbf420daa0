//! What goes wrong with TLS, said so that it can be mended.

use std::{fmt, io};

use rustls::{AlertDescription, CertificateError};

use crate::error::Error;

/// What is wrong with a TLS connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsProblem {
    /// The peer's certificate has expired.
    Expired,
    /// It is not valid yet; perhaps the clock is wrong.
    NotYetValid,
    /// It was not issued by an authority that is trusted.
    Untrusted,
    /// It is for other names.
    Mismatch,
    /// It is not acceptable for another reason, which the text says.
    Certificate,
    /// The peer has refused us, our certificate perhaps.
    Refused,
    /// The peer does not speak TLS.
    NotTls,
    /// The connection was cut without the goodbye of TLS: the end may be missing.
    Cut,
    /// The peer broke the protocol, or has nothing in common with us.
    Protocol,
}

/// An error of TLS, the cause of an [`Error::Io`]; see [`Error::tls`].
#[derive(Clone, Debug)]
pub struct TlsError {
    problem: TlsProblem,
    text: String,
}

impl TlsError {
    /// What is wrong.
    pub fn problem(&self) -> TlsProblem {
        self.problem
    }

    pub(super) fn new(error: &rustls::Error) -> Self {
        let (problem, text) = match error {
            rustls::Error::InvalidCertificate(error) => certificate(error),
            rustls::Error::AlertReceived(alert) => refused(*alert),
            rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
                (TlsProblem::NotTls, "the peer does not speak TLS".to_owned())
            }
            error => (TlsProblem::Protocol, format!("TLS: {error}")),
        };
        TlsError { problem, text }
    }

    pub(super) fn other(error: impl fmt::Display) -> Self {
        TlsError { problem: TlsProblem::Protocol, text: format!("TLS: {error}") }
    }

    pub(super) fn cut() -> Self {
        let text = "the peer has cut the connection without ending TLS (close_notify)";
        TlsError { problem: TlsProblem::Cut, text: text.into() }
    }

    pub(super) fn cut_early() -> Self {
        let text =
            "the peer has cut the connection in the TLS handshake (does it speak TLS there?)";
        TlsError { problem: TlsProblem::Cut, text: text.into() }
    }

    /// With where it happened.
    pub(super) fn at(self, place: &str) -> Self {
        TlsError { text: format!("{place}: {}", self.text), ..self }
    }

    pub(super) fn to_io(&self) -> io::Error {
        let kind = match self.problem {
            TlsProblem::Cut => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self.clone())
    }

    /// The one in an error of input and output.
    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TlsError {}

impl Error {
    /// What is wrong with TLS, if that is what it tells.
    ///
    /// ```no_run
    /// use primus::{Client, TlsProblem};
    ///
    /// if let Err(error) = Client::connect("https://expired.example") {
    ///     let expired = error.tls().is_some_and(|tls| tls.problem() == TlsProblem::Expired);
    ///     println!("{error}{}", if expired { " (renew it)" } else { "" });
    /// }
    /// ```
    pub fn tls(&self) -> Option<&TlsError> {
        match self {
            Error::Io(error) => TlsError::of(error),
            _ => None,
        }
    }
}

/// What is wrong with the peer's certificate.
fn certificate(error: &CertificateError) -> (TlsProblem, String) {
    let (problem, text) = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (TlsProblem::Expired, "has expired".to_owned())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (TlsProblem::NotYetValid, "is not valid yet (is the clock right?)".to_owned())
        }
        CertificateError::UnknownIssuer => {
            let text = "was not issued by an authority that is trusted (`ClientTls::roots` adds one, on a server `Tls::client_roots`)";
            (TlsProblem::Untrusted, text.to_owned())
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = if presented.is_empty() { "no name".into() } else { presented.join(", ") };
            (TlsProblem::Mismatch, format!("is for {names}, not for {}", expected.to_str()))
        }
        CertificateError::NotValidForName => {
            (TlsProblem::Mismatch, "is for other names".to_owned())
        }
        other => (TlsProblem::Certificate, unacceptable(other)),
    };
    (problem, format!("the peer's certificate {text}"))
}

/// The usual slips have a text that says what to change.
fn unacceptable(error: &CertificateError) -> String {
    let text = format!("{error:?}");
    if text.contains("CaUsedAsEndEntity") {
        return "is marked as an authority (CA:TRUE), as `openssl req -x509` makes them: make \
                it with `-addext basicConstraints=critical,CA:FALSE`"
            .into();
    }
    if text.contains("UnsupportedCertVersion") {
        return "is X.509 version 1: make it with extensions (`openssl x509 -req -extfile`)".into();
    }
    format!("is not acceptable: {error}")
}

/// What an alert means.
fn refused(alert: AlertDescription) -> (TlsProblem, String) {
    use AlertDescription as Alert;
    let meaning = match alert {
        Alert::CertificateRequired => "it demands a certificate",
        Alert::UnknownCA => "it does not trust the issuer of our certificate",
        Alert::BadCertificate
        | Alert::CertificateUnknown
        | Alert::UnsupportedCertificate
        | Alert::AccessDenied
        | Alert::DecryptError => "it does not accept our certificate",
        Alert::CertificateExpired => "our certificate has expired",
        Alert::UnrecognisedName => "it does not serve this name",
        Alert::ProtocolVersion => "no version of TLS in common",
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "nothing in common, or it demands a certificate"
        }
        Alert::NoApplicationProtocol => "it does not speak HTTP/1.1",
        _ => "alert",
    };
    (TlsProblem::Refused, format!("the peer has refused TLS: {meaning} ({alert:?})"))
}
