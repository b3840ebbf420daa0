//! The clients there are: of each age, by each way.

use primus::{Builder, Ended, Primus};

use crate::server::Example;

/// A client of a certain age, and what it is to use.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The npm project.
    pub project: &'static str,
    /// The transformer of the client.
    pub transformer: &'static str,
    /// What carries engine.io: `polling`, `websocket`, or `upgrade`, which is
    /// the first and then the second; of sockjs and socket.io the name of a transport; empty
    /// elsewhere.
    pub transport: &'static str,
}

/// The project of this crate's own browser client.
pub const OWN: &str = "client-own";
/// Primus 8 with ws.
pub const V8: Kind = Kind::websockets("client-v8");
/// Primus 6 with ws 5.
pub const V6: Kind = Kind::websockets("client-v6");
/// Primus 6 with ws 1, which is known by its key.
pub const V6_WS1: Kind = Kind::websockets("client-v6-ws1");
/// happn-primus 6.
pub const HAPPN: Kind = Kind::websockets("client-happn");

impl Kind {
    const fn websockets(project: &'static str) -> Kind {
        Kind { project, transformer: "websockets", transport: "" }
    }

    /// A client of engine.io.
    pub const fn engine(project: &'static str, transport: &'static str) -> Kind {
        Kind { project, transformer: "engine.io", transport }
    }

    /// A client of sockjs.
    pub const fn sockjs(project: &'static str, transport: &'static str) -> Kind {
        Kind { project, transformer: "sockjs", transport }
    }

    /// A client of browserchannel.
    pub const fn channel(project: &'static str) -> Kind {
        Kind { project, transformer: "browserchannel", transport: "" }
    }

    pub fn is_channel(self) -> bool {
        self.transformer == "browserchannel"
    }

    /// A client of socket.io.
    pub const fn socket_io(project: &'static str, transport: &'static str) -> Kind {
        Kind { project, transformer: "socket.io", transport }
    }

    pub fn is_engine(self) -> bool {
        self.transformer == "engine.io"
    }

    pub fn is_sockjs(self) -> bool {
        self.transformer == "sockjs"
    }

    pub fn is_socket_io(self) -> bool {
        self.transformer == "socket.io"
    }

    /// What its end looks like to a server: those of sockjs that use HTTP do not say
    /// that they go.
    pub fn end_of_the_client(self) -> Ended {
        if self.is_sockjs() && !self.is_websocket() { Ended::Lost } else { Ended::Remote }
    }

    /// Whether it does not notice that its connection was cut: npm's clients of sockjs
    /// that read a stream under Node.js wait on.
    pub fn misses_cuts(self) -> bool {
        self.is_sockjs()
            && self.project != OWN
            && ["xhr-streaming", "eventsource"].contains(&self.transport)
    }

    /// The transformer of a server for it: those over websockets are one.
    fn server(self) -> &'static str {
        if self.wraps() { self.transformer } else { "websockets" }
    }

    /// Whether all that it sends and receives goes over a websocket.
    pub fn is_websocket(self) -> bool {
        !self.is_channel() && (self.transport.is_empty() || self.transport == "websocket")
    }

    /// Whether its messages are wrapped up on their way.
    pub fn wraps(self) -> bool {
        self.is_engine() || self.is_sockjs() || self.is_channel() || self.is_socket_io()
    }

    /// What carries it at first.
    pub fn first_transport(self) -> &'static str {
        if self.transport == "upgrade" { "polling" } else { self.transport }
    }

    /// What carries it in the end.
    pub fn last_transport(self) -> &'static str {
        if self.transport == "upgrade" { "websocket" } else { self.transport }
    }

    /// A server that it can talk to.
    pub fn builder(self) -> Builder {
        self.builder_with(&[])
    }

    /// The same, with options of the transformer.
    pub fn builder_with(self, options: &[(&str, &str)]) -> Builder {
        let builder = Primus::builder().transformer(self.server());
        let all = self.transport_options().iter().chain(options);
        all.fold(builder, |builder, (name, value)| builder.transport(*name, *value))
    }

    /// The echo example, for it to talk to.
    pub fn example(self, args: &[&str]) -> Example {
        self.example_with(args, &[])
    }

    /// The same, with options of the transformer.
    pub fn example_with(self, args: &[&str], options: &[(&str, &str)]) -> Example {
        let all = self.transport_options().iter().chain(options);
        let options: Vec<_> = all.map(|(name, value)| format!("{name}={value}")).collect();
        let mut args = args.to_vec();
        args.extend(["--transformer", self.server()]);
        for option in &options {
            args.extend(["--transport", option]);
        }
        Example::start(&args)
    }

    /// Nothing in their requests tells clients of engine.io 1 from younger ones.
    fn transport_options(self) -> &'static [(&'static str, &'static str)] {
        if self.project == "client-v5" { &[("doubleEncoding", "true")] } else { &[] }
    }
}

/// Makes a module of each test with one `#[test]` for each kind of client.
macro_rules! for_each_client {
    ($($(#[$attribute:meta])* fn $test:ident($kind:ident) $body:block)*) => {
        $(mod $test {
            use super::*;

            $(#[$attribute])*
            fn run($kind: $crate::kinds::Kind) $body

            $crate::kinds::for_each_client! { @ own "client-own" "websockets" "" }
            $crate::kinds::for_each_client! { @ own_polling "client-own" "engine.io" "polling" }
            $crate::kinds::for_each_client! { @ own_engine "client-own" "engine.io" "websocket" }
            $crate::kinds::for_each_client! { @ own_upgrade "client-own" "engine.io" "upgrade" }
            $crate::kinds::for_each_client! { @ own_sockjs "client-own" "sockjs" "websocket" }
            $crate::kinds::for_each_client! { @ own_xhr_streaming "client-own" "sockjs" "xhr-streaming" }
            $crate::kinds::for_each_client! { @ own_xhr_polling "client-own" "sockjs" "xhr-polling" }
            $crate::kinds::for_each_client! { @ own_channel "client-own" "browserchannel" "" }
            $crate::kinds::for_each_client! { @ own_socket_io "client-own" "socket.io" "websocket" }
            $crate::kinds::for_each_client! { @ own_socket_io_polling "client-own" "socket.io" "xhr-polling" }
            $crate::kinds::for_each_client! { @ v8 "client-v8" "websockets" "" }
            $crate::kinds::for_each_client! { @ v8_faye "client-v8" "faye" "" }
            $crate::kinds::for_each_client! { @ v8_polling "client-v8" "engine.io" "polling" }
            $crate::kinds::for_each_client! { @ v8_engine "client-v8" "engine.io" "websocket" }
            $crate::kinds::for_each_client! { @ v8_upgrade "client-v8" "engine.io" "upgrade" }
            $crate::kinds::for_each_client! { @ v7 "client-v7" "websockets" "" }
            $crate::kinds::for_each_client! { @ v7_polling "client-v7" "engine.io" "polling" }
            $crate::kinds::for_each_client! { @ v7_engine "client-v7" "engine.io" "websocket" }
            $crate::kinds::for_each_client! { @ v7_upgrade "client-v7" "engine.io" "upgrade" }
            $crate::kinds::for_each_client! { @ v6 "client-v6" "websockets" "" }
            $crate::kinds::for_each_client! { @ v6_ws1 "client-v6-ws1" "websockets" "" }
            $crate::kinds::for_each_client! { @ v6_upgrade "client-v6" "engine.io" "upgrade" }
            $crate::kinds::for_each_client! { @ v5_polling "client-v5" "engine.io" "polling" }
            $crate::kinds::for_each_client! { @ happn "client-happn" "websockets" "" }
            $crate::kinds::for_each_client! { @ v8_sockjs "client-v8" "sockjs" "websocket" }
            $crate::kinds::for_each_client! { @ v8_xhr_streaming "client-v8" "sockjs" "xhr-streaming" }
            $crate::kinds::for_each_client! { @ v8_eventsource "client-v8" "sockjs" "eventsource" }
            $crate::kinds::for_each_client! { @ v8_xhr_polling "client-v8" "sockjs" "xhr-polling" }
            $crate::kinds::for_each_client! { @ v8_channel "client-v8" "browserchannel" "" }
            $crate::kinds::for_each_client! { @ v7_sockjs "client-v7" "sockjs" "websocket" }
            $crate::kinds::for_each_client! { @ v7_xhr_streaming "client-v7" "sockjs" "xhr-streaming" }
            $crate::kinds::for_each_client! { @ v7_xhr_polling "client-v7" "sockjs" "xhr-polling" }
            $crate::kinds::for_each_client! { @ v6_xhr_streaming "client-v6" "sockjs" "xhr-streaming" }
            $crate::kinds::for_each_client! { @ v6_xhr_polling "client-v6" "sockjs" "xhr-polling" }
            $crate::kinds::for_each_client! { @ v3_socket_io "client-v3" "socket.io" "websocket" }
            $crate::kinds::for_each_client! { @ v3_socket_io_polling "client-v3" "socket.io" "xhr-polling" }
        })*
    };
    (@ $name:ident $project:literal $transformer:literal $transport:literal) => {
        #[test]
        fn $name() {
            run($crate::kinds::Kind {
                project: $project,
                transformer: $transformer,
                transport: $transport,
            });
        }
    };
}
pub(crate) use for_each_client;
