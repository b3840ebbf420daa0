//! What the tests of all protocols have of those who want what is another's.

use crossbeam_channel::Receiver;

use super::server::Server;

/// Origins, and whether they are let in where `https://good.example` is.
pub const ORIGINS: [(&str, bool); 7] = [
    ("https://good.example", true),
    ("http://good.example", false),
    ("https://good.example:8443", false),
    ("https://good.example.evil.com", false),
    ("https://evil.com", false),
    ("null", false),
    ("", false),
];

/// The lines of a server's log, in which listeners fail with what was sent.
pub fn log_of_failures(server: &Server) -> Receiver<String> {
    let (tell, lines) = crossbeam_channel::unbounded();
    server.primus.on_log(move |_, line| drop(tell.send(line.to_owned())));
    server.primus.on_connection(|spark| {
        spark.on_data(|_, message| Err::<(), _>(message.as_str().unwrap_or_default().to_owned()));
    });
    lines
}

/// Whatever a stranger has sent, a line is a line; one of them has this in it.
#[track_caller]
pub fn lines_are_lines(lines: &Receiver<String>, part: &str) {
    let lines: Vec<String> = lines.try_iter().collect();
    assert!(lines.iter().any(|line| line.contains(part)), "{lines:?}");
    for line in lines {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}
