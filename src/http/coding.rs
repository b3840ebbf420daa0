//! Content codings (RFC 9110 section 8.4): whether an answer is compressed, and how.

#[cfg(feature = "compression")]
use flate2::Crc;

use crate::compression::Compression;
#[cfg(feature = "compression")]
use crate::deflate::Deflater;
use crate::frame::room;

/// The longest body, in bytes, that is compressed for one client alone: it is done by
/// the thread that writes, while others that write to the same client wait.
const CODED_MAX: usize = 1 << 20;

/// A coding of answers, the preferred first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, which HTTP calls `deflate`.
    Deflate,
}

impl Coding {
    /// As fields have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
        }
    }

    /// The one that a client wants most, by the elements of its `Accept-Encoding`.
    /// Without that field it wants none, as servers have it, though RFC 9110 does not.
    fn wanted<'a>(accepted: impl Iterator<Item = &'a str>) -> Option<Coding> {
        let (mut named, mut others, mut plain) = ([None; 2], None, None);
        for (name, weight) in accepted.filter_map(element) {
            let of = match name {
                _ if is(name, &["gzip", "x-gzip"]) => &mut named[0],
                _ if is(name, &["deflate"]) => &mut named[1],
                _ if is(name, &["identity"]) => &mut plain,
                "*" => &mut others,
                _ => continue,
            };
            of.get_or_insert(weight);
        }
        let [gzip, deflate] = named.map(|weight| weight.or(others).unwrap_or(0));
        let (best, weight) =
            if gzip >= deflate { (Coding::Gzip, gzip) } else { (Coding::Deflate, deflate) };
        (weight > 0 && plain.is_none_or(|plain| plain <= weight)).then_some(best)
    }

    /// These bytes in this coding; `None` if that is no shorter.
    #[cfg(feature = "compression")]
    pub(crate) fn encode(self, level: u8, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = room::take(bytes.len() / 2);
        out.extend_from_slice(match self {
            Coding::Gzip => &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff][..],
            Coding::Deflate => &[0x78, 0x9c][..],
        });
        let whole = Deflater::with(level, 15, |deflater| deflater.stream(bytes, &mut out));
        match self {
            Coding::Gzip => {
                let mut crc = Crc::new();
                crc.update(bytes);
                out.extend_from_slice(&crc.sum().to_le_bytes());
                // Modulo 2^32, as it is meant.
                out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            }
            Coding::Deflate => out.extend_from_slice(&adler(bytes).to_be_bytes()),
        }
        (whole && out.len() < bytes.len()).then_some(out)
    }

    /// Not here.
    #[cfg(not(feature = "compression"))]
    pub(crate) fn encode(self, _level: u8, _bytes: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// The checksum of RFC 1950.
#[cfg(feature = "compression")]
fn adler(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1u32, 0u32);
    // So many fit before a sum can overflow.
    for part in bytes.chunks(5552) {
        for byte in part {
            low += u32::from(*byte);
            high += low;
        }
        low %= 65_521;
        high %= 65_521;
    }
    high << 16 | low
}

fn is(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// A coding's name and weight, in thousandths; `None` for what makes no sense.
fn element(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next()?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    Some((name, weight.map_or(Some(1000), thousandths)?))
}

/// A weight (RFC 9110 section 12.4.2).
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = part.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(whole, "0" | "1") || part.len() > 3 || !digits {
        return None;
    }
    let weight = format!("{whole}{part:0<3}").parse().ok()?;
    (weight <= 1000).then_some(weight)
}

/// How the answer to a request may be encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coder {
    coding: Option<Coding>,
    level: u8,
    threshold: usize,
}

impl Coder {
    /// For a client with these elements of `Accept-Encoding`; `None` when the server
    /// compresses nothing.
    pub(crate) fn new<'a>(
        compression: &Compression,
        accepted: impl Iterator<Item = &'a str>,
    ) -> Option<Coder> {
        let Compression { level, threshold, .. } = *compression;
        let make = || Coder { coding: Coding::wanted(accepted), level, threshold };
        compression.on.then(make)
    }

    /// Whether bodies of this length may be encoded: answers with one depend on what
    /// the client accepts.
    pub(crate) fn minds(&self, length: usize) -> bool {
        length >= self.threshold && length > 0
    }

    /// The coding of bodies of this length, and its level.
    pub(crate) fn of(&self, length: usize) -> Option<(Coding, u8)> {
        Some((self.coding.filter(|_| self.minds(length))?, self.level))
    }

    /// A body as it is sent, and fields that say what became of it.
    pub(crate) fn encode(&self, body: Vec<u8>) -> (Vec<u8>, &'static str) {
        let coding = self.of(body.len()).filter(|_| body.len() <= CODED_MAX);
        let coded = coding.and_then(|(coding, level)| Some((coding, coding.encode(level, &body)?)));
        match coded {
            Some((coding, coded)) => {
                room::give(body);
                let fields = match coding {
                    Coding::Gzip => "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n",
                    Coding::Deflate => "Content-Encoding: deflate\r\nVary: Accept-Encoding\r\n",
                };
                (coded, fields)
            }
            None if self.minds(body.len()) => (body, "Vary: Accept-Encoding\r\n"),
            None => (body, ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(field: &str) -> Option<&'static str> {
        let elements = field.split(',').map(str::trim).filter(|element| !element.is_empty());
        Coding::wanted(elements).map(Coding::name)
    }

    #[test]
    fn what_clients_want() {
        for (field, coding) in [
            ("gzip, deflate, br, zstd", Some("gzip")),
            ("deflate, gzip", Some("gzip")),
            ("GZip", Some("gzip")),
            ("x-gzip", Some("gzip")),
            ("deflate", Some("deflate")),
            ("gzip;q=0.5, deflate;q=0.8", Some("deflate")),
            ("gzip; q=0.5 , deflate ;q=0.5", Some("gzip")),
            ("gzip;Q=1.000", Some("gzip")),
            ("gzip;q=0.001", Some("gzip")),
            ("gzip;x=y;q=0", None),
            ("*", Some("gzip")),
            ("*;q=0.5, gzip;q=0", Some("deflate")),
            ("*;q=0, gzip", Some("gzip")),
            ("*;q=0", None),
            ("identity;q=0, *", Some("gzip")),
            ("identity;q=0", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some("gzip")),
            ("identity", None),
            ("br, zstd", None),
            ("", None),
            // What makes no sense says nothing.
            ("gzip;q=2", None),
            ("gzip;q=0.1234", None),
            ("gzip;q=-1, deflate", Some("deflate")),
            ("gzip;q=, deflate;q=0.1", Some("deflate")),
            ("gzip;q=1.001", None),
            ("gzipped, gzi", None),
            // Of two the first counts.
            ("gzip;q=0, gzip", None),
        ] {
            assert_eq!(wanted(field), coding, "{field}");
        }
    }

    #[cfg(feature = "compression")]
    #[test]
    fn what_is_encoded_is_read_by_others() {
        use flate2::read::{GzDecoder, ZlibDecoder};
        use std::io::Read;

        for length in [1024, 5552, 5553, 200_000] {
            let body: Vec<u8> = (0..length).map(|n: usize| ((n * n) >> 7) as u8 | 0x80).collect();
            for coding in [Coding::Gzip, Coding::Deflate] {
                let coded = coding.encode(6, &body.repeat(3)).unwrap();
                let mut read = Vec::new();
                match coding {
                    Coding::Gzip => GzDecoder::new(&*coded).read_to_end(&mut read).unwrap(),
                    Coding::Deflate => ZlibDecoder::new(&*coded).read_to_end(&mut read).unwrap(),
                };
                assert_eq!(read, body.repeat(3), "{length} {coding:?}");
            }
        }
        let noise: Vec<u8> = (0..4096).map(|_| fastrand::u8(..)).collect();
        assert_eq!(Coding::Gzip.encode(6, &noise), None);
    }

    #[cfg(feature = "compression")]
    #[test]
    fn short_and_huge_bodies_stay_as_they_are() {
        let coder = Coder::new(&true.into(), ["gzip"].into_iter()).unwrap();
        assert_eq!(coder.encode(vec![b'x'; 1023]).1, "");
        let (coded, fields) = coder.encode(vec![b'x'; 1024]);
        assert!(coded.len() < 100 && fields.contains("gzip"));
        let (huge, fields) = coder.encode(vec![b'x'; CODED_MAX + 1]);
        assert_eq!((huge.len(), fields), (CODED_MAX + 1, "Vary: Accept-Encoding\r\n"));
        let none = Coder::new(&true.into(), std::iter::empty()).unwrap();
        assert_eq!(none.encode(vec![b'x'; 1024]).1, "Vary: Accept-Encoding\r\n");
        assert!(Coder::new(&false.into(), ["gzip"].into_iter()).is_none());
    }
}
