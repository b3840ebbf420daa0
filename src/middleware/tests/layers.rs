//! The list itself.

use super::*;

/// A layer that adds its name to a header.
fn trace(name: &str) -> impl Fn(&mut Exchange<'_>) -> Result<Flow, HttpError> + use<> {
    let name = name.to_owned();
    move |exchange| exchange.append_header("x-trace", &name).map(|()| Flow::Next)
}

fn traced(middleware: &Middleware, upgrade: bool) -> String {
    let outcome = run(middleware, &request("GET /primus", ""), upgrade);
    outcome.headers.iter().map(|h| h.trim_start_matches("x-trace: ")).collect()
}

#[test]
fn layers_run_in_order_and_only_where_they_see() {
    let middleware = Middleware::new();
    middleware.use_layer("a", On::Both, trace("a"));
    middleware.use_layer("c", On::Requests, trace("c"));
    middleware.use_layer_at(1, "b", On::Upgrades, trace("b"));
    middleware.use_layer_at(0, "first", On::Both, trace("1"));
    middleware.use_layer_at(99, "last", On::Both, trace("9"));
    assert_eq!(middleware.names(), ["first", "a", "b", "c", "last"]);
    assert_eq!(traced(&middleware, false), "1ac9");
    assert_eq!(traced(&middleware, true), "1ab9");
}

#[test]
fn layers_are_replaced_disabled_and_removed_by_name() {
    let middleware = Middleware::new();
    for name in ["a", "b", "c"] {
        middleware.use_layer(name, On::Both, trace(name));
    }
    middleware.use_layer_at(0, "b", On::Both, trace("B"));
    assert_eq!(traced(&middleware, false), "aBc");
    assert!(middleware.disable("a"));
    assert_eq!(traced(&middleware, false), "Bc");
    assert_eq!(middleware.index_of("a"), Some(0));
    assert!(middleware.enable("a"));
    assert!(middleware.remove("b"));
    assert_eq!(traced(&middleware, false), "ac");
    assert_eq!(middleware.index_of("b"), None);
    assert!(!middleware.remove("b") && !middleware.enable("b") && !middleware.disable("b"));
}

#[test]
fn a_layer_may_change_the_list() {
    let middleware = Middleware::new();
    let list = middleware.clone();
    middleware.use_layer("once", On::Both, move |_| {
        list.remove("once");
        list.use_layer("late", On::Both, trace("l"));
        Ok(Flow::Next)
    });
    assert_eq!(traced(&middleware, false), "");
    assert_eq!(traced(&middleware, false), "l");
}

/// What a layer owns is dropped without the lock.
#[test]
fn a_dropped_layer_may_use_the_list() {
    struct Nosy(Middleware);
    impl Drop for Nosy {
        fn drop(&mut self) {
            self.0.names();
        }
    }
    let middleware = Middleware::new();
    for name in ["replaced", "removed"] {
        let nosy = Nosy(middleware.clone());
        middleware.use_layer(name, On::Both, move |_| {
            let _ = &nosy;
            Ok(Flow::Next)
        });
    }
    middleware.use_layer("replaced", On::Both, trace("r"));
    middleware.remove("removed");
    assert_eq!(traced(&middleware, false), "r");
}

#[test]
fn an_answer_ends_the_chain() {
    let middleware = Middleware::new();
    let respond = |_: &mut Exchange<'_>| {
        Ok(Flow::Respond(tiny_http::Response::from_string("mine").with_status_code(418).boxed()))
    };
    middleware.use_layer("mine", On::Both, respond);
    middleware.use_layer("never", On::Both, |_| panic!("ran"));
    let outcome = run(&middleware, &request("GET /primus", ""), false);
    assert_eq!((outcome.status, outcome.body.as_str()), (Some(418), "mine"));
}

/// The trace `async-middleware-error` of Primus 8.
#[test]
fn an_error_is_answered_as_primus_does() {
    let middleware = Middleware::new();
    middleware.use_layer("mw", On::Both, |_| Err("mw".into()));
    let outcome = run(&middleware, &request("GET /primus", ""), true);
    assert_eq!(
        outcome.raw,
        "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"error\":\"mw\"}"
    );
    middleware.use_layer("mw", On::Both, |_| Err(HttpError::new(418, "tea \"pot\"\r\n")));
    let outcome = run(&middleware, &request("GET /primus", ""), false);
    assert_eq!(outcome.status, Some(418));
    assert_eq!(outcome.body, r#"{"error":"tea \"pot\"\r\n"}"#);
}

#[test]
fn a_panicking_layer_is_a_500_for_its_exchange_alone() {
    let middleware = Middleware::new();
    middleware.use_layer("moody", On::Both, |exchange| {
        assert!(exchange.request().path() != "/panic", "secret");
        Ok(Flow::Next)
    });
    let hit = request("GET /panic", "");
    let mut exchange = Exchange::new(&hit, false);
    let answer = middleware.run(&mut exchange).unwrap_err();
    let failure = answer.failure.unwrap();
    assert_eq!(failure.text, r#"the middleware layer "moody" panicked: secret"#);
    assert!(failure.panicked);
    let outcome = run(&middleware, &hit, false);
    assert_eq!((outcome.status, outcome.body.contains("secret")), (Some(500), false));
    assert_eq!(run(&middleware, &request("GET /calm", ""), false).status, None);
}

#[test]
fn an_error_is_the_layers_failure_unless_it_blames_the_client() {
    for (error, failed) in [
        (HttpError::new(400, "x"), false),
        (HttpError::new(401, "x"), false),
        (HttpError::new(499, "x"), false),
        (HttpError::new(500, "x"), true),
        (HttpError::new(503, "x"), true),
        (HttpError::from("x"), true),
    ] {
        let middleware = Middleware::new();
        let text = format!("the middleware layer \"mw\" failed: {error}");
        middleware.use_layer("mw", On::Both, move |_| Err(error.clone()));
        let hit = request("GET /primus", "");
        let failure = middleware.run(&mut Exchange::new(&hit, false)).unwrap_err().failure;
        assert_eq!(failure, failed.then_some(Failure { panicked: false, text }));
    }
    // An authorization refuses with what names no status.
    let authorization = Authorization::default();
    authorization.set(|_| Err(HttpError::from("who are you?")));
    let middleware = Defaults { authorization, ..defaults() }.middleware();
    let hit = request("GET /primus", "");
    let answer = middleware.run(&mut Exchange::new(&hit, false)).unwrap_err();
    assert_eq!((answer.response.status_code().0, answer.failure), (401, None));
}

#[test]
fn headers_that_cannot_be_sent_are_errors() {
    let middleware = Middleware::new();
    middleware.use_layer("split", On::Both, |exchange| {
        let value = exchange.request().path().replace('/', "\r\nX: ");
        exchange.set_header("x-path", &value).map(|()| Flow::Next)
    });
    let outcome = run(&middleware, &request("GET /a", ""), false);
    assert_eq!(outcome.status, Some(500));
    assert!(outcome.headers.is_empty());
}

#[test]
fn later_layers_overwrite_and_take_back() {
    let middleware = Middleware::new();
    middleware.use_layer("a", On::Both, |exchange| {
        exchange.set_header("X-A", "1")?;
        exchange.set_header("x-a", "2")?;
        exchange.set_header("x-b", "3")?;
        exchange.remove_header("X-B");
        Ok(Flow::Next)
    });
    assert_eq!(run(&middleware, &request("GET /", ""), false).headers, ["x-a: 2"]);
}

#[test]
fn extensions_hold_one_value_of_a_type() {
    let request = request("GET /", "");
    let mut exchange = Exchange::new(&request, true);
    assert!(exchange.extensions().is_empty());
    assert_eq!(exchange.extensions_mut().insert(1u8), None);
    assert_eq!(exchange.extensions_mut().insert(2u8), Some(1));
    exchange.extensions_mut().insert("text");
    *exchange.extensions_mut().get_mut::<u8>().unwrap() += 1;
    let (_, mut extensions) = exchange.into_parts();
    assert_eq!((extensions.get::<u8>(), extensions.get::<&str>()), (Some(&3), Some(&"text")));
    assert_eq!(extensions.remove::<u8>(), Some(3));
    assert_eq!(extensions.get::<u8>(), None);
}

#[test]
fn an_error_in_its_shapes() {
    let body = |error: HttpError| {
        let mut text = String::new();
        error.response(500).into_reader().read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(body("text".into()), r#"{"error":"text"}"#);
    assert_eq!(body(String::from("text").into()), r#"{"error":"text"}"#);
    assert_eq!(body(HttpError::json(400, &[1, 2])), r#"{"error":[1,2]}"#);
    let cause: crate::BoxError = "cause".into();
    assert_eq!(body(cause.into()), r#"{"error":"cause"}"#);
    for status in [0, 100, 199, 1000] {
        assert_eq!(HttpError::new(status, "x").status(), Some(500));
    }
}
