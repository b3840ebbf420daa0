//! As much of an X.509 certificate (RFC 5280) as is told of it: names, validity and
//! what it is good for. Whether it can be trusted is not judged here.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The object identifiers of a common name, alternative names and basic constraints.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// What a certificate says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// 1 to 3.
    pub version: u8,
    /// Encoded.
    pub issuer: &'a [u8],
    pub subject: &'a [u8],
    /// In seconds since 1970.
    pub not_before: i64,
    pub not_after: i64,
    /// It is an authority's.
    pub is_ca: bool,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
}

/// A DER element: tag, contents, and the whole of it.
struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
    whole: &'a [u8],
}

/// Takes the first element off.
fn element<'a>(from: &mut &'a [u8]) -> Option<Element<'a>> {
    let bytes = *from;
    let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
    let (length, head) = match first {
        0..=0x7f => (usize::from(first), 2),
        0x81..=0x83 => {
            let digits = usize::from(first & 3);
            let length = bytes.get(2..2 + digits)?;
            (length.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), 2 + digits)
        }
        _ => return None,
    };
    let whole = bytes.get(..head + length)?;
    *from = bytes.get(head + length..)?;
    Some(Element { tag, contents: whole.get(head..)?, whole })
}

/// The contents of the first element, which must have this tag.
fn tagged<'a>(from: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    element(from).filter(|element| element.tag == tag).map(|element| element.contents)
}

impl<'a> Certificate<'a> {
    /// Takes one apart; `None` if it is none.
    pub fn parse(mut der: &'a [u8]) -> Option<Self> {
        let mut signed = tagged(&mut der, 0x30)?;
        let mut rest = tagged(&mut signed, 0x30)?;
        let mut found = Certificate { version: 1, ..Certificate::default() };
        let mut next = element(&mut rest)?;
        if next.tag == 0xa0 {
            found.version = tagged(&mut &*next.contents, 2)?.last()?.checked_add(1)?;
            next = element(&mut rest)?;
        }
        // What was taken is the serial number; the algorithm follows.
        (next.tag == 2).then_some(())?;
        tagged(&mut rest, 0x30)?;
        found.issuer = element(&mut rest)?.whole;
        let mut validity = tagged(&mut rest, 0x30)?;
        found.not_before = time(&element(&mut validity)?)?;
        found.not_after = time(&element(&mut validity)?)?;
        found.subject = element(&mut rest)?.whole;
        while let Some(next) = element(&mut rest) {
            if next.tag == 0xa3 {
                found.extensions(next.contents)?;
            }
        }
        Some(found)
    }

    fn extensions(&mut self, mut all: &[u8]) -> Option<()> {
        let mut all = tagged(&mut all, 0x30)?;
        while !all.is_empty() {
            let mut one = tagged(&mut all, 0x30)?;
            let kind = tagged(&mut one, 6)?;
            let mut value = element(&mut one)?;
            if value.tag == 1 {
                value = element(&mut one)?;
            }
            let mut value = value.contents;
            match kind {
                BASIC_CONSTRAINTS => {
                    let mut value = tagged(&mut value, 0x30)?;
                    self.is_ca = tagged(&mut value, 1).is_some_and(|ca| ca != [0]);
                }
                ALTERNATIVE_NAMES => {
                    let mut value = tagged(&mut value, 0x30)?;
                    while let Some(name) = element(&mut value) {
                        self.names.extend(general_name(&name));
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    /// The common name of its subject.
    pub fn common_name(&self) -> Option<String> {
        common_name(self.subject)
    }
}

/// The common name in an encoded name.
fn common_name(mut name: &[u8]) -> Option<String> {
    let mut parts = tagged(&mut name, 0x30)?;
    while let Some(mut set) = tagged(&mut parts, 0x31) {
        let mut part = tagged(&mut set, 0x30)?;
        if tagged(&mut part, 6)? == COMMON_NAME {
            return Some(String::from_utf8_lossy(element(&mut part)?.contents).into_owned());
        }
    }
    None
}

/// A name, a mail address, a URI or an IP address.
fn general_name(name: &Element<'_>) -> Option<String> {
    match name.tag & 0x1f {
        1 | 2 | 6 => Some(String::from_utf8_lossy(name.contents).into_owned()),
        7 => match name.contents.len() {
            4 => <[u8; 4]>::try_from(name.contents).ok().map(|ip| Ipv4Addr::from(ip).to_string()),
            _ => <[u8; 16]>::try_from(name.contents).ok().map(|ip| Ipv6Addr::from(ip).to_string()),
        },
        _ => None,
    }
}

/// The names that a certificate is for, the common name if there are no others.
pub(crate) fn names_of(der: &[u8]) -> Vec<String> {
    let Some(found) = Certificate::parse(der) else { return Vec::new() };
    let common = found.common_name();
    if found.names.is_empty() { common.into_iter().collect() } else { found.names }
}

/// `YYMMDDHHMMSSZ`, or with four digits of the year.
fn time(element: &Element<'_>) -> Option<i64> {
    let text = str::from_utf8(element.contents).ok()?;
    let (year, rest) = match element.tag {
        0x17 => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        0x18 => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let two = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let (month, day) = (two(0)?, two(2)?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some(())?;
    Some(((days(year, month, day) * 24 + two(4)?) * 60 + two(6)?) * 60 + two(8)?)
}

/// Days since 1970, of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March end with the day that is there or not.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_1970() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 2, 29), 11_016);
        assert_eq!(days(2000, 3, 1), 11_017);
        assert_eq!(days(1969, 12, 31), -1);
        let of = |tag, contents| time(&Element { tag, contents, whole: &[] });
        assert_eq!(of(0x17, b"700101000001Z"), Some(1));
        assert_eq!(of(0x18, b"20380119031408Z"), Some(1 << 31));
        assert_eq!(of(0x17, b"700001000001Z"), None);
        assert_eq!(of(0x17, "7001\u{e9}1000001Z".as_bytes()), None);
    }

    #[test]
    fn no_bytes_are_too_strange() {
        let certificate = super::super::pem::tests::certificate();
        assert!(Certificate::parse(&certificate).is_some());
        for end in 0..certificate.len() {
            assert_eq!(Certificate::parse(&certificate[..end]), None);
        }
        for at in 0..certificate.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut bent = certificate.clone();
                bent[at] ^= bits;
                if let Some(found) = Certificate::parse(&bent) {
                    let _ = (found.common_name(), names_of(&bent));
                }
            }
        }
    }
}
