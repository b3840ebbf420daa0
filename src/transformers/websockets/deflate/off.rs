//! In place of permessage-deflate where the crate is built without it: nothing is
//! offered, and nothing agreed on.

use crate::compression::Compression;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Agreed {}

pub(crate) enum Packer {}

pub(crate) enum Unpacking {}

pub(crate) enum Message {}

#[allow(dead_code, reason = "nothing fails here")]
pub(crate) enum Bad {
    Long,
    Invalid,
}

pub(super) fn answer(_: &str, _: &Compression) -> Option<(Agreed, String)> {
    None
}

pub(super) fn offer(_: &Compression) -> String {
    String::new()
}

pub(super) fn accepted(_: &str, _: &Compression) -> Result<Agreed, &'static str> {
    Err("an extension that was not offered")
}

pub(super) fn pack(agreed: &Agreed, _: &mut [u8], _: &mut Vec<u8>) {
    match *agreed {}
}

impl Packer {
    pub fn new(agreed: &Agreed) -> Option<Self> {
        match *agreed {}
    }

    pub fn pack(&mut self, _: &mut [u8], _: &mut Vec<u8>) {
        match *self {}
    }
}

impl Unpacking {
    pub fn new(agreed: &Agreed) -> Self {
        match *agreed {}
    }

    pub fn begin(&mut self) -> Message {
        match *self {}
    }

    pub fn end(&mut self, _: Message, _: usize, _: &mut Vec<u8>) -> Result<(), Bad> {
        match *self {}
    }
}

impl Message {
    pub fn push(&mut self, _: &[u8], _: usize, _: &mut Vec<u8>) -> Result<(), Bad> {
        match *self {}
    }

    pub fn came(&self) -> usize {
        match *self {}
    }
}
