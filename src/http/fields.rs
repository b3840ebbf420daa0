//! Header fields in one buffer: what a spark keeps of its request for life.

use std::ops::Range;

use super::Bad;

/// Header fields with lower-case names, in the order received, preceded by a
/// lead (the request target, or the reason phrase of a response).
///
/// Everything lies in one string; a field costs eight bytes beside its text.
/// Values that are not ASCII are decoded as Latin-1, as Node does.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    text: Box<str>,
    /// Ends of name and value in `text`; each part begins where the one before
    /// it ends. Behind the fields that were sent come those that were joined.
    ends: Box<[(u32, u32)]>,
    sent: u32,
    lead: u32,
}

/// Fields of which the first counts if they are sent more than once: those of
/// Node's `http`, with `Set-Cookie`, whose values cannot be joined.
const SINGLE: [&str; 19] = [
    "age",
    "authorization",
    "content-length",
    "content-type",
    "etag",
    "expires",
    "from",
    "host",
    "if-modified-since",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "proxy-authorization",
    "referer",
    "retry-after",
    "server",
    "set-cookie",
    "user-agent",
];

impl Fields {
    /// None, and nothing before them.
    pub(crate) fn none() -> Self {
        Fields { text: Box::default(), ends: Box::default(), sent: 0, lead: 0 }
    }

    /// Copies the fields of a parsed head.
    pub(crate) fn new(lead: &[u8], headers: &[httparse::Header<'_>]) -> Result<Self, Bad> {
        let length = headers.iter().map(|h| h.name.len() + h.value.len()).sum::<usize>();
        let mut text = Vec::with_capacity(lead.len() + length);
        push_latin1(&mut text, lead);
        let lead = offset(&text)?;
        let mut ends = Vec::with_capacity(headers.len());
        for header in headers {
            let start = text.len();
            text.extend_from_slice(header.name.as_bytes());
            text[start..].make_ascii_lowercase();
            let name = offset(&text)?;
            push_latin1(&mut text, header.value.trim_ascii());
            ends.push((name, offset(&text)?));
        }
        let sent = ends.len() as u32;
        // Names are tokens, and all else was made UTF-8.
        let text = String::from_utf8(text).map_err(|_| Bad::new("bad header name"))?;
        let fields = Fields { text: text.into(), ends: ends.into(), sent, lead };
        if !fields.may_repeat() {
            return Ok(fields);
        }
        match fields.repeated() {
            repeated if repeated.is_empty() => Ok(fields),
            repeated => fields.joined(&repeated),
        }
    }

    /// Whether a name may have been sent more than once.
    fn may_repeat(&self) -> bool {
        // So few are sooner compared with each other than sorted.
        const FEW: usize = 24;
        let (mut names, count) = ([&[][..]; FEW], self.ends.len());
        let Some(names) = names.get_mut(..count) else { return true };
        let mut start = self.lead;
        for (at, &(end, value)) in self.ends.iter().enumerate() {
            let name = self.bytes(start, end);
            if names[..at].contains(&name) {
                return true;
            }
            names[at] = name;
            start = value;
        }
        false
    }

    /// The values of each name that was sent more than once and may be joined.
    fn repeated(&self) -> Vec<Vec<(&str, &str)>> {
        let mut sorted: Vec<_> = self.iter().collect();
        // Stable: the values of a name stay in their order.
        sorted.sort_by_key(|(name, _)| *name);
        let same = sorted.chunk_by(|one, next| one.0 == next.0);
        same.filter(|same| same.len() > 1 && !SINGLE.contains(&same[0].0))
            .map(<[_]>::to_vec)
            .collect()
    }

    /// Adds the joined value of each of these names.
    fn joined(&self, repeated: &[Vec<(&str, &str)>]) -> Result<Self, Bad> {
        let mut text = self.text.to_string();
        let mut ends = self.ends.to_vec();
        for same in repeated {
            let Some((name, _)) = same.first() else { continue };
            let separator = if *name == "cookie" { "; " } else { ", " };
            let values: Vec<_> = same.iter().map(|(_, value)| *value).collect();
            text.push_str(name);
            let end = offset(text.as_bytes())?;
            text.push_str(&values.join(separator));
            ends.push((end, offset(text.as_bytes())?));
        }
        Ok(Fields { text: text.into(), ends: ends.into(), ..*self })
    }

    /// The target or reason phrase.
    pub(crate) fn lead(&self) -> &str {
        self.part(0, self.lead)
    }

    /// The fields as they were sent: (lower-case name, value).
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs().take(self.sent as usize)
    }

    /// The value of a name; case does not matter. If it was sent more than once,
    /// the first of those that stand alone, or all of them joined.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let sent = self.sent as usize;
        let (_, joined) = self.find(name, sent..self.ends.len()).unzip();
        joined.or_else(|| self.find(name, 0..sent).map(|(_, value)| value))
    }

    /// The first of these fields with this name: its place and value. By hand, since
    /// it is asked for many times a request, and takes less of the stack than
    /// iterators do.
    fn find(&self, name: &str, among: Range<usize>) -> Option<(usize, &str)> {
        let mut start = self.start(among.start);
        for (at, &(end, value)) in among.clone().zip(self.ends.get(among)?) {
            // Most have not even its length.
            if end.wrapping_sub(start) as usize == name.len() {
                let known = self.bytes(start, end);
                if known == name.as_bytes() || known.eq_ignore_ascii_case(name.as_bytes()) {
                    return Some((at, self.part(end, value)));
                }
            }
            start = value;
        }
        None
    }

    /// Where a field begins.
    fn start(&self, at: usize) -> u32 {
        let before = at.checked_sub(1).and_then(|before| self.ends.get(before));
        before.map_or(self.lead, |(_, value)| *value)
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut from = self.lead;
        self.ends.iter().map(move |&(name, value)| {
            let start = std::mem::replace(&mut from, value);
            (self.part(start, name), self.part(name, value))
        })
    }

    /// Every value of the fields with this name; case does not matter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let (mut from, sent) = (0, self.sent as usize);
        std::iter::from_fn(move || {
            let (at, value) = self.find(name, from..sent)?;
            from = at + 1;
            Some(value)
        })
    }

    /// The elements of a comma-separated list header, over all its fields,
    /// without empty ones and without white space around them.
    pub(crate) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.all(name)
            .flat_map(|value| value.split(','))
            .map(|element| element.trim_matches([' ', '\t']))
            .filter(|element| !element.is_empty())
    }

    /// Whether a list header holds this element; case does not matter.
    pub(crate) fn lists(&self, name: &str, element: &str) -> bool {
        self.list(name).any(|e| e.eq_ignore_ascii_case(element))
    }

    fn part(&self, start: u32, end: u32) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    fn bytes(&self, start: u32, end: u32) -> &[u8] {
        self.text.as_bytes().get(start as usize..end as usize).unwrap_or_default()
    }
}

fn offset(text: &[u8]) -> Result<u32, Bad> {
    u32::try_from(text.len()).map_err(|_| Bad::LARGE)
}

fn push_latin1(text: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_ascii() {
        return text.extend_from_slice(bytes);
    }
    for byte in bytes {
        text.extend_from_slice(char::from(*byte).encode_utf8(&mut [0; 2]).as_bytes());
    }
}

/// Whether the byte may stand in a token (method, field name).
pub(super) fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`'
        | b'|' | b'~')
}

/// Whether this is a token: what names are, of methods, fields and subprotocols.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether the byte may stand in the value of a field: it is no control character
/// but the tab.
pub(crate) fn is_text_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
