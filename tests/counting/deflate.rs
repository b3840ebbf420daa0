//! What compressed messages take of memory while they are inflated.

use flate2::{Compress, Compression as Level, FlushCompress};
use primus::{Compression, Primus};

use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![a_bomb_takes_less_than_twice_the_bound,];

const BOUND: usize = 8 << 20;
/// The first reserved bit.
const RSV1: u8 = 0x40;

/// So many zeros, compressed.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes / 100);
    let mut compress = Compress::new(Level::new(9), false);
    compress.compress_vec(&vec![0; bytes], &mut out, FlushCompress::Sync).unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

/// `bytes` as a compressed message in so many frames, one after the other.
fn framed(bytes: &[u8], frames: usize) -> Vec<Vec<u8>> {
    let pieces: Vec<_> = bytes.chunks(bytes.len().div_ceil(frames)).collect();
    let last = pieces.len() - 1;
    let head = |at| {
        let first = if at == 0 { RSV1 | BINARY } else { CONTINUATION };
        if at == last { FIN | first } else { first }
    };
    pieces.iter().enumerate().map(|(at, piece)| masked(head(at), piece)).collect()
}

fn a_bomb_takes_less_than_twice_the_bound() {
    let bomb = bomb(4 * BOUND);
    assert!(bomb.len() < BOUND / 10, "{}", bomb.len());
    for takeover in [false, true] {
        let compression = Compression::default().client_context_takeover(takeover);
        let builder = Primus::builder().compression(compression).max_length(BOUND);
        let server = Server::start(builder);
        for frames in [1, 50] {
            let mut peer = server.connect();
            let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
            peer.send(&upgrade("/primus", offer));
            assert!(peer.read_head().contains("permessage-deflate; server_no_context_takeover"));
            let sent = framed(&bomb, frames);
            let grown = peak(|| {
                // It need not take more than the bound wants.
                let _ = sent.iter().take_while(|frame| peer.try_send(frame)).count();
                peer.expect_close(Some(1009));
            });
            assert!(grown < 2 * BOUND, "{grown} bytes, {takeover}, {frames}");
        }
    }
}
