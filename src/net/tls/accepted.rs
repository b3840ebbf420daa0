//! The handshake of a server, by a thread for that.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;

use super::layer::Layer;
use crate::net::Stream;
use crate::net::wait::{PollFlags, wait_until};

/// How a handshake ended.
#[derive(Debug)]
pub(crate) enum Shaken {
    /// The stream has its layer.
    Secured,
    /// The peer speaks HTTP without TLS.
    PlainHttp,
    /// It failed; the peer was told, if there is a way to tell.
    Failed(io::Error),
}

/// Shakes hands with a client until the deadline.
#[inline(never)] // what it takes of the stack is free again
pub(crate) fn accept(stream: &Stream, config: Arc<ServerConfig>, deadline: Instant) -> Shaken {
    match first(stream, deadline) {
        Ok(First::PlainHttp) => Shaken::PlainHttp,
        Ok(First::Tls(mut bytes)) => match shake_hands(stream, config, &mut bytes, deadline) {
            Ok(layer) => {
                stream.set_layer(layer);
                Shaken::Secured
            }
            Err(error) => Shaken::Failed(error),
        },
        Err(error) => Shaken::Failed(error),
    }
}

/// How a client begins.
enum First {
    PlainHttp,
    Tls(Vec<u8>),
}

/// The first bytes say what it speaks: a record of a handshake begins with 22, a
/// method with a letter.
fn first(stream: &Stream, deadline: Instant) -> io::Result<First> {
    let mut bytes = vec![0; 1 << 10];
    let read = crate::net::wait::read_until(stream, &mut bytes, deadline, true)?;
    bytes.truncate(read);
    match bytes.first() {
        None => Err(io::ErrorKind::UnexpectedEof.into()),
        Some(letter) if letter.is_ascii_alphabetic() => Ok(First::PlainHttp),
        Some(_) => Ok(First::Tls(bytes)),
    }
}

fn shake_hands(
    stream: &Stream,
    config: Arc<ServerConfig>,
    first: &mut [u8],
    deadline: Instant,
) -> io::Result<Box<Layer>> {
    let session = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
    let mut layer = Box::new(Layer::new(session));
    layer.feed(stream.socket(), first)?;
    while !layer.shake_hands(stream.socket())? {
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, layer.owed() > 0);
        wait_until(stream, flags, deadline)?;
    }
    Ok(layer)
}
