//! What the frames of a WebSocket mean, and its closing handshake (RFC 6455
//! sections 5.5 and 7), for both roles. Sans-io: what is read comes in, what is
//! to be said goes out, and time is an argument.
//!
//! | phase | message | ping | pong | close frame | breach, flood | [`close`](Session::close) |
//! |---|---|---|---|---|---|---|
//! | open | [`Heard::Message`] | [`Heard::Ping`] | – | [`Heard::Closed`] → over | [`Heard::Closed`] → over | true → closing |
//! | closing | the same | the same | – | [`Heard::Answered`] → over | [`Heard::Closed`] → over | false |
//! | over | nothing is heard any more, and what comes is thrown away | | | | | false |
//!
//! When it is over, the close frame that [`farewell`] gives is sent, unless one
//! was, and then our direction of the stream ends. The socket is closed when the
//! peer has ended its own: closed with something unread in it, it would destroy
//! what we said last on its way.
//!
//! A client says `close` here. A server's sparks say it in their outboxes, from
//! whatever thread, and live on meanwhile; here it stays open until the peer has
//! answered, which the spark's thread tells from the peer's own goodbye.

use std::io;
use std::time::Instant;

use super::decoder::{Decoder, Event, Role, Violation};
use super::deflate::Agreed;
use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::rate::PerSecond;

/// The incoming half of a WebSocket, whose handshake is done.
pub(super) struct Session {
    role: Role,
    decoder: Decoder,
    controls: PerSecond,
    /// Pongs that were heard.
    pongs: u32,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// We said goodbye and wait for the answer.
    Closing,
    /// Both did, or the peer broke the protocol.
    Over,
}

/// What a peer says.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message.
    Message(Frame),
    /// A ping, to be answered with this payload.
    Ping(Vec<u8>),
    /// It closes, or has broken the protocol.
    Closed(CloseReason),
    /// It has answered our close frame.
    Answered,
}

impl Session {
    /// A WebSocket on which `leftover` came behind the handshake, in which this
    /// compression was `agreed` on. Messages may have `max_length` bytes, and so many
    /// control frames may come in a second: to a client, pings.
    pub fn new(
        role: Role,
        max_length: usize,
        controls: u32,
        agreed: Option<&Agreed>,
        leftover: &[u8],
    ) -> Self {
        let mut decoder = Decoder::new(role, max_length, agreed);
        decoder.feed(leftover);
        let controls = PerSecond::new(controls);
        Session { role, decoder, controls, pongs: 0, phase: Phase::Open }
    }

    /// Has `read` read from the peer, and tells how many bytes it has read.
    #[inline]
    pub fn read(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        match self.phase {
            Phase::Over => waste(read),
            _ => self.decoder.read(read),
        }
    }

    /// The next thing in what was read.
    #[inline]
    pub fn next(&mut self, now: impl Fn() -> Instant) -> Option<Heard> {
        if self.phase == Phase::Over {
            return None;
        }
        loop {
            return Some(match self.decoder.next() {
                Ok(Some(Event::Message(frame))) => Heard::Message(frame),
                Ok(None) => return None,
                Ok(Some(Event::Ping(payload))) if self.controls.allow(now()) => {
                    Heard::Ping(payload)
                }
                // To a client that must ask for them they are no burden.
                Ok(Some(Event::Pong(_)))
                    if self.role == Role::Client || self.controls.allow(now()) =>
                {
                    self.pongs = self.pongs.wrapping_add(1);
                    continue;
                }
                Ok(Some(Event::Ping(_) | Event::Pong(_))) => self.flooded(),
                Ok(Some(Event::Close(why))) => self.closed(why),
                Err(violation) => self.broken(violation),
            });
        }
    }

    /// The next message where it lies, if it is a text that can be read so; `None`
    /// when [`next`](Self::next) is to be asked. The error is the end.
    #[inline]
    pub fn next_in_place(&mut self) -> Option<Result<&str, CloseReason>> {
        if self.phase == Phase::Over {
            return None;
        }
        let text = self.decoder.next_in_place()?;
        if text.is_err() {
            self.phase = Phase::Over;
        }
        Some(text.map_err(breach))
    }

    /// How many pongs were heard.
    #[inline]
    pub fn pongs(&self) -> u32 {
        self.pongs
    }

    /// Whether [`next`](Self::next) has more, or a part of a message is there.
    pub fn has_more(&mut self) -> bool {
        self.phase != Phase::Over && self.decoder.has_more()
    }

    /// We say goodbye: false when it was said, or is of no use any more.
    pub fn close(&mut self) -> bool {
        let open = self.phase == Phase::Open;
        if open {
            self.phase = Phase::Closing;
        }
        open
    }

    /// Whether all is said, and only the end of the stream is to come.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    #[cold]
    fn closed(&mut self, why: Option<(u16, String)>) -> Heard {
        let before = std::mem::replace(&mut self.phase, Phase::Over);
        if before == Phase::Closing {
            return Heard::Answered;
        }
        let (code, text) = why.unwrap_or((1005, String::new()));
        Heard::Closed(CloseReason::new(Ended::Remote, code, text, true))
    }

    #[cold]
    fn broken(&mut self, violation: Violation) -> Heard {
        self.phase = Phase::Over;
        Heard::Closed(breach(violation))
    }

    #[cold]
    fn flooded(&mut self) -> Heard {
        let text = match self.role {
            Role::Server => "too many control frames",
            Role::Client => "too many pings",
        };
        self.broken(Violation { code: 1008, text })
    }
}

#[cold]
fn breach(Violation { code, text }: Violation) -> CloseReason {
    CloseReason::new(Ended::Protocol, code, text, true)
}

/// Apart, for the stack that it takes.
#[cold]
#[inline(never)]
fn waste(read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
    read(&mut [0; 1024])
}

/// What the close frame says about a connection that ends for this reason.
pub(super) fn farewell(role: Role, reason: &CloseReason) -> Option<(u16, &str)> {
    match (reason.by, reason.code) {
        // An ordinary end carries no code, as with ws.
        (_, 1005) | (Ended::Local | Ended::Heartbeat | Ended::Shutdown, _) => None,
        // A close is echoed with its reason.
        (Ended::Remote, code) => Some((code, &reason.text)),
        // Of a breach a server says no more than the code.
        (Ended::Protocol, code) if role == Role::Client => Some((code, &reason.text)),
        (_, code) => Some((code, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::{encode, encode_close, encode_ping, encode_pong};
    use super::*;

    const CONTROLS: u32 = 3;

    type Mask = Option<[u8; 4]>;

    /// A session and what sends to it.
    struct Line {
        session: Session,
        mask: Mask,
    }

    fn line(role: Role) -> Line {
        let mask = (role == Role::Server).then_some([1, 2, 3, 4]);
        Line { session: Session::new(role, 100, CONTROLS, None, b""), mask }
    }

    impl Line {
        /// Sends frames, and tells in short what the session hears of them.
        fn hears(&mut self, frames: impl FnOnce(Mask, &mut Vec<u8>)) -> Vec<String> {
            let mut bytes = Vec::new();
            frames(self.mask, &mut bytes);
            let read = self.session.read(|room| {
                room[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            });
            assert_eq!(read.unwrap(), bytes.len());
            let (now, role) = (Instant::now(), self.session.role);
            let heard = std::iter::from_fn(|| self.session.next(|| now));
            heard.map(|heard| told(role, &heard)).collect()
        }
    }

    fn told(role: Role, heard: &Heard) -> String {
        match heard {
            Heard::Message(frame) => frame.as_text().unwrap().to_owned(),
            Heard::Ping(payload) => format!("ping {}", str::from_utf8(payload).unwrap()),
            Heard::Answered => "answered".into(),
            Heard::Closed(reason) => {
                format!(
                    "{:?} {} {}, told {:?}",
                    reason.by,
                    reason.code,
                    reason.text,
                    farewell(role, reason)
                )
            }
        }
    }

    const BOTH: [Role; 2] = [Role::Server, Role::Client];

    #[test]
    fn messages_and_pings_are_heard_and_pongs_are_not() {
        for role in BOTH {
            let mut line = line(role);
            let heard = line.hears(|mask, out| {
                encode_pong(b"", mask, out);
                encode(&Frame::text("a"), mask, out);
                encode_ping(b"b", mask, out);
            });
            assert_eq!(heard, ["a", "ping b"]);
            assert_eq!(line.session.pongs(), 1);
        }
    }

    #[test]
    fn a_peer_that_closes_is_heard_once_and_gets_its_own_words_back() {
        for role in BOTH {
            let mut line = line(role);
            let heard = line.hears(|mask, out| {
                encode_close(Some((4000, "bye")), mask, out);
                encode(&Frame::text("late"), mask, out);
            });
            assert_eq!(heard, [r#"Remote 4000 bye, told Some((4000, "bye"))"#]);
            assert!(line.session.is_over() && !line.session.close());
            assert!(line.hears(|mask, out| encode_ping(b"", mask, out)).is_empty());
            assert!(!line.session.has_more());
        }
        for role in BOTH {
            let heard = line(role).hears(|mask, out| encode_close(None, mask, out));
            assert_eq!(heard, ["Remote 1005 , told None"]);
        }
    }

    #[test]
    fn our_goodbye_is_said_once_and_what_comes_before_its_answer_is_heard() {
        for role in BOTH {
            let mut line = line(role);
            assert!(line.session.close());
            assert!(!line.session.close() && !line.session.is_over());
            let heard = line.hears(|mask, out| {
                encode(&Frame::text("a"), mask, out);
                encode_close(None, mask, out);
            });
            assert_eq!(heard, ["a", "answered"]);
            assert!(line.session.is_over());
        }
    }

    #[test]
    fn a_breach_ends_it_at_any_time_and_a_server_names_it_by_its_code_alone() {
        let text = "reserved bits are set";
        for closing in [false, true] {
            for (role, said) in [(Role::Server, ""), (Role::Client, text)] {
                let mut line = line(role);
                assert!(!closing || line.session.close());
                let heard = line.hears(|_, out| out.extend([0xf1, 0x00]));
                assert_eq!(heard, [format!("Protocol 1002 {text}, told {:?}", Some((1002, said)))]);
                assert!(line.session.is_over());
            }
        }
    }

    #[test]
    fn floods_are_a_breach_and_pongs_count_for_a_server_only() {
        let flood = |encode: fn(&[u8], Mask, &mut Vec<u8>)| {
            move |mask, out: &mut Vec<u8>| (0..=CONTROLS).for_each(|_| encode(b"", mask, out))
        };
        for (role, text) in
            [(Role::Server, "too many control frames"), (Role::Client, "too many pings")]
        {
            let heard = line(role).hears(flood(encode_ping));
            let (last, before) = heard.split_last().unwrap();
            assert_eq!(before, ["ping "; CONTROLS as usize]);
            assert!(last.starts_with(&format!("Protocol 1008 {text},")), "{last}");
        }
        assert!(line(Role::Client).hears(flood(encode_pong)).is_empty());
        let heard = line(Role::Server).hears(flood(encode_pong));
        assert_eq!(heard, [r#"Protocol 1008 too many control frames, told Some((1008, ""))"#]);
    }

    #[test]
    fn what_ends_on_this_side_is_told_with_no_code_or_with_the_code_alone() {
        for by in [Ended::Local, Ended::Heartbeat, Ended::Shutdown] {
            assert_eq!(farewell(Role::Server, &CloseReason::new(by, 1001, "x", true)), None);
        }
        let failed = CloseReason::new(Ended::Application, 1011, "x", true);
        assert_eq!(farewell(Role::Server, &failed), Some((1011, "")));
    }
}
