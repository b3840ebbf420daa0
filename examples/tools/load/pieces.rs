//! Answers that may come in chunks, taken apart as they come.

use crate::poller::Over;
use crate::wire;

/// Where in its answers a connection is.
#[derive(Clone, Copy, Debug, Default)]
pub enum Pieces {
    /// At a head.
    #[default]
    Head,
    /// At the size of a chunk.
    Size,
    /// So many bytes of a chunk are to come, and the end of its line.
    Chunk(usize),
    /// At the end of the last chunk.
    End,
    /// So many bytes of a body are to come.
    Body(usize),
}

/// What came of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// More is to come.
    More,
    /// The answer is complete.
    Answer,
}

impl Pieces {
    /// Takes apart what has come, up to the end of an answer: its text is appended
    /// to `text`. Returns how many bytes were used.
    pub fn take(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> Result<(usize, Came), Over> {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            match *self {
                Pieces::Head => {
                    let Some(end) = wire::head_end(rest) else { return Ok((used, Came::More)) };
                    *self = after_head(&rest[..end])?;
                    used += end;
                }
                Pieces::Size => {
                    let Some(end) = line_end(rest) else { return Ok((used, Came::More)) };
                    let digits = std::str::from_utf8(&rest[..end]).map_err(|_| Over)?;
                    let size = usize::from_str_radix(digits, 16).map_err(|_| Over)?;
                    *self = if size == 0 { Pieces::End } else { Pieces::Chunk(size) };
                    used += end + 2;
                }
                Pieces::Chunk(left) => {
                    let part = left.min(rest.len());
                    text.extend_from_slice(&rest[..part]);
                    used += part;
                    *self = Pieces::Chunk(left - part);
                    if part < left || rest.len() < part + 2 {
                        return Ok((used, Came::More));
                    }
                    used += 2;
                    *self = Pieces::Size;
                }
                Pieces::End => {
                    if rest.len() < 2 {
                        return Ok((used, Came::More));
                    }
                    *self = Pieces::Head;
                    return Ok((used + 2, Came::Answer));
                }
                Pieces::Body(left) => {
                    let part = left.min(rest.len());
                    text.extend_from_slice(&rest[..part]);
                    used += part;
                    *self = Pieces::Body(left - part);
                    if part < left {
                        return Ok((used, Came::More));
                    }
                    *self = Pieces::Head;
                    return Ok((used, Came::Answer));
                }
            }
        }
    }
}

fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|two| two == b"\r\n")
}

fn after_head(head: &[u8]) -> Result<Pieces, Over> {
    let head = std::str::from_utf8(head).map_err(|_| Over)?;
    let good = head.starts_with("HTTP/1.1 200 ") || head.starts_with("HTTP/1.1 204 ");
    let closes =
        wire::header(head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    if !good || closes {
        return Err(Over);
    }
    if wire::header(head, "transfer-encoding").is_some() {
        return Ok(Pieces::Size);
    }
    let length = wire::header(head, "content-length").and_then(|length| length.parse().ok());
    Ok(Pieces::Body(length.unwrap_or(0)))
}
