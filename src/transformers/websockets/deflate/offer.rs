//! The negotiation (RFC 7692 sections 5 and 7.1), for both roles, as values.

use crate::compression::Compression;

const NAME: &str = "permessage-deflate";

/// What was agreed on, as one of the two sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// How much work is done.
    pub level: u8,
    /// Shorter messages are sent as they are.
    pub threshold: usize,
    /// Whether what we send may refer to messages before.
    pub send_takeover: bool,
    /// How far back it may refer, in bits: 8 to 15.
    pub send_bits: u8,
    /// Whether what the peer sends may refer to messages before.
    pub receive_takeover: bool,
}

impl Agreed {
    fn new(ours: &Compression, send_takeover: bool, send_bits: u8, receive_takeover: bool) -> Self {
        let (level, threshold) = (ours.level, ours.threshold);
        Agreed { level, threshold, send_takeover, send_bits, receive_takeover }
    }
}

/// The parameters of an offer or of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Params {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    /// The value may be left out of an offer.
    client_bits: Option<Option<u8>>,
}

/// The parameters of each element of a header that is this extension's: `None` of one
/// that cannot be understood.
fn elements(header: &str) -> impl Iterator<Item = Option<Params>> {
    split(header, ',').filter_map(|element| {
        let mut parts = split(element, ';');
        let is_ours = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(NAME));
        is_ours.then(|| params(parts))
    })
}

/// What is between separators that stand outside of quoted strings, trimmed.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(move |letter: char| {
        let was_escaped = std::mem::take(&mut escaped);
        match letter {
            '\\' if quoted => escaped = !was_escaped,
            '"' if !was_escaped => quoted = !quoted,
            _ => {}
        }
        letter == separator && !quoted
    });
    parts.map(|part| part.trim_matches([' ', '\t']))
}

fn params<'a>(parts: impl Iterator<Item = &'a str>) -> Option<Params> {
    let mut params = Params::default();
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start())?)),
            None => (part, None),
        };
        // None may be given twice.
        match (name.to_ascii_lowercase().as_str(), value) {
            ("server_no_context_takeover", None) if !params.server_no_takeover => {
                params.server_no_takeover = true;
            }
            ("client_no_context_takeover", None) if !params.client_no_takeover => {
                params.client_no_takeover = true;
            }
            ("server_max_window_bits", Some(value)) if params.server_bits.is_none() => {
                params.server_bits = Some(bits(value)?);
            }
            ("client_max_window_bits", value) if params.client_bits.is_none() => {
                params.client_bits = Some(value.map(bits).map_or(Some(None), |b| b.map(Some))?);
            }
            _ => return None,
        }
    }
    Some(params)
}

/// A value, which may be quoted; with a backslash in it it is no number.
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => Some(value),
    }
}

/// A number from 8 to 15, without zeros in front.
fn bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (8..=15).contains(bits))?;
    value.starts_with(|first: char| ('1'..='9').contains(&first)).then_some(bits)
}

/// A server's answer to the offers in a header, the first of which that can be
/// accepted is: what to do, and what to say. `None` declines them all.
pub(crate) fn answer(header: &str, ours: &Compression) -> Option<(Agreed, String)> {
    let offer = elements(header).flatten().next()?;
    let server_takeover = ours.server_takeover && !offer.server_no_takeover;
    let client_takeover = ours.client_takeover && !offer.client_no_takeover;
    let server_bits = offer.server_bits.map_or(ours.server_bits, |bits| bits.min(ours.server_bits));
    let mut said = NAME.to_owned();
    if !server_takeover {
        said += "; server_no_context_takeover";
    }
    if !client_takeover {
        said += "; client_no_context_takeover";
    }
    if offer.server_bits.is_some() || server_bits < 15 {
        said += &format!("; server_max_window_bits={server_bits}");
    }
    // Only a client that speaks of it can be told.
    if let Some(bits) = offer.client_bits {
        let client_bits = bits.map_or(ours.client_bits, |bits| bits.min(ours.client_bits));
        if bits.is_some() || client_bits < 15 {
            said += &format!("; client_max_window_bits={client_bits}");
        }
    }
    Some((Agreed::new(ours, server_takeover, server_bits, client_takeover), said))
}

/// A client's offer.
pub(crate) fn offer(ours: &Compression) -> String {
    let mut said = NAME.to_owned();
    if !ours.server_takeover {
        said += "; server_no_context_takeover";
    }
    if !ours.client_takeover {
        said += "; client_no_context_takeover";
    }
    if ours.server_bits < 15 {
        said += &format!("; server_max_window_bits={}", ours.server_bits);
    }
    said += "; client_max_window_bits";
    if ours.client_bits < 15 {
        said += &format!("={}", ours.client_bits);
    }
    said
}

/// What a server's answer to our [`offer`] means. One that says nothing of
/// `server_no_context_takeover` although it was asked for (Tornado drops all parameters
/// without a value) may refer to messages before: that costs memory, and nothing else.
///
/// # Errors
/// It is no answer to it.
pub(crate) fn accepted(header: &str, ours: &Compression) -> Result<Agreed, &'static str> {
    let mut all = elements(header);
    let (Some(Some(params)), None) = (all.next(), all.next()) else {
        return Err("an extension with parameters that make no sense");
    };
    if split(header, ',').filter(|element| !element.is_empty()).count() > 1 {
        return Err("an extension that was not offered");
    }
    if ours.server_bits < 15 && params.server_bits.is_none_or(|bits| bits > ours.server_bits) {
        return Err("no server_max_window_bits that was asked for");
    }
    let client_bits = match params.client_bits {
        None => ours.client_bits,
        Some(Some(bits)) if bits <= ours.client_bits => bits,
        Some(Some(_)) => return Err("more client_max_window_bits than were offered"),
        Some(None) => return Err("client_max_window_bits without a value"),
    };
    let client_takeover = ours.client_takeover && !params.client_no_takeover;
    Ok(Agreed::new(ours, client_takeover, client_bits, !params.server_no_takeover))
}
