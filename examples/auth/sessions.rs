//! Who is logged in: a session's key in a cookie.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};

use primus::Request;
use primus::tiny_http::{Header, Response, ResponseBox};
use serde::Deserialize;

/// Who may come, and with what. A real application keeps hashes of passwords.
const USERS: [(&str, &str); 2] = [("ada", "lovelace"), ("grace", "hopper")];

#[derive(Deserialize)]
struct Login {
    user: String,
    password: String,
}

/// The users who are logged in, by their sessions' keys.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<String, String>>);

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user whose cookie comes with a request.
    pub fn user(&self, request: &Request) -> Option<String> {
        self.lock().get(key(request)?).cloned()
    }

    /// Answers the form: with a cookie if the password is right.
    pub fn log_in(&self, body: &mut dyn Read) -> ResponseBox {
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
        self.lock().insert(key, login.user);
        let cookie =
            Header::from_bytes("Set-Cookie", cookie).expect("it has no control characters");
        Response::empty(204).with_header(cookie).boxed()
    }

    /// Forgets the session.
    pub fn log_out(&self, request: &Request) -> ResponseBox {
        key(request).and_then(|key| self.lock().remove(key));
        Response::empty(204).boxed()
    }
}

/// The key in the cookie of a request.
fn key(request: &Request) -> Option<&str> {
    let cookies = request.header("cookie")?.split(';');
    cookies.into_iter().find_map(|cookie| cookie.trim().strip_prefix("session="))
}
