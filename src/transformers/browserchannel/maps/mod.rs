//! The forward channel: what a client sends in one request, as maps of names to
//! values, numbered through the whole session.
//!
//! In a form that is `count=2&ofs=5&req0__S=...&req1_JSON=...`: the maps 5 and 6. The
//! value of `_S` is a message as it is, that of `JSON` one in JSON. Other names mean
//! nothing here, but their map has its number too. As JSON it is
//! `{"ofs":5,"data":["...","..."]}`.
//!
//! A body that lies about how many there are, skips some or names one twice is refused
//! as a whole, so that nothing of it is handled and nothing lost unseen.

use std::ops::Range;

use serde::de::IgnoredAny;

use crate::frame::{Frame, room};
use crate::http;
use crate::transformers::json::{Invalid as BadJson, Messages, one_at};

/// The largest number that a map or a request may have: JavaScript counts no further.
pub(super) const NUMBER_MAX: u64 = 1 << 53;

/// After so many bytes of a map's fields the rest of them is for another time.
const PART: usize = 32 << 10;

/// Why a body is no maps that could be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// It is no body of this kind.
    Malformed,
    /// There are too many in it, or a message in it is too long.
    TooLarge,
}

impl From<BadJson> for Invalid {
    fn from(bad: BadJson) -> Self {
        match bad {
            BadJson::NotJson | BadJson::NotArray => Invalid::Malformed,
            BadJson::TooMany => Invalid::TooLarge,
        }
    }
}

/// How much one body may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    /// Maps.
    pub maps: usize,
    /// Bytes of a message.
    pub length: usize,
}

/// A map.
#[derive(Debug, PartialEq)]
pub(super) enum Map {
    /// It has a message.
    Message(Frame),
    /// It has none.
    Nothing,
    /// It has what should be JSON and is not.
    NotJson,
}

/// The maps of one request. They are taken out one by one, so that many short ones
/// take no more memory than the text that they are in.
#[derive(Debug)]
pub(super) struct Maps {
    /// The number of the next one.
    next: u64,
    size: usize,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Form(Form),
    Json(Messages),
}

#[derive(Debug)]
struct Form {
    text: String,
    /// How far it was gone over.
    at: usize,
    /// Maps that are still to come.
    left: usize,
    /// Of the map that is being gone over: which it is in its request, and where its
    /// message is, in JSON or not.
    map: Option<usize>,
    message: Option<(bool, Range<usize>)>,
}

/// What was taken out of a request.
pub(super) struct Taken {
    /// The number of the map.
    pub number: u64,
    /// `None` if it was not wanted, or there is more of it.
    pub map: Option<Map>,
    /// Bytes that were gone over.
    pub size: usize,
}

impl Maps {
    /// Those in a body, which is a form unless it is said to be JSON.
    pub fn parse(body: Vec<u8>, is_json: bool, most: Most) -> Result<Self, Invalid> {
        let text = room::text(body);
        match is_json {
            true => Self::of_json(&text, most),
            false => Self::of_form(text, most),
        }
    }

    fn of_form(text: String, most: Most) -> Result<Self, Invalid> {
        let mut check = Check::new(most);
        for (name, value) in pairs(&text) {
            check.pair(name, value)?;
        }
        let next = check.finish()?;
        let size = text.len();
        let form = Form { text, at: 0, left: check.maps, map: None, message: None };
        Ok(Maps { next, size, body: Body::Form(form) })
    }

    fn of_json(text: &str, most: Most) -> Result<Self, Invalid> {
        let (mut first, mut data) = (None, None);
        let mut rest = text.trim_start();
        let mut mark = '{';
        while !(mark == ',' && rest.starts_with('}')) {
            let named = rest.strip_prefix(mark).and_then(value);
            let (name, behind) = named.ok_or(Invalid::Malformed)?;
            let valued = behind.strip_prefix(':').and_then(value);
            let (value, behind) = valued.ok_or(Invalid::Malformed)?;
            let place = match name {
                "\"ofs\"" => &mut first,
                "\"data\"" => &mut data,
                _ if name.starts_with('"') => &mut None,
                _ => return Err(Invalid::Malformed),
            };
            if place.replace(value).is_some() {
                return Err(Invalid::Malformed);
            }
            (rest, mark) = (behind, ',');
        }
        let (Some(first), Some(data), "}") = (first, data, rest.trim_end()) else {
            return Err(Invalid::Malformed);
        };
        if data.len() > most.length.saturating_add(2) {
            return Err(Invalid::TooLarge);
        }
        let next = number(first).ok_or(Invalid::Malformed)?;
        let messages = Messages::of_array(data.into(), most.maps)?;
        Ok(Maps { next, size: data.len(), body: Body::Json(messages) })
    }

    /// Bytes that are kept for them.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The next map, or some more of its fields if it has very many. It is decoded only
    /// if its number is wanted.
    pub fn take(&mut self, is_wanted: impl FnOnce(u64) -> bool) -> Option<Taken> {
        let number = self.next;
        let (map, size) = match &mut self.body {
            Body::Json(messages) => {
                let message = messages.next()?;
                let size = message.len();
                (is_wanted(number).then_some(Map::Message(message)), size)
            }
            Body::Form(form) if form.left == 0 => return None,
            Body::Form(form) => {
                let before = form.at;
                let is_whole = form.go_over();
                let size = form.at - before;
                if !is_whole {
                    return Some(Taken { number, map: None, size });
                }
                (form.take(is_wanted(number)), size)
            }
        };
        self.next += 1;
        Some(Taken { number, map, size })
    }
}

impl Form {
    /// Goes over the fields of the next map; false if there are more of them.
    fn go_over(&mut self) -> bool {
        let begun = self.at;
        while let Some(rest) = self.text.get(self.at..).filter(|rest| !rest.is_empty()) {
            let end = rest.find('&').unwrap_or(rest.len());
            let (field_text, _) = rest.split_at(end);
            let (name, value) = field_text.split_once('=').unwrap_or((field_text, ""));
            let name = http::decode(name);
            let field = field(&name);
            if let Some((map, _)) = field
                && *self.map.get_or_insert(map) != map
            {
                break;
            }
            if self.at - begun >= PART {
                return false;
            }
            let behind = self.at + end;
            let place = behind - value.len()..behind;
            match field {
                Some((_, "JSON")) => self.message = Some((true, place)),
                Some((_, "_S")) if self.message.is_none() => self.message = Some((false, place)),
                _ => {}
            }
            self.at += (end + 1).min(rest.len());
        }
        true
    }

    /// The map that was gone over, if it is wanted.
    fn take(&mut self, is_wanted: bool) -> Option<Map> {
        self.left -= 1;
        self.map = None;
        let message = self.message.take();
        if !is_wanted {
            return None;
        }
        let Some((is_json, place)) = message else { return Some(Map::Nothing) };
        let text = http::decode(self.text.get(place)?);
        Some(match is_json {
            false => Map::Message(Frame::text(text)),
            true => one_at(text.into(), 0).map_or(Map::NotJson, Map::Message),
        })
    }
}

/// A value of JSON and what follows it, both without the white space before.
pub(super) fn value(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    // Uses no stack, however deep it is.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let Some(Ok(IgnoredAny)) = values.next() else { return None };
    let (value, rest) = text.split_at_checked(values.byte_offset())?;
    Some((value, rest.trim_start()))
}

/// A number of a map or a request.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number <= NUMBER_MAX)
}

/// The fields of a form, as they are.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let fields = text.split('&').filter(|field| !field.is_empty());
    fields.map(|field| field.split_once('=').unwrap_or((field, "")))
}

/// Which map of its request a field is for, and what it is called in there.
fn field(name: &str) -> Option<(usize, &str)> {
    let (number, name) = name.strip_prefix("req")?.split_once('_')?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty();
    Some((number.parse().ok().filter(|_| digits)?, name))
}

/// Looks a form over.
struct Check {
    most: Most,
    count: Option<u64>,
    first: Option<u64>,
    maps: usize,
    /// What the last of them has: `_S`, `JSON`.
    has: [bool; 2],
}

impl Check {
    fn new(most: Most) -> Self {
        Check { most, count: None, first: None, maps: 0, has: [false; 2] }
    }

    fn pair(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let name = http::decode(name);
        let place = match &*name {
            "count" => &mut self.count,
            "ofs" => &mut self.first,
            name => {
                return field(name).map_or(Ok(()), |(map, name)| self.field(map, name, value));
            }
        };
        match (place.is_some(), number(value)) {
            (false, Some(value)) => *place = Some(value),
            _ => return Err(Invalid::Malformed),
        }
        Ok(())
    }

    fn field(&mut self, map: usize, name: &str, value: &str) -> Result<(), Invalid> {
        if map == self.maps {
            self.maps += 1;
            self.has = [false; 2];
        } else if map.checked_add(1) != Some(self.maps) {
            // The clients have them in order.
            return Err(Invalid::Malformed);
        }
        if self.maps > self.most.maps {
            return Err(Invalid::TooLarge);
        }
        let has = match name {
            "_S" => &mut self.has[0],
            "JSON" => &mut self.has[1],
            _ => return Ok(()),
        };
        if std::mem::replace(has, true) {
            return Err(Invalid::Malformed);
        }
        let long = value.len() > self.most.length && http::decode(value).len() > self.most.length;
        if long { Err(Invalid::TooLarge) } else { Ok(()) }
    }

    /// The number of the first.
    fn finish(&self) -> Result<u64, Invalid> {
        match (self.count, self.first) {
            (Some(count), _) if count != self.maps as u64 => Err(Invalid::Malformed),
            (Some(0), first) => Ok(first.unwrap_or(0)),
            (Some(_), Some(first)) => Ok(first),
            _ => Err(Invalid::Malformed),
        }
    }
}

/// Appends the fields of a map with this message, which is so many in its request.
pub(super) fn put(at: usize, message: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("&req{at}__S=").as_bytes());
    put_encoded(message, out);
}

/// What comes before the fields of so many maps, of which the first has this number.
pub(super) fn head(count: usize, first: u64) -> String {
    match count {
        0 => "count=0".into(),
        _ => format!("count={count}&ofs={first}"),
    }
}

/// Appends what `encodeURIComponent` makes of a text.
fn put_encoded(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(byte);
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let run = rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len());
        room::append(out, &rest[..run]);
        if let Some(byte) = rest.get(run) {
            let digit = |four: u8| DIGITS[usize::from(four)];
            room::append(out, &[b'%', digit(byte >> 4), digit(byte & 0xF)]);
        }
        rest = rest.get(run + 1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
