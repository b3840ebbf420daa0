//! The handshake of a client, in steps that never wait.

use std::io;
use std::sync::Arc;

use super::client::Secure;
use super::failure::TlsError;
use super::layer::Layer;
use crate::error::Result;
use crate::net::Stream;

/// A connection on which a client shakes hands.
pub(crate) struct Dialled {
    stream: Arc<Stream>,
    layer: Box<Layer>,
    place: String,
}

impl Dialled {
    /// Begins, on a connection to this host.
    pub fn new(stream: Arc<Stream>, secure: &Secure, host: &str, place: &str) -> Result<Self> {
        let layer = Box::new(Layer::new(secure.session(host)?));
        Ok(Dialled { stream, layer, place: place.to_owned() })
    }

    /// What it waits to read from, and whether to write as well.
    pub fn wants(&self) -> (&Arc<Stream>, bool) {
        (&self.stream, self.layer.owed() > 0)
    }

    /// Goes on; true when the stream has its layer.
    pub fn proceed(&mut self) -> io::Result<bool> {
        match self.layer.shake_hands(self.stream.socket()) {
            Err(error) => Err(self.failure(error)),
            over => over,
        }
    }

    /// The stream, with its layer.
    pub fn finish(self) -> Arc<Stream> {
        self.stream.set_layer(self.layer);
        self.stream
    }

    fn failure(&self, error: io::Error) -> io::Error {
        match TlsError::of(&error) {
            Some(failure) => failure.clone().at(&self.place).to_io(),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                TlsError::cut_early().at(&self.place).to_io()
            }
            None => crate::error::named(&self.place, &error),
        }
    }
}
