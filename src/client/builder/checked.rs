//! What becomes of the options when a client is built.

use std::sync::Arc;
use std::time::Instant;

use super::ClientBuilder;
use crate::client::machine::Strategy;
use crate::client::options::{Given, Options};
use crate::client::outgoing::OutgoingUrl;
use crate::client::url::{Address, check_header, check_path};
use crate::error::{Error, Result};
use crate::http::client::Target;
use crate::net::Waker;
use crate::net::tls::Secure;
use crate::transformers::chosen::Chosen;

impl ClientBuilder {
    /// Where the spec document is.
    pub(crate) fn spec_target(&self, until: Option<Instant>, waker: Arc<Waker>) -> Result<Target> {
        let options = self.clone().checked()?;
        let mut url = OutgoingUrl::first(&options, String::new());
        url.pathname.push_str("/spec");
        url.query = options.address.query.clone();
        url.target(&options, until, waker)
    }

    /// How `https` is spoken.
    #[cfg(feature = "tls")]
    fn secure(&self) -> Result<Secure> {
        self.given.tls.secure()
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unused_self)]
    fn secure(&self) -> Result<Secure> {
        let text = "https and wss need TLS: the feature `tls` of the crate `primus`";
        Err(Error::Option(text.into()))
    }

    pub(super) fn checked(mut self) -> Result<Options> {
        if let Some(fault) = self.fault {
            return Err(Error::Option(fault));
        }
        let mut address = Address::parse(&self.url)?;
        address.query.append(&mut self.query);
        let secure = if address.secure { Some(self.secure()?) } else { None };
        for (name, value) in &self.given.headers {
            check_header(name, value)?;
        }
        self.given.compression.check()?;
        self.given.plugins.check()?;
        if self.given.max_length == 0 {
            let text = "max_length 0 lets no message in; `usize::MAX` is no bound";
            return Err(Error::Option(text.into()));
        }
        let slash = if self.given.pathname.starts_with('/') { "" } else { "/" };
        let mut pathname = format!("{slash}{}", self.given.pathname);
        if address.unix.is_some() && !address.path.is_empty() {
            pathname.clone_from(&address.path);
        }
        check_path(&pathname)?;
        if !address.path.is_empty() && address.path != pathname {
            let path = address.path.escape_debug();
            log::warn!("the URL's path `{path}` is not used, but the pathname `{pathname}`");
        }
        let chosen = Chosen::of(&self.transformers)?;
        let (chosen, parser) = chosen.speaking(self.given.parser)?;
        self.given.parser = parser;
        Ok(Options {
            address,
            transport: chosen.client(&self.transport)?,
            secure,
            strategy: parse_strategy(&self.strategy)?,
            given: Given { pathname, ..self.given },
        })
    }
}

fn parse_strategy(names: &str) -> Result<Strategy> {
    let mut strategy = Strategy { disconnect: false, online: false, timeout: false };
    let split = names.split(|c: char| c == ',' || c.is_whitespace());
    for name in split.filter(|name| !name.is_empty()) {
        match name.to_ascii_lowercase().as_str() {
            "disconnect" => strategy.disconnect = true,
            "online" => strategy.online = true,
            "timeout" => strategy.timeout = true,
            "false" | "off" | "none" => {}
            _ => {
                let text = format!(
                    "strategy: unknown name `{name}`; known names: disconnect, online, timeout"
                );
                return Err(Error::Option(text));
            }
        }
    }
    Ok(strategy)
}
