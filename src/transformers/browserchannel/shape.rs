//! In which form the back channel comes: as text, or for browsers without requests
//! that tell of pieces as a page of scripts, each of which hands one on.

use crate::frame::room;

/// The longest name of a domain that a page is told.
const DOMAIN_MAX: usize = 253;

/// Letters behind the first script, so that browsers show what they have.
const FILLING: usize = 290;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text.
    Xhr,
    /// A page, whose scripts belong to this domain unless it is empty.
    Page(String),
}

impl Shape {
    /// A page for this domain; one that is too long to be one counts as none.
    pub fn page(domain: &str) -> Self {
        let fits = domain.len() <= DOMAIN_MAX;
        Shape::Page(if fits { domain.to_owned() } else { String::new() })
    }

    /// The content type of its answers.
    pub fn content(&self) -> &'static str {
        match self {
            Shape::Xhr => "text/plain",
            Shape::Page(_) => "text/html",
        }
    }

    /// Appends what comes before anything else.
    pub fn prelude(&self, out: &mut Vec<u8>) {
        let Shape::Page(domain) = self else { return };
        out.extend_from_slice(b"<html><body>");
        if !domain.is_empty() {
            out.extend_from_slice(b"<script>try{document.domain=");
            quote(domain, out);
            out.extend_from_slice(b";}catch(e){}</script>\n");
        }
    }

    /// Appends a piece; `first`: the first one of an answer.
    pub fn piece(&self, text: &str, first: bool, out: &mut Vec<u8>) {
        if *self == Shape::Xhr {
            return room::append(out, text.as_bytes());
        }
        room::append(out, b"<script>try {parent.m(");
        quote(text, out);
        room::append(out, b")} catch(e) {}</script>\n");
        if first {
            // Of no pattern that would be compressed well.
            let mut state = 0x2545_F491_u32;
            for _ in 0..FILLING {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                out.push(b"0123456789abcdef"[(state >> 28) as usize]);
            }
            out.push(b'\n');
        }
    }

    /// Appends what comes at the end.
    pub fn end(&self, out: &mut Vec<u8>) {
        if *self != Shape::Xhr {
            room::append(out, b"<script>try  {parent.d(); }catch (e){}</script>\n");
        }
    }
}

/// Appends a text as a string of JavaScript in ASCII, which ends no script that it is
/// in: what one user writes becomes a part of the page of another. (The original lets
/// `</script>` stand.)
fn quote(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let escape = |unit: u16, out: &mut Vec<u8>| {
        let digit = |shift: u16| DIGITS[usize::from(unit >> shift & 0xF)];
        room::append(out, &[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
    };
    room::reserve(out, text.len() + text.len() / 4 + 2);
    room::append(out, b"\"");
    for char in text.chars() {
        match char {
            '"' => room::append(out, b"\\\""),
            '\\' => room::append(out, b"\\\\"),
            '\n' => room::append(out, b"\\n"),
            '\r' => room::append(out, b"\\r"),
            '\t' => room::append(out, b"\\t"),
            ' '..='~' if char != '<' => out.push(char as u8),
            _ => char.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escape(*unit, out)),
        }
    }
    room::append(out, b"\"");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(fill: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        fill(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_as_it_is() {
        let shape = Shape::Xhr;
        let all = text(|out| {
            shape.prelude(out);
            shape.piece("3\n[]\n", true, out);
            shape.end(out);
        });
        assert_eq!((&*all, shape.content()), ("3\n[]\n", "text/plain"));
    }

    /// As it was recorded, but for the markup in it and the letters of the filling.
    #[test]
    fn pages() {
        let shape = Shape::page("ex\"ample.com");
        assert_eq!(
            text(|out| shape.prelude(out)),
            "<html><body><script>try{document.domain=\"ex\\\"ample.com\";}catch(e){}</script>\n"
        );
        assert_eq!(text(|out| Shape::page("").prelude(out)), "<html><body>");
        let piece = "[[1,\"\\\"one é</script>\\\"\"]]\n";
        let script = "<script>try {parent.m(\"[[1,\\\"\\\\\\\"one \\u00e9\\u003c/script>\\\\\\\"\\\"]]\\n\")} catch(e) {}</script>\n";
        assert_eq!(text(|out| shape.piece(piece, false, out)), script);
        let first = text(|out| shape.piece(piece, true, out));
        let filling = first.strip_prefix(script).and_then(|rest| rest.strip_suffix('\n')).unwrap();
        assert_eq!(filling.len(), 290);
        assert!(filling.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(text(|out| shape.end(out)), "<script>try  {parent.d(); }catch (e){}</script>\n");
    }

    #[test]
    fn nothing_that_is_put_in_gets_out() {
        for bad in ["</script><script>", "<!--", "\u{2028}\0\u{7f}", "😀", "\"];\\"] {
            let quoted = text(|out| quote(bad, out));
            assert!(quoted.is_ascii() && !quoted.contains(['<', '\0', '\u{7f}']), "{quoted}");
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), bad);
        }
        assert_eq!(Shape::page(&"x".repeat(254)), Shape::Page(String::new()));
    }
}
