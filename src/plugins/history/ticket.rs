//! Since where a client may read what is kept of a room: what it was given when it came into
//! it, and shows when it comes back.
//!
//! A ticket says an offset, and proves by a keyed hash that the room's servers have said so
//! to this client, of this room and epoch. So nothing is kept of those who have gone, and
//! nobody reads what was there before it came, whatever it says of where it was.

use std::io;
use std::sync::Arc;

use sha1::{Digest, Sha1};

use super::position::Position;
use crate::id;
use crate::plugins::secret::is_same;

/// Letters that a ticket may have: 20 digits, a point, and the hash.
pub(super) const LONGEST_TICKET: usize = 64;

/// Bytes that a hash takes in, and gives.
const BLOCK: usize = 64;
const HASH: usize = 20;

/// What tickets are made with, and known again: what nobody else knows than the servers of
/// a room.
#[derive(Clone)]
pub(super) struct Key(Arc<str>);

impl Key {
    /// A new one: 240 bits, as letters.
    pub fn new() -> io::Result<Self> {
        Ok(Key(format!("{}{}", id::session_id()?, id::session_id()?).into()))
    }

    /// One that another server has made.
    #[cfg(feature = "redis")]
    pub fn of(letters: &str) -> Option<Self> {
        (!letters.is_empty()).then(|| Key(letters.into()))
    }

    #[cfg(feature = "redis")]
    pub fn letters(&self) -> &str {
        &self.0
    }

    /// The ticket of a client that may read what comes behind a position.
    pub fn ticket(&self, client: &str, room: &str, since: &Position) -> String {
        let offset = since.offset.to_string();
        // Each with its length before it, so that no two lists are the same text.
        let mut said = Vec::new();
        for part in [client, room, &since.epoch, &offset] {
            said.extend_from_slice(&(part.len() as u64).to_be_bytes());
            said.extend_from_slice(part.as_bytes());
        }
        let mut ticket = offset;
        ticket.push('.');
        for byte in hmac(self.0.as_bytes(), &said) {
            ticket.push_str(&format!("{byte:02x}"));
        }
        ticket
    }

    /// Behind which position in an epoch a client may read, if that is its ticket.
    pub fn since(
        &self,
        client: &str,
        room: &str,
        epoch: &Arc<str>,
        ticket: &str,
    ) -> Option<Position> {
        let (offset, _) = ticket.split_once('.')?;
        let since = Position::new(epoch.clone(), offset.parse().ok()?);
        is_same(&self.ticket(client, room, &since), ticket).then_some(since)
    }
}

/// HMAC (RFC 2104) with SHA-1, which is in the crate for WebSockets anyway. That two texts of
/// one hash can be made does it no harm: without the key nobody can tell which they are.
fn hmac(key: &[u8], text: &[u8]) -> [u8; HASH] {
    let mut block = [0; BLOCK];
    match key.len() <= BLOCK {
        true => block[..key.len()].copy_from_slice(key),
        false => block[..HASH].copy_from_slice(&Sha1::digest(key)),
    }
    let hash = |pad: u8, text: &[u8]| {
        Sha1::new().chain_update(block.map(|byte| byte ^ pad)).chain_update(text).finalize()
    };
    hash(0x5c, &hash(0x36, text)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 2202, section 3.
    #[test]
    fn hashes_are_those_of_the_standard() {
        let cases: [(&[u8], &[u8], &str); 4] = [
            (&[0x0b; 20], b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
            (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (&[0xaa; 20], &[0xdd; 50], "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
        ];
        for (key, text, hash) in cases {
            assert_eq!(hex(&hmac(key, text)), hash);
        }
    }

    #[test]
    fn a_ticket_is_good_for_one_client_room_epoch_and_offset() {
        let (key, epoch) = (Key::new().unwrap(), Arc::from("e"));
        for offset in [0, 7, u64::MAX] {
            let since = Position::new("e", offset);
            let ticket = key.ticket("client", "room", &since);
            assert!(ticket.len() <= LONGEST_TICKET);
            assert_eq!(key.since("client", "room", &epoch, &ticket), Some(since));
            assert_eq!(key.since("other", "room", &epoch, &ticket), None);
            assert_eq!(key.since("client", "other", &epoch, &ticket), None);
            assert_eq!(key.since("client", "room", &"f".into(), &ticket), None);
            // Nor where one name goes on in the next.
            assert_eq!(key.since("clientr", "oom", &epoch, &ticket), None);
            assert_eq!(Key::new().unwrap().since("client", "room", &epoch, &ticket), None);
            let (_, hash) = ticket.split_once('.').unwrap();
            for forged in [format!("3.{hash}"), format!("+{ticket}"), format!("0{ticket}")] {
                assert_eq!(key.since("client", "room", &epoch, &forged), None, "{forged}");
            }
        }
        for odd in ["", ".", "1", "1.", ".1", "-1.x", "1.x", "99999999999999999999.x"] {
            assert_eq!(key.since("client", "room", &epoch, odd), None, "{odd}");
        }
    }
}
