//! The `cors` layer.

use std::time::Duration;

use super::super::cors::layer;
use super::*;

fn with(cors: Cors) -> Middleware {
    assert!(cors.check().is_ok());
    let middleware = Middleware::new();
    middleware.use_layer("cors", On::Both, layer(cors));
    middleware
}

fn listed(origins: &str) -> Middleware {
    with(Cors { origins: Origins::parse(origins).unwrap(), ..Cors::default() })
}

fn get(middleware: &Middleware, origin: &str) -> Outcome {
    run(middleware, &request("GET /primus", &format!("Origin: {origin}")), false)
}

const PREFLIGHT: &str = "Origin: http://a.example\r\nAccess-Control-Request-Method: POST";

#[test]
fn without_an_origin_there_are_no_headers() {
    let outcome = run(&listed("http://a.example"), &request("GET /primus", ""), false);
    assert!(outcome.status.is_none() && outcome.headers.is_empty());
}

#[test]
fn the_origin_is_named_as_it_was_sent() {
    for origin in ["http://a.example", "HTTP://A.example:80", "null", "file://", "capacitor://x"] {
        let outcome = get(&with(Cors::default()), origin);
        assert_eq!(outcome.status, None);
        let expected = [
            format!("access-control-allow-origin: {origin}"),
            "access-control-allow-credentials: true".into(),
            "Vary: Origin".into(),
        ];
        assert_eq!(outcome.headers, expected);
    }
}

#[test]
fn bad_origins_are_refused_word_for_word() {
    for origin in ["http://%61", "a.example", "", "http://a\u{e9}"] {
        let outcome = get(&with(Cors::default()), origin);
        assert_eq!(outcome.status, Some(403), "{origin:?}");
        assert!(outcome.headers.is_empty());
    }
    assert_eq!(
        get(&with(Cors::default()), "http://%61").raw,
        "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: 78\r\nX-Content-Type-Options: nosniff\r\n\r\n\
         Invalid HTTP Access Control (CORS) request:\n  Origin: http://%61\n  Method: GET"
    );
    let two = request("GET /primus", "Origin: http://a\r\nOrigin: http://b");
    assert_eq!(run(&with(Cors::default()), &two, false).status, Some(403));
}

#[test]
fn methods_are_listed() {
    let put = |line: &str| {
        let cors = Cors { methods: vec!["GET".into(), "POST".into()], ..Cors::default() };
        run(&with(cors), &request(line, "Origin: http://a"), false).status
    };
    assert_eq!(put("GET /"), None);
    assert_eq!(put("PUT /"), Some(403));
    assert_eq!(put("BREW /"), Some(403));
    let all = with(Cors { methods: vec![], ..Cors::default() });
    assert_eq!(run(&all, &request("BREW /", "Origin: http://a"), false).status, None);
}

/// The trace `http-plain`, connection 5, of Primus 8.
#[test]
fn a_preflight_is_answered() {
    let outcome = run(&with(Cors::default()), &request("OPTIONS /primus", PREFLIGHT), false);
    assert_eq!((outcome.status, outcome.body.as_str()), (Some(200), ""));
    let expected = [
        "access-control-allow-origin: http://a.example",
        "access-control-allow-credentials: true",
        "access-control-max-age: 2592000",
        "access-control-allow-methods: GET, HEAD, PUT, POST, DELETE, OPTIONS",
        "Vary: Origin",
    ];
    assert_eq!(outcome.headers, expected);
    assert!(outcome.raw.contains("Content-Length: 0\r\n"));
}

#[test]
fn a_preflight_names_headers() {
    let asked = format!("{PREFLIGHT}\r\nAccess-Control-Request-Headers: X-A, x-b");
    let echoed = run(&with(Cors::default()), &request("OPTIONS /primus", &asked), false);
    assert!(echoed.headers.contains(&"access-control-allow-headers: X-A, x-b".to_owned()));
    let fixed = with(Cors {
        headers: vec!["x-c".into()],
        exposed: vec!["x-d".into(), "x-e".into()],
        max_age: Duration::ZERO,
        ..Cors::default()
    });
    let outcome = run(&fixed, &request("OPTIONS /primus", &asked), false);
    assert!(outcome.headers.contains(&"access-control-allow-headers: x-c".to_owned()));
    assert!(!outcome.headers.iter().any(|h| h.contains("max-age") || h.contains("expose")));
    let exposed = get(&fixed, "http://a").headers;
    assert!(exposed.contains(&"access-control-expose-headers: x-d, x-e".to_owned()));
}

/// CVE-2020-28481 (socket.io): `*` never goes with credentials, and a list is
/// a list.
#[test]
fn cve_2020_28481_star_and_credentials_never_meet() {
    let open = get(&with(Cors { credentials: false, ..Cors::default() }), "http://a");
    assert_eq!(open.headers, ["access-control-allow-origin: *"]);
    for origin in ["http://a", "null"] {
        let with_credentials = get(&with(Cors::default()), origin).headers;
        assert!(!with_credentials.contains(&"access-control-allow-origin: *".to_owned()));
        assert!(with_credentials.contains(&"Vary: Origin".to_owned()));
    }
    let stranger = get(&listed("https://a.example"), "https://b.example");
    assert!(stranger.status == Some(403) && stranger.headers.is_empty());
}

/// CVE-2022-42975 (phoenix): an origin pattern that matched too much.
#[test]
fn cve_2022_42975_origins_match_whole_labels() {
    let origins = "https://a.example, https://*.b.example http://c.example:8080,https://d.example:* http://[::1]:80";
    let middleware = listed(origins);
    let allowed = [
        "https://a.example",
        "HTTPS://A.Example",
        "https://a.example:443",
        "https://x.b.example",
        "https://x.y.b.example",
        "http://c.example:8080",
        "https://d.example",
        "https://d.example:8443",
        "http://[::1]",
    ];
    for origin in allowed {
        assert_eq!(get(&middleware, origin).status, None, "{origin}");
    }
    let refused = [
        "http://a.example",
        "https://a.example:8443",
        "https://a.example.evil",
        "https://a.example.",
        "https://xa.example",
        "https://a.example@evil",
        "https://evil/https://a.example",
        "https://a.example/",
        "https://a.example?",
        "https://a.example#",
        "https://a.example\\",
        "https://a.example,https://b",
        "https://a.example https://b",
        "https://b.example",
        "https://.b.example",
        "https://xb.example",
        "https://*.b.example",
        "https://evil/.b.example",
        "https://evil?.b.example",
        "https://evil@x.b.example",
        "http://c.example",
        "http://d.example",
        "https://d.example:",
        "https://d.example:x",
        "https://d.example:99999",
        "null",
        "",
        "*",
        "a.example",
        "//a.example",
        "http://[::1]:81",
        "http://[::1",
    ];
    for origin in refused {
        assert_eq!(get(&middleware, origin).status, Some(403), "{origin}");
    }
    assert_eq!(get(&listed("https://a.example null"), "NULL").status, None);
    assert_eq!(get(&listed("https://a.example/"), "https://a.example").status, None);
}

/// Cross-site WebSocket hijacking.
#[test]
fn origins_bind_upgrades_too() {
    let middleware = listed("https://a.example");
    let upgrade = |headers: &str| run(&middleware, &request("GET /primus", headers), true);
    assert_eq!(upgrade("Origin: https://evil.example").status, Some(403));
    assert_eq!(upgrade("Origin: null").status, Some(403));
    let own = upgrade("Origin: https://a.example");
    assert!(own.status.is_none() && own.headers.is_empty());
    assert_eq!(upgrade("X: no origin, so no browser").status, None);
    let mut defaults = defaults();
    defaults.cors.origins = Origins::parse("https://a.example").unwrap();
    let evil = request("GET /primus", "Origin: https://evil.example");
    assert_eq!(run(&defaults.middleware(), &evil, true).status, Some(403));
}

#[test]
fn options_are_checked() {
    for origins in ["", " , ", "a.example", "https://", "https://*.", "https://a/b", "https://a:x"]
    {
        assert!(Origins::parse(origins).is_err(), "{origins:?}");
    }
    assert!(Origins::parse("https://a, *").unwrap().is_any());
    assert!(Cors { headers: vec!["x\r\ny".into()], ..Cors::default() }.check().is_err());
    assert!(Cors { exposed: vec![String::new()], ..Cors::default() }.check().is_err());
}
