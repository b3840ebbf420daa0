//! Only those who have logged in may connect: a page with a form, a session in a
//! cookie, and an authorization that looks for it.
//!
//! ```console
//! $ cargo run --example auth
//! log in as ada, with lovelace, at http://127.0.0.1:8080
//! ```

use std::sync::Arc;

use primus::middleware::HttpError;
use primus::tiny_http::Method;
use primus::{BoxError, Primus};

#[path = "../shared/page.rs"]
mod page;
mod sessions;

use page::{File, Kind, POLICY, STYLE};
use sessions::Sessions;

const FILES: &[File] = &[
    ("/", include_str!("page.html"), Kind::Html),
    ("/auth.js", include_str!("page.js"), Kind::JavaScript),
    STYLE,
];

/// What the authorization found out, for the listeners.
struct User(String);

fn main() -> Result<(), BoxError> {
    let listener = page::listener();
    let site = format!("http://{}", listener.local_addr()?);
    // Browsers send cookies along for pages of other sites too: these are kept out.
    let primus = Primus::builder().origins([site.as_str()]).build()?;
    let sessions = Arc::new(Sessions::default());
    let known = sessions.clone();
    primus.authorize(move |exchange| match known.user(exchange.request()) {
        Some(user) => {
            exchange.extensions_mut().insert(User(user));
            Ok(())
        }
        None => Err(HttpError::new(401, "Log in first.")),
    });
    primus.on_connection(|spark| {
        let user = spark.extensions().get::<User>().map_or("nobody", |user| &user.0);
        spark.write(&format!("Hello {user}, this connection is yours: {}", spark.id()))
    });
    primus.on_request(move |request, body| match (request.method(), request.path()) {
        (Method::Post, "/login") => sessions.log_in(body),
        (Method::Post, "/logout") => sessions.log_out(request),
        (method, path) => page::answer(FILES, method, path, POLICY),
    });
    primus.listen_on(listener)?;
    println!("log in as ada, with lovelace, at {site}");
    primus.wait();
    Ok(())
}
