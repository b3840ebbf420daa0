use super::*;

const ALL: [&str; 7] = ["GET", "POST", "OPTIONS", "PUT", "DELETE", "HEAD", "PATCH"];

/// For each path below the pathname: the session, what each method asks for, and
/// `Allow`.
type Row = (&'static str, &'static str, &'static [(&'static str, Ask)], &'static str);

const EXPECTED: &[Row] = &[
    ("", "", &[("GET", Ask::Greeting)], "GET"),
    ("/iframe.html", "", &[("GET", Ask::Iframe)], "GET"),
    ("/iframe-a-1.2.3_x.html", "", &[("GET", Ask::Iframe)], "GET"),
    ("/info", "", &[("GET", Ask::Info), ("OPTIONS", Ask::Options)], "OPTIONS, GET"),
    (
        "/chunking_test",
        "",
        &[("POST", Ask::ChunkingTest), ("OPTIONS", Ask::Options)],
        "OPTIONS, POST",
    ),
    ("/websocket", "", &[("GET", Ask::RawWebsocket)], "GET"),
    ("/000/a/websocket", "a", &[("GET", Ask::Websocket)], "GET"),
    (
        "/000/a/xhr",
        "a",
        &[("POST", Ask::Receive(Kind::Xhr)), ("OPTIONS", Ask::Options)],
        "POST, OPTIONS",
    ),
    (
        "/000/a/xhr_streaming",
        "a",
        &[("POST", Ask::Receive(Kind::XhrStreaming)), ("OPTIONS", Ask::Options)],
        "POST, OPTIONS",
    ),
    (
        "/000/a/xhr_send",
        "a",
        &[("POST", Ask::Send(By::Xhr)), ("OPTIONS", Ask::Options)],
        "POST, OPTIONS",
    ),
    ("/000/a/eventsource", "a", &[("GET", Ask::Receive(Kind::EventSource))], "GET"),
    ("/000/a/htmlfile", "a", &[("GET", Ask::Receive(Kind::HtmlFile))], "GET"),
    ("/000/a/jsonp", "a", &[("GET", Ask::Receive(Kind::Jsonp))], "GET"),
    ("/000/a/jsonp_send", "a", &[("POST", Ask::Send(By::Jsonp))], "POST"),
];

#[test]
fn every_path_with_every_method() {
    for (path, session, asks, allow) in EXPECTED {
        for pathname in ["/primus", "/primusfoo", "/primus&x=1"] {
            for end in ["", "/"] {
                let path = format!("{pathname}{path}{end}");
                for method in ALL {
                    let expected = asks.iter().find(|(name, _)| *name == method);
                    match (ask(&path, "/primus", method), expected) {
                        (Ok(asked), Some((_, ask))) => {
                            assert_eq!((asked.ask, asked.session), (*ask, *session), "{path}");
                            assert_eq!(asked.route.allow, *allow);
                        }
                        (found, _) => {
                            assert_eq!(found, Err(Wrong::Method(allow)), "{method} {path}")
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_table_names_its_own_methods() {
    assert_eq!(ROUTES.len(), EXPECTED.len() - 1);
    for route in ROUTES {
        let names: Vec<_> = route.methods.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.join(", "), route.allow);
    }
}

/// Some of these leave the requests of sockjs-node without any answer.
#[test]
fn other_paths_are_no_pages() {
    let long = format!("/primus/000/{}/xhr", "a".repeat(SESSION_MAX + 1));
    for path in [
        "/primus//",
        "/primus//info",
        "/primus/a",
        "/primus/a/b",
        "/primus/a/b/nosuch",
        "/primus/a/b/XHR",
        "/primus/a/b/xhr//",
        "/primus/a.b/c/xhr",
        "/primus/a/b.c/xhr",
        "/primus/../a/xhr",
        "/primus//b/xhr",
        "/primus/a//xhr",
        "/primus/x/y/z/xhr",
        "/primus/iframe.htm",
        "/primus/iframehtml",
        "/primus/iframe-X.html",
        "/primus/iframe/x.html",
        "/primus/info/x",
        "/primus/infox",
        "/primus/xhr",
        "/other/info",
        "/primus/000/a/xhr/b/c/d/e/f",
        &long,
    ] {
        for method in ALL {
            assert_eq!(ask(path, "/primus", method), Err(Wrong::Page), "{path}");
        }
    }
}

#[test]
fn the_pathname_may_be_of_any_shape() {
    let info = |path: &str, pathname: &str| ask(path, pathname, "GET").map(|asked| asked.ask);
    assert_eq!(info("/a/b/info", "/a/b"), Ok(Ask::Info));
    assert_eq!(info("/a/bc/info", "/a/b"), Ok(Ask::Info));
    // With a slash at its end nothing but the greeting is to be had.
    assert_eq!(info("/primus/", "/primus/"), Ok(Ask::Greeting));
    assert_eq!(info("/primus//", "/primus/"), Ok(Ask::Greeting));
    assert_eq!(info("/primus/info", "/primus/"), Err(Wrong::Page));
    assert_eq!(info("/primus//info", "/primus/"), Ok(Ask::Info));
    assert_eq!(info("/", "/"), Ok(Ask::Greeting));
}

#[test]
fn a_session_is_found_in_any_request_of_its_own() {
    for (path, expected) in [
        ("/primus/000/a/xhr", Some("a")),
        ("/primusfoo/999/a/xhr_send/", Some("a")),
        ("/primus/000/a/nosuch", Some("a")),
        ("/primus/000/a.b/xhr", None),
        ("/primus/info", None),
        ("/primus", None),
        ("/elsewhere", None),
    ] {
        assert_eq!(session(path, "/primus"), expected, "{path}");
    }
}
