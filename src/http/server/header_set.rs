//! Header fields that are set before it is known what the answer will be.

use std::borrow::Cow;

use crate::http::is_token;

/// Header fields that middleware sets for whatever will be the answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderSet {
    locked: Vec<(Text, Text)>,
    added: Vec<(Text, Text)>,
}

type Text = Cow<'static, str>;

impl HeaderSet {
    /// Sets a field that wins over fields of the same name in the response.
    /// False, and nothing is set, when name or value cannot be sent or the
    /// name is one that belongs to the connection.
    pub(crate) fn lock(&mut self, name: impl Into<Text>, value: impl Into<Text>) -> bool {
        let (name, value) = (name.into(), value.into());
        let sound = may_set(&name, &value);
        if sound {
            self.put_locked(name, value);
        }
        sound
    }

    /// [`lock`](Self::lock) of a field of our own, which can be sent.
    pub(crate) fn lock_own(&mut self, name: &'static str, value: &'static str) {
        debug_assert!(may_set(name, value));
        self.put_locked(name.into(), value.into());
    }

    fn put_locked(&mut self, name: Text, value: Text) {
        self.locked.retain(|(n, _)| !n.eq_ignore_ascii_case(&name));
        self.locked.push((name, value));
    }

    /// Adds a field beside fields of the same name in the response.
    pub(crate) fn add(&mut self, name: impl Into<Text>, value: impl Into<Text>) -> bool {
        let (name, value) = (name.into(), value.into());
        let sound = may_set(&name, &value);
        if sound {
            self.added.push((name, value));
        }
        sound
    }

    /// [`add`](Self::add) of a field of our own, which can be sent.
    pub(crate) fn add_own(&mut self, name: &'static str, value: &'static str) {
        debug_assert!(may_set(name, value));
        self.added.push((name.into(), value.into()));
    }

    /// Removes the fields of this name.
    pub(crate) fn remove(&mut self, name: &str) {
        self.locked.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.added.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// All fields, those that were added after those that are locked.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.locked.iter().chain(&self.added).map(|(n, v)| (&**n, &**v))
    }

    /// How many bytes they are in a head.
    pub(super) fn length(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len() + ": \r\n".len()).sum()
    }

    /// Appends them as they stand in a head.
    pub(super) fn put(&self, head: &mut Vec<u8>) {
        for part in self.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]) {
            head.extend_from_slice(part.as_bytes());
        }
    }

    pub(super) fn locks(&self, name: &str) -> bool {
        self.locked.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }
}

fn may_set(name: &str, value: &str) -> bool {
    const CONNECTION: [&str; 6] =
        ["connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"];
    is_sound(name, value) && !CONNECTION.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Whether a header field can be sent without ending early.
pub(crate) fn is_sound(name: &str, value: &str) -> bool {
    is_token(name) && value.bytes().all(|b| b == b'\t' || (b' '..0x7f).contains(&b))
}
