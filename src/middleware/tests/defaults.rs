//! The default layers, against what Primus 8 answers.

use super::*;

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket";
const NO_CACHE: [&str; 2] =
    ["cache-control: no-store, no-cache, must-revalidate, max-age=0", "pragma: no-cache"];

fn authorized<F>(authorize: F) -> Middleware
where
    F: Fn(&mut Exchange<'_>) -> Result<(), HttpError> + Send + Sync + 'static,
{
    let defaults = defaults();
    assert!(!defaults.authorization.is_set());
    defaults.authorization.set(authorize);
    assert!(defaults.authorization.is_set());
    defaults.middleware()
}

#[test]
fn the_default_layers_in_their_order() {
    let names = ["forwarded", "cors", "primus.js", "spec", "x-xss", "no-cache", "authorization"];
    assert_eq!(defaults().middleware().names(), names);
}

#[test]
fn requests_get_no_cache_headers_and_upgrades_none() {
    let middleware = defaults().middleware();
    let plain = run(&middleware, &request("GET /primus", ""), false);
    assert_eq!((plain.status, plain.headers), (None, NO_CACHE.map(str::to_owned).to_vec()));
    let upgrade = run(&middleware, &request("GET /primus", UPGRADE), true);
    assert_eq!((upgrade.status, upgrade.headers.len()), (None, 0));
}

#[test]
fn old_internet_explorers_lose_their_filter() {
    let middleware = defaults().middleware();
    let table = [
        ("Mozilla/5.0 (compatible;MSIE 9.0; Windows NT 6.1)", true),
        ("Mozilla/5.0 (Windows NT 6.1; TRIDENT/7.0)", true),
        ("Mozilla/5.0 (compatible; MSIE 9.0)", false),
        ("curl/8", false),
    ];
    for (agent, off) in table {
        let request = request("GET /primus", &format!("User-Agent: {agent}"));
        let headers = run(&middleware, &request, false).headers;
        assert_eq!(headers.contains(&"x-xss-protection: 0".to_owned()), off, "{agent}");
    }
}

#[test]
fn spec_and_client_have_exact_paths_and_no_cache_headers() {
    let middleware = defaults().middleware();
    let table = [
        ("GET /primus/spec", Some(200)),
        ("POST /primus/spec?x=y", Some(200)),
        ("GET /primus/primus.js", Some(200)),
        ("GET /primus/primus.js/", None),
        ("GET /primus/no.js", None),
        ("GET /primus/spec/", None),
        ("GET /primus//spec", None),
        ("GET /primus/./spec", None),
        ("GET /primus/%73pec", None),
        ("GET /primus/primus.js/../spec", None),
        ("GET /primus\\spec", None),
        ("GET /primus/SPEC", None),
    ];
    for (line, status) in table {
        let outcome = run(&middleware, &request(line, ""), false);
        assert_eq!(outcome.status, status, "{line}");
        assert_eq!(outcome.headers.is_empty(), status.is_some(), "{line}");
    }
    let spec = run(&middleware, &request("GET /primus/spec", "Origin: http://a"), false);
    assert_eq!(spec.body, r#"{"pingInterval":30000}"#);
    assert!(spec.raw.contains("Content-Type: application/json\r\n"));
    assert_eq!(spec.headers.len(), 3, "CORS headers: {:?}", spec.headers);
    assert_eq!(run(&middleware, &request("GET /primus/spec", UPGRADE), true).status, None);
}

#[test]
fn the_client_is_served() {
    let middleware = defaults().middleware();
    let outcome = run(&middleware, &request("GET /primus/primus.js", ""), false);
    assert_eq!((outcome.status, outcome.body.as_str()), (Some(200), "Primus = 1"));
    assert!(outcome.raw.contains("Content-Type: text/javascript; charset=utf-8\r\n"));
}

/// The traces `auth-error-shapes` and `auth-refused` of Primus 8.
#[test]
fn refusals_of_authorization_are_byte_exact() {
    let middleware = authorized(|exchange| {
        Err(match exchange.request().query() {
            "str" => "plain string".into(),
            "403" => HttpError::new(403, "no").with_authenticate("Basic"),
            "obj" => HttpError::json(401, &serde_json::json!({"foo": 1})),
            "basic" => HttpError::new(401, "nope").with_authenticate("Basic realm=\"x\""),
            "split" => HttpError::new(401, "nope").with_authenticate("Basic\r\nX: y"),
            _ => return Ok(()),
        })
    });
    let raw = |status: &str, length: usize, extra: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{extra}\r\n{body}"
        )
    };
    let basic = "WWW-Authenticate: Basic realm=\"x\"\r\n";
    let table = [
        ("str", raw("401 Unauthorized", 24, "", r#"{"error":"plain string"}"#)),
        ("403", raw("403 Forbidden", 14, "", r#"{"error":"no"}"#)),
        ("obj", raw("401 Unauthorized", 19, "", r#"{"error":{"foo":1}}"#)),
        ("basic", raw("401 Unauthorized", 16, basic, r#"{"error":"nope"}"#)),
        ("split", raw("401 Unauthorized", 16, "", r#"{"error":"nope"}"#)),
    ];
    for (query, expected) in table {
        let request = request(&format!("GET /primus?{query}"), UPGRADE);
        assert_eq!(run(&middleware, &request, true).raw, expected, "{query}");
    }
    let plain = run(&middleware, &request("GET /primus?str", ""), false);
    assert_eq!((plain.status, plain.headers), (Some(401), NO_CACHE.map(str::to_owned).to_vec()));
    assert_eq!(run(&middleware, &request("GET /primus", UPGRADE), true).status, None);
}

#[test]
fn authorization_may_attach_data_and_be_replaced() {
    let middleware = authorized(|exchange| {
        exchange.extensions_mut().insert("ann");
        Ok(())
    });
    let request = request("GET /primus", UPGRADE);
    let mut exchange = Exchange::new(&request, true);
    assert!(middleware.run(&mut exchange).is_ok());
    assert_eq!(exchange.into_parts().1.get::<&str>(), Some(&"ann"));
    middleware.use_layer("authorization", On::Both, |_| Err(HttpError::new(402, "pay")));
    assert_eq!(run(&middleware, &request, true).status, Some(402));
}

#[test]
fn a_panic_in_authorization_refuses() {
    let middleware = authorized(|_| panic!("on purpose"));
    assert_eq!(run(&middleware, &request("GET /primus", UPGRADE), true).status, Some(500));
}

/// A preflight is answered before authorization; any other OPTIONS is not.
#[test]
fn preflights_are_not_asked_to_authorize() {
    let middleware = authorized(|_| Err("no".into()));
    let preflight = "Origin: http://a\r\nAccess-Control-Request-Method: POST";
    let outcome = run(&middleware, &request("OPTIONS /primus", preflight), false);
    assert_eq!(outcome.status, Some(200));
    let other = run(&middleware, &request("OPTIONS /primus", "Origin: http://a"), false);
    assert_eq!(other.status, Some(401));
}
