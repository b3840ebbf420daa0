//! The server, as one of its transformers sees it.

use std::sync::Arc;

use crate::compression::Compression;
use crate::http::server::{Owner, Refused, Request};
use crate::limits::Limits;
use crate::net::Stream;
use crate::server::inner::Inner;
use crate::server::session;
use crate::timer::Timer;
use crate::transformers::port::Which;
use crate::transformers::serve::{Backlog, Host, Opening};

/// A server and one of its transformers, whose sparks it makes.
pub(super) struct Mount {
    pub server: Arc<Inner>,
    pub which: Which,
}

impl Mount {
    pub fn new(server: &Arc<Inner>, which: Which) -> Self {
        Mount { server: server.clone(), which }
    }
}

impl Host for Mount {
    fn pathname(&self) -> &str {
        &self.server.options.pathname
    }

    fn refused(&self, status: u16) {
        self.server.metrics.refused(status);
    }

    fn max_length(&self) -> usize {
        self.server.options.max_length
    }

    fn limits(&self) -> &Limits {
        &self.server.limits
    }

    fn compression(&self) -> Option<&Compression> {
        Some(&self.server.options.compression).filter(|compression| compression.on)
    }

    fn owner(&self, request: &Request) -> Owner {
        self.server.owner(request)
    }

    fn is_closing(&self) -> bool {
        self.server.is_closing()
    }

    fn timer(&self) -> &Timer {
        &self.server.timer
    }

    fn send_later(&self, rest: Arc<dyn Backlog>, stream: Arc<Stream>) {
        self.server.flusher.take(rest, stream);
    }

    fn open(self: Arc<Self>, opening: Box<Opening>) -> Result<(), Refused> {
        session::open(&self.server, self.which, opening)
    }
}
