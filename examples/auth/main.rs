//! Only those who have logged in may connect: a page with a form, a session in a
//! cookie, and an authorization that looks for it.
//!
//! ```console
//! $ cargo run --example auth
//! log in as ada, with lovelace, at http://127.0.0.1:8080
//! ```

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use primus::middleware::HttpError;
use primus::tiny_http::{Header, Method, Response, ResponseBox};
use primus::{BoxError, Primus, Request};
use serde::Deserialize;

#[path = "../shared/page.rs"]
mod page;

use page::{File, Kind, POLICY, STYLE};

const FILES: &[File] = &[
    ("/", include_str!("page.html"), Kind::Html),
    ("/auth.js", include_str!("page.js"), Kind::JavaScript),
    STYLE,
];

/// Who may come, and with what. A real application keeps hashes of passwords.
const USERS: [(&str, &str); 2] = [("ada", "lovelace"), ("grace", "hopper")];

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

/// What the authorization found out, for the listeners.
struct User(String);

/// The users who are logged in, by their sessions' keys.
#[derive(Default)]
struct Sessions(Mutex<HashMap<String, String>>);

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user whose cookie comes with a request.
    fn user(&self, request: &Request) -> Option<String> {
        self.lock().get(key(request)?).cloned()
    }
}

/// The key in the cookie of a request.
fn key(request: &Request) -> Option<&str> {
    let cookies = request.header("cookie")?.split(';');
    cookies.into_iter().find_map(|cookie| cookie.trim().strip_prefix("session="))
}

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
    primus.on_request(move |request, body| answer(&sessions, request, body));
    primus.listen_on(listener)?;
    println!("log in as ada, with lovelace, at {site}");
    primus.wait();
    Ok(())
}

fn answer(sessions: &Sessions, request: &Request, body: &mut dyn Read) -> ResponseBox {
    match (request.method(), request.path()) {
        (Method::Post, "/login") => log_in(sessions, body),
        (Method::Post, "/logout") => {
            key(request).and_then(|key| sessions.lock().remove(key));
            Response::empty(204).boxed()
        }
        (method, path) => page::answer(FILES, method, path, POLICY),
    }
}

fn log_in(sessions: &Sessions, body: &mut dyn Read) -> ResponseBox {
    let Ok(login) = serde_json::from_reader::<_, Login>(body) else {
        return Response::empty(400).boxed();
    };
    if !USERS.contains(&(&*login.user, &*login.password)) {
        return Response::empty(401).boxed();
    }
    let mut random = [0; 16];
    if getrandom::fill(&mut random).is_err() {
        return Response::empty(503).boxed();
    }
    let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let cookie = format!("session={key}; HttpOnly; SameSite=Strict; Path=/");
    sessions.lock().insert(key, login.user);
    let cookie = Header::from_bytes("Set-Cookie", cookie).expect("it has no control characters");
    Response::empty(204).with_header(cookie).boxed()
}
