//! Layers that see every request below `/primus`: one that shows them all, one
//! that closes the door for maintenance. The page has both at work.
//!
//! ```console
//! $ cargo run --example middleware
//! the page is at http://127.0.0.1:8080
//! ```

use primus::middleware::{Flow, HttpError, On};
use primus::tiny_http::{Method, Response};
use primus::{EndOptions, Primus};
use serde::Serialize;

#[path = "../shared/page.rs"]
mod page;

use page::{File, Kind, POLICY, STYLE};

const FILES: &[File] = &[
    ("/", include_str!("page.html"), Kind::Html),
    ("/middleware.js", include_str!("page.js"), Kind::JavaScript),
    STYLE,
];

/// A request, as the page shows it.
#[derive(Serialize)]
struct Seen<'a> {
    method: &'a str,
    path: &'a str,
    from: String,
    upgrade: bool,
}

fn main() -> primus::Result<()> {
    let primus = Primus::builder().build()?;
    layers(&primus);
    pages(&primus);
    // Whatever a page writes: it wants to be sent away, and may come back.
    primus.on_connection(|spark| {
        spark.on_data(|spark, _| spark.end_options(EndOptions::default().reconnect(true)));
    });
    println!("the page is at http://{}", primus.listen_on(page::listener())?);
    primus.wait();
    Ok(())
}

fn layers(primus: &Primus) {
    let middleware = primus.middleware();
    let all = primus.clone();
    // The first of all, so that it sees what others answer.
    middleware.use_layer_at(0, "show", On::Both, move |exchange| {
        let request = exchange.request();
        let seen = Seen {
            method: request.method().as_str(),
            path: request.path(),
            from: request.address().ip.to_string(),
            upgrade: exchange.is_upgrade(),
        };
        // A page that is too slow for it misses it.
        let _ = all.write(&seen);
        exchange.set_header("X-Shown", "yes")?;
        Ok(Flow::Next)
    });
    middleware.use_layer("maintenance", On::Both, |_| {
        Err(HttpError::new(503, "Closed for maintenance, back in a moment."))
    });
    middleware.disable("maintenance");
}

fn pages(primus: &Primus) {
    let server = primus.clone();
    primus.on_request(move |request, _| {
        let middleware = server.middleware();
        match (request.method(), request.path()) {
            (Method::Post, "/close") => drop(middleware.enable("maintenance")),
            (Method::Post, "/open") => drop(middleware.disable("maintenance")),
            (method, path) => return page::answer(FILES, method, path, POLICY),
        }
        Response::empty(204).boxed()
    });
}
