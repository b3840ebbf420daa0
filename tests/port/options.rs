//! What may be asked for.

use primus::{Client, Error, Parser, Primus};

use crate::common::*;
use crate::three;

#[track_caller]
fn refused(builder: primus::Builder, part: &str) {
    match builder.build() {
        Err(Error::Option(text)) => assert!(text.contains(part), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_that_cannot_go_together_are_refused() {
    let of = |names: &str| Primus::builder().transformer(names);
    refused(of("websockets, faye"), "`websockets` and `faye` are one protocol");
    refused(of("ws sockjs ws"), "`ws` and `ws` are one protocol");
    refused(
        of("engine.io, pigeons"),
        "unknown transformer `pigeons`; known transformers: websockets",
    );
    refused(of(""), "names none");
    refused(Primus::builder().transformer(Vec::<String>::new()), "names none");
    match Client::builder("http://h").transformer("ws, websockets").build() {
        Err(Error::Option(text)) => assert!(text.contains("are one protocol"), "{text}"),
        other => panic!("{other:?}"),
    }
    let none = Client::builder("http://h").transformer(" , ").build();
    assert!(matches!(none, Err(Error::Option(_))));
}

#[test]
fn a_list_keeps_its_order_and_all_stands_for_the_rest() {
    let names = |list: &str| {
        let primus = Primus::builder().transformer(list).build().unwrap();
        let names = primus.client_options().transformers().to_vec();
        primus.destroy(Default::default());
        names
    };
    assert_eq!(names("sockjs,Engine.IO"), ["sockjs", "engine.io"]);
    let with_faye = names("sockjs, all, faye");
    assert_eq!(with_faye[0], "sockjs");
    assert_eq!(with_faye.last().unwrap(), "faye");
    assert_eq!(with_faye.len(), names("all").len());
}

/// The server's part: all have to carry it.
#[test]
fn a_parser_has_to_suit_all() {
    refused(three().parser(Parser::BINARY), "the transformer `sockjs` carries text only");
    let two = Primus::builder().transformer(["websockets", "engine.io"]).parser(Parser::BINARY);
    let server = Server::echo(two);
    let url = format!("http://{}", server.addr);
    // The client leaves out what cannot.
    for list in ["sockjs, engine.io", "sockjs, websockets", "all"] {
        let builder = Client::builder(&url).transformer(list).parser(Parser::BINARY);
        let client = builder.connect().unwrap();
        client.write(&1).unwrap();
        assert_eq!(client.recv().unwrap().parse::<u8>().unwrap(), 1, "{list}");
        client.end();
    }
    let none = Client::builder(&url).transformer("sockjs").parser(Parser::BINARY).build();
    assert!(matches!(none, Err(Error::Option(text)) if text.contains("carries text only")));
}

#[test]
fn an_option_goes_to_those_that_know_it_or_to_the_one_that_is_named() {
    let primus = three().transport("pingInterval", "12345").transport("sockjs:websocket", "false");
    let server = Server::start(primus);
    let opened = engine_io::ask(server.addr, engine_io::get("EIO=4&transport=polling"));
    assert!(opened.body.contains("\"pingInterval\":12345"), "{opened:?}");
    let info = server.connect().ask("GET /primus/info HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(info.body.starts_with("{\"websocket\":false"), "{info:?}");
    // One that would be wrong for another.
    let server = Server::start(three().transport("Engine.io:transports", "websocket"));
    let polling = engine_io::ask(server.addr, engine_io::get("EIO=4&transport=polling"));
    assert_eq!(polling.status, 400);
    refused(three().transport("engine.io:pingInterval", "soon"), "`pingInterval` is `soon`");
}
