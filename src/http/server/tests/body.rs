//! The framing of bodies without a socket.

use crate::http::Bad;
use crate::http::body::*;
use crate::http::head::BodyLength;

/// The body when the input arrives in pieces of this size, and whether it was
/// complete.
fn decode(length: BodyLength, input: &[u8], piece: usize) -> Result<(Vec<u8>, bool), Bad> {
    let mut decoder = BodyDecoder::new(length);
    let mut body = Vec::new();
    for mut piece in input.chunks(piece) {
        while !piece.is_empty() && !decoder.is_done() {
            let step = decoder.step(piece)?;
            body.extend_from_slice(&piece[step.skip..step.skip + step.data]);
            decoder.took(step.data);
            piece = &piece[step.skip + step.data..];
        }
    }
    Ok((body, decoder.is_done()))
}

#[test]
fn every_split_gives_the_same_body() {
    let chunked = b"5\r\nhello\r\n6;ext=\"1\"\r\n world\r\n00\r\nTrailer: x\r\n\r\n";
    for piece in 1..=chunked.len() {
        let decoded = decode(BodyLength::Chunked, chunked, piece).unwrap();
        assert_eq!(decoded, (b"hello world".to_vec(), true), "pieces of {piece}");
        let decoded = decode(BodyLength::Known(5), b"helloGET / HTTP/1.1", piece).unwrap();
        assert_eq!(decoded, (b"hello".to_vec(), true), "pieces of {piece}");
    }
}

#[test]
fn what_is_not_complete_is_not_done() {
    for input in ["", "5", "5\r", "5\r\n", "5\r\nhell", "5\r\nhello", "5\r\nhello\r\n0\r\n"] {
        assert!(!decode(BodyLength::Chunked, input.as_bytes(), 1).unwrap().1, "{input:?}");
    }
    assert!(decode(BodyLength::Known(0), b"", 1).unwrap().1);
}

/// Chunk sizes and line ends on which two parsers could differ.
#[test]
fn malformed_chunks_are_refused() {
    let table = [
        "\r\n",
        "+5\r\nhello\r\n",
        "-1\r\n",
        "0x5\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\nhello\n",
        "5\rXhello",
        "5\r\nhelloX",
        "5\r\nhello\nX",
        "5\r\nhello\r\n0\r\nT: x\n\n",
        "5\r\nhello\r\n0\r\n\rX",
        "5;a\nhello",
        "5;\0\r\nhello",
        "g\r\n",
        "10000000000000000\r\n",
        "00000000000000005\r\n",
    ];
    for input in table {
        let refused = decode(BodyLength::Chunked, input.as_bytes(), 1);
        assert_eq!(refused.map_err(|bad| bad.status), Err(400), "{input:?}");
    }
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let extensions = "1;xxxxxxxxxx\r\nx\r\n".repeat(1000);
    let refused = decode(BodyLength::Chunked, extensions.as_bytes(), 100);
    assert_eq!(refused.unwrap_err().text, "chunk extensions too long");
    let trailer = format!("0\r\n{}", "A: b\r\n".repeat(10_000));
    assert_eq!(decode(BodyLength::Chunked, trailer.as_bytes(), 100).unwrap_err().status, 431);
}
