//! Listeners that fail, hang, or call back.

use primus::Primus;

use crate::client::*;
use crate::common::everything::everything_within;
use crate::common::*;

#[test]
fn every_call_is_allowed_in_every_listener() {
    for place in ["connection", "data", "end", "error", "drain", "state", "disconnection"] {
        for destroys in [false, true] {
            let server = Server::start(engine(Primus::builder().origins(["*"])));
            let result = everything_within(&server.primus, place, destroys);
            let (mut poll, mut peer) = (server.connect(), server.connect());
            poll.send(get("EIO=4&transport=polling").as_bytes());
            // Destroyed by its first listener the server may not even answer.
            if place != "connection" {
                let opened = poll.read_response();
                let query = format!("EIO=4&transport=polling&sid={}", sid_of(&opened.body));
                if place == "drain" {
                    wait_until("something waits", || server.spark().buffered() > 0);
                }
                poll.send(get(&query).as_bytes());
                if place != "drain" {
                    let all = ["4not json", "4\"x\"", "1"].join("\x1e");
                    peer.send(&post(&query, "", all.as_bytes()));
                }
            }
            let came = result.recv_timeout(PATIENCE);
            assert!(came.is_ok(), "hangs in {place}, destroys: {destroys}");
        }
    }
}
