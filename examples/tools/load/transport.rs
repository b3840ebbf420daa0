//! How clients talk to the server.

use crate::Result;

/// How clients talk to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// The transformer `websockets`.
    #[default]
    Websockets,
    /// engine.io on a websocket from the start.
    Websocket,
    /// engine.io on a websocket that took over from polling.
    Upgrade,
    /// engine.io by polling.
    Polling,
    /// sockjs on a websocket.
    SockWebsocket,
    /// sockjs with an answer that goes on.
    Streaming,
    /// sockjs by polling.
    SockPolling,
    /// Of a server with all transformers: each connection another of [`MIX`].
    Mixed,
    /// socket.io on a websocket.
    SocketIo,
    /// browserchannel, with an answer that goes on.
    Channel,
}

/// What connections to a server with all transformers have by turns.
const MIX: [Transport; 5] = [
    Transport::Websockets,
    Transport::Websocket,
    Transport::SockWebsocket,
    Transport::SocketIo,
    Transport::Channel,
];

impl Transport {
    /// The one of this name that a transformer has; the first of them if none is
    /// named.
    pub fn of(transformer: Option<&str>, name: Option<&str>) -> Result<Transport> {
        Ok(match (transformer, name) {
            (None | Some("websockets"), None) => Transport::Websockets,
            (Some("all"), None) => Transport::Mixed,
            (Some("sockjs"), None | Some("websocket")) => Transport::SockWebsocket,
            (Some("browserchannel"), None) => Transport::Channel,
            (Some("sockjs"), Some("xhr-streaming")) => Transport::Streaming,
            (Some("sockjs"), Some("xhr-polling")) => Transport::SockPolling,
            (Some("socket.io"), None | Some("websocket")) => Transport::SocketIo,
            // Without a transformer it is engine.io's.
            (None | Some("engine.io"), Some("websocket")) | (Some("engine.io"), None) => {
                Transport::Websocket
            }
            (None | Some("engine.io"), Some("upgrade")) => Transport::Upgrade,
            (None | Some("engine.io"), Some("polling")) => Transport::Polling,
            (
                Some("websockets" | "engine.io" | "sockjs" | "socket.io" | "browserchannel") | None,
                Some(name),
            ) => {
                return Err(format!("no transport {name}; see --help").into());
            }
            (Some(name), _) => return Err(format!("no transformer {name}; see --help").into()),
        })
    }

    /// That of a connection of this number.
    pub fn nth(self, number: usize) -> Transport {
        if self == Transport::Mixed { MIX[number % MIX.len()] } else { self }
    }

    /// The transformer of the server.
    pub fn transformer(self) -> &'static str {
        match self {
            Transport::Websockets => "websockets",
            Transport::Websocket | Transport::Upgrade | Transport::Polling => "engine.io",
            Transport::SockWebsocket | Transport::Streaming | Transport::SockPolling => "sockjs",
            Transport::Mixed => "all",
            Transport::SocketIo => "socket.io",
            Transport::Channel => "browserchannel",
        }
    }

    /// Whether its connections are those of HTTP to the end.
    pub fn is_http(self) -> bool {
        use Transport::{Channel, Polling, SockPolling, Streaming};
        matches!(self, Polling | Streaming | SockPolling | Channel)
    }
}
