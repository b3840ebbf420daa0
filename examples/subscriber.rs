//! Prints what a server sends, one line of JSON for each message, and tells scripts
//! by its exit status how that went. It reconnects by itself.
//!
//! ```console
//! $ cargo run --example subscriber http://127.0.0.1:8080 3
//! ```
//!
//! | status | |
//! |---|---|
//! | 0 | as many messages were printed as were asked for; or the server ended the connection, and none in particular were |
//! | 1 | no connection was made |
//! | 2 | the arguments cannot be used |
//! | 3 | the connection ended before as many messages had come, or was lost for good |
//! | 4 | the messages could not be printed |

use std::io::{self, Write};
use std::process::ExitCode;

use primus::{Client, Ended, Error};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (url, wanted) = match &arguments[..] {
        [url] => (url, None),
        [url, count] if count.parse::<usize>().is_ok() => (url, count.parse::<usize>().ok()),
        _ => return failure(2, "usage: subscriber URL [COUNT]"),
    };
    let client = match Client::connect(url) {
        Ok(client) => client,
        Err(error) => return failure(1, error), // it names the server, and no password
    };
    client.on_reconnect_scheduled(|_, attempt| eprintln!("lost, again in {:?}", attempt.delay));
    match print(&client, wanted.unwrap_or(usize::MAX)) {
        Err(error) => failure(4, error),
        Ok(printed) if Some(printed) == wanted => ExitCode::SUCCESS,
        Ok(_) => match (wanted, client.error()) {
            (None, Some(Error::Ended(reason))) if reason.by == Ended::Remote => ExitCode::SUCCESS,
            (_, error) => failure(3, error.unwrap_or(Error::Closed)),
        },
    }
}

/// Prints so many messages, or as many as come before the client ends.
fn print(client: &Client, most: usize) -> io::Result<usize> {
    let mut printed = 0;
    for message in client.messages().take(most) {
        let line = serde_json::to_string(&message).map_err(io::Error::other)?;
        writeln!(io::stdout(), "{line}")?;
        printed += 1;
    }
    Ok(printed)
}

fn failure(status: u8, why: impl std::fmt::Display) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(status)
}
