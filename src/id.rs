//! Ids that a stranger cannot guess: randomness from the operating system,
//! fetched for many ids at a time.

use std::io;

use crate::sync::Lock;

/// The alphabet of spark ids; 64 letters, so that six random bits make one and
/// none is likelier than another.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Letters of a spark id: 126 bits.
const SPARK_ID: usize = 21;

/// Letters of a session id, as many as engine.io's have: 120 bits.
const SESSION_ID: usize = 20;

/// Random bytes fetched at once: enough for 64 spark ids.
const BATCH: usize = 64 * SPARK_ID;

/// Bytes not handed out yet; the bytes before `used` are gone.
struct Pool {
    bytes: [u8; BATCH],
    used: usize,
}

static POOL: Lock<Pool> = Lock::new(Pool { bytes: [0; BATCH], used: BATCH });

/// The id of a new spark: 21 letters of `A-Za-z0-9_-`.
///
/// # Errors
///
/// The operating system has no randomness to give.
pub fn spark_id() -> io::Result<String> {
    letters::<SPARK_ID>()
}

/// The id of a session of a polling protocol: 20 letters of `A-Za-z0-9_-`.
///
/// # Errors
///
/// The operating system has no randomness to give.
pub fn session_id() -> io::Result<String> {
    letters::<SESSION_ID>()
}

/// A random UUID (RFC 9562, version 4).
///
/// # Errors
///
/// The operating system has no randomness to give.
pub fn uuid() -> io::Result<String> {
    let mut bytes = [0; 16];
    fill(&mut bytes)?;
    Ok(uuid_of(u128::from_be_bytes(bytes)))
}

/// A random number as a UUID.
pub fn uuid_of(random: u128) -> String {
    let version = 0xF << 76 | 0x3 << 62;
    let mut digits = format!("{:032x}", random & !version | 0x4 << 76 | 0x2 << 62);
    [8, 13, 18, 23].iter().for_each(|at| digits.insert(*at, '-'));
    digits
}

fn letters<const COUNT: usize>() -> io::Result<String> {
    let mut bytes = [0; COUNT];
    fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| ALPHABET[usize::from(byte % 64)] as char).collect())
}

/// Fills `to` with random bytes.
///
/// # Errors
///
/// The operating system has no randomness to give.
pub fn fill(to: &mut [u8]) -> io::Result<()> {
    if to.len() > BATCH {
        return getrandom::fill(to).map_err(io::Error::other);
    }
    let mut pool = POOL.lock();
    if BATCH - pool.used < to.len() {
        getrandom::fill(&mut pool.bytes).map_err(io::Error::other)?;
        pool.used = 0;
    }
    let range = pool.used..pool.used + to.len();
    pool.used = range.end;
    to.copy_from_slice(&pool.bytes[range.clone()]);
    // What was handed out is not kept.
    pool.bytes[range].fill(0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_21_letters_and_never_the_same() {
        let ids: Vec<String> = (0..20_000).map(|_| spark_id().unwrap()).collect();
        for id in &ids {
            assert_eq!(id.len(), 21);
            assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        }
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }

    #[test]
    fn uuids_are_of_version_4() {
        let ids: HashSet<String> = (0..1_000).map(|_| uuid().unwrap()).collect();
        assert_eq!(ids.len(), 1_000);
        for id in &ids {
            let parts: Vec<_> = id.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert!(id.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit() && b != b'A'));
            assert!(
                parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']),
                "{id}"
            );
        }
    }

    #[test]
    fn every_letter_is_about_as_frequent() {
        let mut counts = [0u32; 128];
        for _ in 0..20_000 {
            spark_id().unwrap().bytes().for_each(|b| counts[usize::from(b)] += 1);
        }
        // 6,562 of each expected; the bounds are eleven standard deviations.
        for &letter in ALPHABET {
            let count = counts[usize::from(letter)];
            assert!((5_660..7_460).contains(&count), "{}: {count}", letter as char);
        }
    }

    #[test]
    fn large_buffers_are_filled_too() {
        let mut bytes = vec![0; 3 * BATCH];
        fill(&mut bytes).unwrap();
        assert!(bytes.chunks(BATCH).all(|chunk| chunk.iter().any(|&b| b != 0)));
    }

    #[test]
    fn threads_do_not_share_bytes() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..2_000).map(|_| spark_id().unwrap()).collect()))
            .collect();
        let ids: Vec<Vec<String>> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        let ids: Vec<String> = ids.concat();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 8_000);
    }
}
