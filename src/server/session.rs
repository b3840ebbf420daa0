//! Sparks that are carried by a session of their protocol instead of a socket.
//!
//! A session whose client polls has a thread of its own, as a connection has;
//! on it the spark lives. The threads of the HTTP connections only bring what
//! the client sends and take what it asks for.

use std::sync::Arc;

use crate::http::server::{Refused, Use};
use crate::server::admit::{self, Admitted};
use crate::server::inner::Inner as Server;
use crate::server::{life, thread};
use crate::transformers::port::Which;
use crate::transformers::serve::Opening;

/// Makes the spark of a session and starts its life.
pub(super) fn open(
    server: &Arc<Server>,
    which: Which,
    opening: Box<Opening>,
) -> Result<(), Refused> {
    let owner = server.owner(&opening.request);
    let place = server.connections.enter(None, Some(owner), Use::Session)?;
    let Admitted { spark, source, known } = admit::admit(server, which, opening, Some(place.id()));
    if !known {
        admit::abandon(&spark);
        return Err(Refused::Closed);
    }
    let (host, lived) = (server.clone(), spark.clone());
    let spawned = server.connections.occupy(place, move || {
        thread::serve(&host);
        life::carry(&lived, source);
    });
    if spawned.is_err() {
        server.metrics.disconnected(spark.transformer());
        admit::abandon(&spark);
    }
    spawned
}
