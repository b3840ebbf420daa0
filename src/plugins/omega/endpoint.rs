//! The end point: a layer that takes messages for the sparks of this server.

use std::sync::Arc;

use tiny_http::{Header, Response, ResponseBox};

use super::here::write_here;
use super::wire::{self, Packet};
use crate::error::Error;
use crate::middleware::{Exchange, Flow, HttpError};
use crate::plugins::secret::is_same;
use crate::server::WeakPrimus;

/// The name of the layer.
pub(super) const LAYER: &str = "omega-supreme";

/// Reads the body of a request.
pub(super) type Reader = dyn Fn(&mut Exchange<'_>) -> Result<Vec<u8>, HttpError> + Send + Sync;

/// What the layer knows.
pub(super) struct Endpoint {
    pub primus: WeakPrimus,
    pub route: Route,
    pub method: String,
    /// The value of the header that lets somebody in.
    pub authorization: String,
    pub reader: Arc<Reader>,
    /// Most values in a body.
    pub values: usize,
}

/// The pieces of a path, which any number of slashes may join.
#[derive(Debug)]
pub(super) struct Route(Vec<String>);

impl Route {
    pub fn new(path: &str) -> Self {
        Route(pieces(path).map(str::to_owned).collect())
    }

    /// Whether the route leads nowhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the target of a request: without a query, and without a slash at
    /// its end.
    fn is(&self, target: &str) -> bool {
        target.starts_with('/') && !target.ends_with('/') && pieces(target).eq(&self.0)
    }
}

fn pieces(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|piece| !piece.is_empty())
}

impl Endpoint {
    /// Answers what is for the end point, and lets everything else pass.
    ///
    /// # Errors
    /// The body could not be read.
    pub fn layer(&self, exchange: &mut Exchange<'_>) -> Result<Flow, HttpError> {
        let request = exchange.request();
        let (is_ours, given) = (self.route.is(request.url()), request.header("authorization"));
        let is_ours = is_ours && request.method().as_str() == self.method;
        let Some(given) = given.filter(|given| is_ours && !given.is_empty()) else {
            return Ok(Flow::Next);
        };
        if !is_same(&self.authorization, given) {
            return Ok(json(401, wire::STRANGER.to_owned()));
        }
        let body = (self.reader)(exchange)?;
        Ok(match wire::decode(&body, self.values) {
            Some(packet) => self.write(packet),
            None => json(500, wire::failed(wire::INVALID)),
        })
    }

    fn write(&self, Packet { message, to }: Packet) -> Flow {
        let Some(primus) = self.primus.upgrade() else {
            return json(503, wire::failed(&Error::Closed.to_string()));
        };
        match write_here(&primus, &message, to) {
            Ok((count, _)) => json(200, wire::sent(count)),
            Err(error) => {
                let is_busy = matches!(error, Error::Full { .. } | Error::Closed);
                json(if is_busy { 503 } else { 500 }, wire::failed(&error.to_string()))
            }
        }
    }
}

fn json(status: u16, body: String) -> Flow {
    let response = Response::from_data(body).with_status_code(status);
    Flow::Respond(match Header::from_bytes("Content-Type", "application/json") {
        Ok(header) => ResponseBox::from(response.with_header(header).boxed()),
        Err(()) => response.boxed(),
    })
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn a_route_is_its_pieces_and_nothing_more() {
        for path in ["/primus/omega/supreme", "/primus//omega/supreme/", "primus/omega/supreme"] {
            let route = Route::new(path);
            for target in
                ["/primus/omega/supreme", "/primus//omega///supreme", "//primus/omega/supreme"]
            {
                assert!(route.is(target), "{path} {target}");
            }
            for target in [
                "",
                "/",
                "/primus",
                "/primus/omega",
                "/primus/omega/supreme/",
                "/primus/omega/supreme?",
                "/primus/omega/supreme?a=1",
                "/primus/omega/supremes",
                "/primus/omega/suprem",
                "/primus/omega/supreme/x",
                "/primus/Omega/supreme",
                "/primus/omega%2fsupreme",
                "primus/omega/supreme",
                "http://h/primus/omega/supreme",
                "*",
            ] {
                assert!(!route.is(target), "{path} {target}");
            }
        }
        assert!(Route::new("/").is_empty() && Route::new("").is_empty());
    }
}
