//! Bytes that wait for a peer to read, and where the messages among them end.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Segment;
use crate::frame::room;

/// Messages that wait are kept together in pieces of at least this size: each
/// piece costs some memory of its own, which the bound does not count.
pub(super) const PIECE: usize = 4 << 10;
/// When so much waits, the pieces are larger and have the memory of large buffers,
/// which leaves no gaps when it is freed.
const LARGE: usize = 32 << 10;
/// The largest of them. They grow with what waits, for what is sent of one is not
/// freed before the rest.
const LARGEST: usize = 1 << 20;

/// A backlog. The first message in it may be sent in part.
#[derive(Default)]
pub(super) struct Queue(VecDeque<Chunk>);

struct Chunk {
    data: Data,
    /// What comes before is sent, or dropped.
    from: usize,
    /// Bytes in it of the wire protocol's own packets, also of those that are sent.
    packets: usize,
}

enum Data {
    /// `ends` says where the messages end that may be dropped one by one. What
    /// comes behind the last of them is not dropped.
    Own { bytes: Vec<u8>, ends: Vec<usize> },
    /// Part of a segment: whole messages up to `to`.
    Shared { segment: Arc<Segment>, to: usize },
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Own { bytes, .. } => &bytes[self.from..],
            Data::Shared { segment, to } => &segment.bytes[self.from..*to],
        }
    }

    fn ends(&self) -> &[usize] {
        match &self.data {
            Data::Own { ends, .. } => ends,
            Data::Shared { segment, .. } => &segment.ends,
        }
    }

    /// Where the first message in it ends.
    fn first_end(&self) -> Option<usize> {
        let ends = self.ends();
        ends.get(ends.partition_point(|end| *end <= self.from)).copied()
    }

    /// Where its first message began, which may be sent in part.
    fn first_start(&self) -> usize {
        let ends = self.ends();
        let before = ends.partition_point(|end| *end <= self.from);
        before.checked_sub(1).map_or(0, |last| ends[last])
    }

    /// Copies what is left of a segment when that is little of it, so that a few
    /// bytes that wait do not keep much memory.
    fn let_go_of_segment(&mut self) {
        let Data::Shared { segment, to } = &self.data else { return };
        let start = self.first_start();
        if (to - start) * 4 > segment.bytes.len() {
            return;
        }
        let bytes = segment.bytes[start..*to].to_vec();
        let inside = segment.ends.iter().filter(|end| (start + 1..=*to).contains(*end));
        let ends = inside.map(|end| end - start).collect();
        self.from -= start;
        self.data = Data::Own { bytes, ends };
    }

    /// Takes out its first message, if that is sent in part and others follow.
    fn split_begun(&mut self) -> Option<Chunk> {
        let end = self.first_end().filter(|end| *end < self.from + self.bytes().len())?;
        let (start, from) = (self.first_start(), self.from);
        self.from = end;
        Some(match &self.data {
            Data::Own { bytes, .. } => Chunk {
                data: Data::Own { bytes: bytes[start..end].to_vec(), ends: vec![end - start] },
                from: from - start,
                packets: 0,
            },
            Data::Shared { segment, .. } => {
                let data = Data::Shared { segment: segment.clone(), to: end };
                let mut begun = Chunk { data, from, packets: 0 };
                begun.let_go_of_segment();
                begun
            }
        })
    }
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes in order, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Chunk::bytes)
    }

    /// Puts bytes at the end, behind so many that are `waiting`: one message that
    /// may be `dropped` by itself, or something that may not.
    pub fn push(&mut self, mut bytes: Vec<u8>, dropped: bool, waiting: usize) {
        let large = waiting >= LARGE;
        let piece = if large { (waiting / 4).clamp(LARGE, LARGEST) } else { PIECE };
        if let Some(Chunk { data: Data::Own { bytes: last, ends }, .. }) = self.0.back_mut()
            && last.len() + bytes.len() <= piece.min(last.capacity().max(PIECE))
            && dropped == (ends.last() == Some(&last.len()))
        {
            last.extend_from_slice(&bytes);
            if dropped {
                ends.push(last.len());
            }
            return;
        }
        if large && bytes.len() < piece {
            bytes = in_large(&bytes);
        }
        let ends = if dropped { vec![bytes.len()] } else { Vec::new() };
        self.0.push_back(Chunk { data: Data::Own { bytes, ends }, from: 0, packets: 0 });
    }

    /// Begins the queue with what is left of `bytes`, of which so many were
    /// sent. `ends` are those of the messages in them that may be dropped.
    pub fn begin(&mut self, mut bytes: Vec<u8>, sent: usize, mut ends: Vec<usize>) {
        ends.retain(|end| *end <= bytes.len());
        // Longer ones are large already.
        if (LARGE / 2..4 * LARGE).contains(&bytes.len()) {
            bytes = in_large(&bytes);
        }
        self.0.push_back(Chunk { data: Data::Own { bytes, ends }, from: sent, packets: 0 });
    }

    /// Puts a part of a segment at the end: whole messages, the first of which
    /// may be sent in part if nothing else waits.
    pub fn push_shared(&mut self, segment: &Arc<Segment>, from: usize, to: usize) {
        if let Some(Chunk { data: Data::Shared { segment: last, to: end }, .. }) = self.0.back_mut()
            && Arc::ptr_eq(last, segment)
            && *end == from
        {
            *end = to;
            return;
        }
        self.0.push_back(Chunk {
            data: Data::Shared { segment: segment.clone(), to },
            from,
            packets: 0,
        });
    }

    /// No more of the segment follows that was pushed last.
    pub fn end_shared(&mut self) {
        self.0.back_mut().into_iter().for_each(Chunk::let_go_of_segment);
    }

    /// So many of the bytes that were put there last are a packet of the wire
    /// protocol's own.
    pub fn mark_packet(&mut self, length: usize) {
        self.0.back_mut().into_iter().for_each(|last| last.packets += length);
    }

    /// Takes away what was sent. Returns how many bytes of [packets](Self::mark_packet)
    /// are gone; those of a piece are when all of it is.
    pub fn advance(&mut self, mut sent: usize) -> usize {
        let mut packets = 0;
        while let Some(first) = self.0.front_mut() {
            let length = first.bytes().len();
            if sent < length {
                first.from += sent;
                return packets;
            }
            sent -= length;
            packets += first.packets;
            self.0.pop_front();
        }
        self.0.shrink_to(0);
        packets
    }

    /// Drops the oldest message that has not begun to be sent; its length. The
    /// first has `begun` though nothing of it may be reported as sent.
    pub fn drop_oldest(&mut self, begun: bool) -> Option<usize> {
        let mut at = usize::from(self.set_begun_apart(begun));
        loop {
            let chunk = self.0.get_mut(at)?;
            let end = chunk.first_end().filter(|end| *end <= chunk.from + chunk.bytes().len());
            let Some(end) = end else {
                at += 1;
                continue;
            };
            let length = end - chunk.from;
            chunk.from = end;
            if chunk.bytes().is_empty() {
                self.0.remove(at);
            } else {
                chunk.let_go_of_segment();
            }
            return Some(length);
        }
    }

    /// Sees to it that a message that is sent in part, or has `begun` to be, is
    /// alone in the first chunk; whether there is one.
    fn set_begun_apart(&mut self, begun: bool) -> bool {
        let Some(first) = self.0.front_mut() else { return false };
        let begun = begun || first.from > first.first_start();
        if begun && let Some(apart) = first.split_begun() {
            self.0.push_front(apart);
        }
        begun
    }
}

/// A copy in the memory of a large buffer.
fn in_large(bytes: &[u8]) -> Vec<u8> {
    let mut large = room::large();
    room::append(&mut large, bytes);
    large
}

#[cfg(test)]
mod tests;
