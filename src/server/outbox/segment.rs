//! Broadcasts, encoded once for all sparks of one wire format.

use std::cell::RefCell;
use std::sync::Arc;

use crate::frame::Frame;
use crate::transformers::polled::cast::Cast;
use crate::transformers::serve::Wire;

/// The same bytes for every spark of one wire format: one or more broadcasts.
pub(crate) struct Segment {
    pub bytes: Vec<u8>,
    /// Where each message ends.
    pub ends: Vec<usize>,
    /// The bytes of the messages, without what the wire format adds.
    pub payload: usize,
}

/// Broadcasts that are sent together, and their segments so far.
pub(crate) struct Batch {
    frames: Vec<Frame>,
    segments: RefCell<Vec<(&'static str, Arc<Segment>)>>,
    cast: Cast,
}

impl Batch {
    pub fn new(frames: Vec<Frame>) -> Self {
        Batch { frames, segments: RefCell::default(), cast: Cast::default() }
    }

    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// What clients that poll have got of it so far.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// The batch in a wire format.
    pub fn segment(&self, wire: &dyn Wire) -> Arc<Segment> {
        let mut segments = self.segments.borrow_mut();
        if let Some((_, segment)) = segments.iter().find(|(format, _)| *format == wire.format()) {
            return segment.clone();
        }
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(self.frames.len());
        for frame in &self.frames {
            wire.encode(frame, &mut bytes);
            ends.push(bytes.len());
        }
        let payload = self.frames.iter().map(Frame::len).sum();
        let segment = Arc::new(Segment { bytes, ends, payload });
        segments.push((wire.format(), segment.clone()));
        segment
    }
}
