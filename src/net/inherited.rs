//! Sockets that the process was started with, by systemd or another supervisor.

use std::io;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

use super::listener::Listener;

/// More are not handed to anybody.
const MOST: usize = 1_024;

/// Takes what `LISTEN_FDS` speaks of, all or nothing; none when it is for another
/// process, or was taken before.
pub(crate) fn inherited() -> io::Result<Vec<Listener>> {
    if let Some(count) = std::env::var_os("LISTEN_FDS") {
        let number = count.to_str().and_then(|count| count.parse().ok());
        if number.is_none_or(|number: usize| number > MOST) {
            return Err(bad(&format!("LISTEN_FDS is {count:?}, no number of sockets")));
        }
    }
    let mut given = ListenFd::from_env();
    (0..given.len()).map(|at| take(&mut given, at)).collect()
}

fn take(given: &mut ListenFd, at: usize) -> io::Result<Listener> {
    let place = format!("inherited socket {at}");
    let taken = match given.take_unix_listener(at) {
        Ok(unix) => unix.map(Listener::from),
        Err(_) => match given.take_tcp_listener(at) {
            Ok(tcp) => tcp.map(Listener::Tcp),
            Err(_) => return Err(bad(&format!("{place} is neither TCP nor a Unix stream"))),
        },
    };
    let listener = taken.ok_or_else(|| bad(&format!("{place} is taken")))?;
    if !socket_acceptconn(&listener)? {
        return Err(bad(&format!("{place} does not listen (`Accept=yes` in its unit?)")));
    }
    Ok(listener)
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
