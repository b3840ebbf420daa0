use super::*;

fn asked(target: &str, upgrade: bool) -> Asked<'_> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Asked { pathname: "/primus", path, query, upgrade }
}

/// The places of the rows that a target fits.
fn rows(pathname: &str, target: &str) -> Vec<usize> {
    let asked = Asked { pathname, ..asked(target, false) };
    let Some(below) = Below::of(&asked) else { return Vec::new() };
    (0..TABLE.len()).filter(|row| (TABLE[*row].fits)(&below)).collect()
}

/// Targets of each row, and such as none has.
const ROWS: [&[&str]; 7] = [
    &[
        "/primus/?EIO=4&transport=polling",
        "/primus?EIO=4&transport=websocket&sid=x",
        "/primus/?token=a&_primuscb=b&EIO=3&transport=polling&t=1&b64=1",
        "/primus/?%45IO=4",
        "/primus/?EIO",
        "/primus/?EIO=4&EIO=4",
        "/primus/?EIO=&a=/000/s/xhr",
    ],
    &[
        "/primus",
        "/primus/",
        "/primus?_primuscb=Q7yv986",
        "/primus/?_primuscb=Q7yv986",
        "/primus/?transport=polling",
        "/primus?transport=websocket&sid=x",
        "/primus?eio=4",
        "/primus?xEIO=4&EIOx=4",
        "/primus?a=EIO=4",
        "/primus/?a=%26EIO=4",
        "/primus?x=/primus/info",
    ],
    &[
        "/primus/info",
        "/primus/info/",
        "/primus/info?EIO=4&transport=polling",
        "/primus/chunking_test",
        "/primus/websocket",
        "/primus/websocket/?EIO=4",
        "/primus/iframe.html",
        "/primus/iframe-0.3.4.min.html",
        "/primus/iframehtml",
    ],
    &[
        "/primus/000/abc/websocket",
        "/primus/000/abc/xhr",
        "/primus/000/abc/xhr/",
        "/primus/000/abc/xhr_streaming?EIO=4&transport=polling",
        "/primus/000/abc/xhr_send",
        "/primus/000/abc/eventsource",
        "/primus/000/abc/htmlfile?c=x",
        "/primus/000/abc/jsonp?c=x",
        "/primus/000/abc/jsonp_send",
        // Only the names of its transports are socket.io's.
        "/primus/1/abc/xhr",
        "/primus/1/info/websocket",
        "/primus/01/websocket/xhr",
        "/primus/bind/test/jsonp",
    ],
    &[
        "/primus/test?VER=8&MODE=init",
        "/primus/bind?VER=8&RID=1&EIO=4",
        "/primus/bind",
        "/primus/bcsocket.js",
    ],
    &[
        "/primus/1",
        "/primus/1/",
        "/primus/1/?t=1&EIO=4",
        "/primus/1/websocket/4d4f185e96a7b",
        "/primus/1/xhr-polling/sid/?t=1",
        "/primus/1/jsonp-polling/sid?i=0",
        "/primus/1/htmlfile/sid",
        "/primus/1/flashsocket/sid",
        "/primus/1//sid/?disconnect=1",
        // They are those of sockjs too, but for this.
        "/primus/1/websocket/websocket",
        "/primus/1/websocket/xhr",
        "/primus/1/htmlfile/jsonp_send/",
        "/primus/1/websocket/0.0",
    ],
    &[
        "/primusx",
        "/primusx/000/s/xhr",
        "/primus-info",
        "/primu",
        "/other/info",
        "/primus//",
        "/primus//info",
        "/primus/info//",
        "/primus/Info",
        "/primus/infox",
        "/primus/inf",
        "/primus/%69nfo",
        "/primus/xhr",
        "/primus/0",
        "/primus/0/",
        "/primus/2/websocket/sid",
        "/primus/11",
        "/primus/1/websocket",
        "/primus/1/websocket/",
        "/primus/1/websocket//",
        "/primus/1/unknown/sid",
        "/primus/1/websocket/a/b",
        "/primus/test/",
        "/primus/bind/",
        "/primus/tests",
        "/primus/bin",
        "/primus/bcsocket-uncompressed.js",
        "/primus/000/abc",
        "/primus/000/abc/",
        "/primus/000//xhr",
        "/primus//abc/xhr",
        "/primus/0.0/abc/xhr",
        "/primus/000/a.c/xhr",
        "/primus/000/abc/xhrx",
        "/primus/000/abc/xhr_",
        "/primus/000/abc/XHR",
        "/primus/000/abc/xhr/more",
        "/primus/000/abc/def/xhr",
        "/primus/a/b/c/d/e/f/g/h",
    ],
];

/// One after the other: no request fits two.
#[test]
fn each_request_fits_one_row_or_none() {
    for (row, targets) in ROWS.iter().enumerate() {
        for target in *targets {
            let expected: &[usize] = if row < TABLE.len() { &[row] } else { &[] };
            assert_eq!(rows("/primus", target), expected, "{target}");
        }
    }
}

#[test]
fn each_cell_has_its_owners_whatever_else_the_request_says() {
    for (row, targets) in ROWS.iter().enumerate() {
        for target in *targets {
            let (requests, upgrades): (&[_], &[_]) = match row {
                0 => (&[EngineIo], &[EngineIo]),
                1 => (&[Websockets, Sockjs, SocketIo], &[Websockets]),
                2 | 3 => (&[Sockjs], &[Sockjs]),
                4 => (&[BrowserChannel], &[BrowserChannel]),
                5 => (&[SocketIo], &[SocketIo]),
                _ => (&[], &[]),
            };
            assert_eq!(owners(&asked(target, false)), requests, "a request for {target}");
            assert_eq!(owners(&asked(target, true)), upgrades, "an upgrade of {target}");
        }
    }
}

/// Paths that are made of all that may stand between two slashes.
#[test]
fn no_path_fits_two_rows() {
    let parts = [
        "",
        "1",
        "0",
        "000",
        "info",
        "websocket",
        "htmlfile",
        "xhr",
        "xhr-polling",
        "jsonp",
        "jsonp_send",
        "test",
        "bind",
        "bcsocket.js",
        "iframe.html",
        "chunking_test",
        "flashsocket",
        "a.b",
        "sid",
    ];
    let mut paths: Vec<String> = vec!["/primus".into()];
    for _ in 0..3 {
        let longer = paths.iter().flat_map(|path| parts.map(|part| format!("{path}/{part}")));
        paths.extend(longer.collect::<Vec<_>>());
        paths.sort();
        paths.dedup();
    }
    assert!(paths.len() > 6000, "{}", paths.len());
    for path in paths {
        for target in [path.clone(), format!("{path}/"), format!("{path}?EIO=4")] {
            assert!(rows("/primus", &target).len() < 2, "{target}");
        }
    }
}

#[test]
fn the_pathname_may_be_anything() {
    for (pathname, base) in [("/", ""), ("/live/", "/live"), ("/a/b", "/a/b"), ("/a/b//", "/a/b")] {
        for (row, below) in [
            (0, "/?EIO=4"),
            (1, "/"),
            (2, "/info"),
            (3, "/000/s/xhr"),
            (4, "/bind"),
            (5, "/1/websocket/sid"),
        ] {
            assert_eq!(rows(pathname, &format!("{base}{below}")), [row], "{pathname} {below}");
        }
        assert_eq!(rows(pathname, &format!("{base}x/info/xhr")).len(), 0);
    }
    // One that is a path of a protocol's below another.
    assert_eq!(rows("/primus/1", "/primus/1/1/"), [5]);
    assert_eq!(rows("/info", "/info"), [1]);
}

#[test]
fn the_documentation_has_this_table() {
    let names = |all: &[Kind]| all.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    let rows = TABLE.iter().map(|row| {
        format!("| {} | {} | {} |", row.below, names(row.requests), names(row.upgrades))
    });
    let head = ["| path | requests | upgrades |", "|---|---|---|"].map(String::from);
    let last = ["| all else | 404 | 404 |".into()];
    let table: Vec<_> = head.into_iter().chain(rows).chain(last).collect();
    let page = include_str!("../../docs/port.md");
    assert!(page.contains(&table.join("\n")), "\n{}\n", table.join("\n"));
}
