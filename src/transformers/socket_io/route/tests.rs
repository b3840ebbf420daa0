//! The table, row by row.

use super::*;

fn asked(method: &str, path: &str) -> Result<(Ask, &'static str), Wrong> {
    let path: &'static str = path.to_owned().leak();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let leaves = query.split('&').any(|pair| pair.split('=').next() == Some("disconnect"));
    ask(path, "/primus", method, leaves).map(|asked| (asked.ask, asked.session))
}

#[test]
fn each_row() {
    for (paths, ask, session) in [
        (&["/primus", "/primus/", "/primus/0", "/primus/0/"][..], Ask::Greeting, ""),
        (&["/primus/1", "/primus/1/"], Ask::Handshake, ""),
        (
            &["/primus/1/xhr-polling/abc", "/primus/1/xhr-polling/abc/"],
            Ask::Receive(Kind::XhrPolling),
            "abc",
        ),
        (&["/primus/1/jsonp-polling/abc"], Ask::Receive(Kind::JsonpPolling), "abc"),
        (&["/primus/1/htmlfile/abc"], Ask::Receive(Kind::HtmlFile), "abc"),
        (&["/primus/1/websocket/abc"], Ask::Websocket, "abc"),
        (
            &[
                "/primus/1//abc/?disconnect=1",
                "/primus/1//abc?disconnect",
                "/primus/1/xhr-polling/abc?t=1&disconnect=1",
                "/primus/1/websocket/abc/?disconnect=1",
            ],
            Ask::Disconnect,
            "abc",
        ),
    ] {
        for path in paths {
            assert_eq!(asked("GET", path), Ok((ask, session)), "{path}");
        }
    }
    let post = |path| asked("POST", path);
    assert_eq!(post("/primus/1/xhr-polling/a"), Ok((Ask::Send(Kind::XhrPolling), "a")));
    assert_eq!(post("/primus/1/jsonp-polling/a/"), Ok((Ask::Send(Kind::JsonpPolling), "a")));
    assert_eq!(post("/primus/1/htmlfile/a"), Ok((Ask::Send(Kind::HtmlFile), "a")));
}

#[test]
fn methods() {
    for method in ["POST", "HEAD", "PUT", "OPTIONS", "get"] {
        assert_eq!(asked(method, "/primus/1/").unwrap().0, Ask::Handshake);
        assert_eq!(asked(method, "/primus/").unwrap().0, Ask::Greeting);
        assert_eq!(asked(method, "/primus/1//a?disconnect").unwrap().0, Ask::Disconnect);
        assert_eq!(asked(method, "/primus/1/websocket/a"), Err(Wrong::Method), "{method}");
        if method != "POST" {
            for name in ["xhr-polling", "jsonp-polling", "htmlfile"] {
                let path = format!("/primus/1/{name}/a");
                assert_eq!(asked(method, &path), Err(Wrong::Method), "{method}");
            }
        }
    }
}

#[test]
fn what_is_in_no_row() {
    for path in [
        "/primusfoo",
        "/primusfoo/1/",
        "/primus1/",
        "/primu",
        "//primus/1/",
        "/primus//",
        "/primus//1/",
        "/primus/abc",
        "/primus/-1",
        "/primus/1.0/",
        "/primus/1/websocket",
        "/primus/1/xhr-polling/",
        "/primus/1//",
        "/primus/1//a",
        "/primus/1//?disconnect=1",
        "/primus/1/nosuch/abc",
        "/primus/1/nosuch/abc?disconnect=1",
        "/primus/1/flashsocket/abc",
        "/primus/1/XHR-POLLING/abc",
        "/primus/1/xhr-polling/a/b",
        "/primus/1/xhr-polling/a//",
        "/primus/1/xhr-polling/../websocket/a",
    ] {
        assert_eq!(asked("GET", path), Err(Wrong::Page), "{path}");
    }
    for path in [
        "/primus/2/",
        "/primus/01",
        "/primus/11",
        "/primus/2/websocket/a",
        "/primus/0/x",
        "/primus/0/../1/",
    ] {
        assert_eq!(asked("GET", path), Err(Wrong::Version), "{path}");
    }
}

#[test]
fn the_pathname_may_end_with_a_slash() {
    let of = |path| ask(path, "/", "GET", false).map(|asked| asked.ask);
    assert_eq!(of("/1/"), Ok(Ask::Handshake));
    assert_eq!(of("/"), Ok(Ask::Greeting));
    assert_eq!(of("/1/websocket/a"), Ok(Ask::Websocket));
}

#[test]
fn the_session_of_a_path() {
    let of = |path| session(path, "/primus");
    assert_eq!(of("/primus/1/xhr-polling/abc/"), Some("abc"));
    assert_eq!(of("/primus/1//abc/"), Some("abc"));
    for path in ["/primus/1/", "/primus/1/xhr-polling/", "/primus/2/xhr-polling/abc", "/x/1/a/b"] {
        assert_eq!(of(path), None, "{path}");
    }
}
