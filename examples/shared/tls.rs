//! `https` in the tools, where this build has it.

use primus::BoxError;

/// The certificate that a server is given by its arguments.
#[derive(Default)]
#[allow(dead_code, reason = "clients need none of it")]
pub struct Files {
    pub cert: Option<String>,
    pub key: Option<String>,
    /// The authorities whose clients are let in.
    pub ca: Option<String>,
}

/// A server with that certificate, and the scheme of its address.
#[cfg(feature = "tls")]
#[allow(dead_code, reason = "clients need none of it")]
pub fn server(
    builder: primus::Builder,
    files: Files,
) -> Result<(primus::Builder, &'static str), BoxError> {
    let Files { cert, key, ca } = files;
    let mut tls = match (cert, key) {
        (Some(cert), Some(key)) => primus::Tls::from_pem_files(cert, key),
        (None, None) if ca.is_none() => return Ok((builder, "http")),
        _ => return Err("--tls-cert and --tls-key go together".into()),
    };
    if let Some(ca) = ca {
        tls = tls.client_roots_file(ca);
    }
    Ok((builder.tls(tls), "https"))
}

#[cfg(not(feature = "tls"))]
#[allow(dead_code, reason = "clients need none of it")]
pub fn server(
    builder: primus::Builder,
    files: Files,
) -> Result<(primus::Builder, &'static str), BoxError> {
    let Files { cert, key, ca } = files;
    if cert.or(key).or(ca).is_some() {
        return Err("--tls-…: build with `--features tls`".into());
    }
    Ok((builder, "http"))
}

/// A client that trusts the authorities in this file.
#[cfg(feature = "tls")]
#[allow(dead_code, reason = "servers need none of it")]
pub fn client(builder: primus::ClientBuilder, ca: &str) -> Result<primus::ClientBuilder, BoxError> {
    Ok(builder.tls(primus::ClientTls::new().roots_file(ca)))
}

#[cfg(not(feature = "tls"))]
#[allow(dead_code, reason = "servers need none of it")]
pub fn client(_: primus::ClientBuilder, _: &str) -> Result<primus::ClientBuilder, BoxError> {
    Err("build with `--features tls`".into())
}
