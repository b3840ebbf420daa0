//! How the server hands the client out.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use primus::parsers::{ClientParser, CustomParser, Peer};
use primus::{BoxError, Destroy, Error, Frame, Parser, Plugin, Primus, Script, Value};

struct Server(Primus, SocketAddr);

impl Server {
    fn start(primus: Primus) -> Server {
        let address = primus.listen("127.0.0.1:0").unwrap();
        Server(primus, address)
    }

    /// The head and the body of the answer.
    fn ask(&self, method: &str, path: &str, fields: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.1).unwrap();
        let close = "Host: localhost\r\nConnection: close\r\n";
        write!(stream, "{method} {path} HTTP/1.1\r\n{close}{fields}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (format!("{}\r\n", head.to_lowercase()), body.to_owned())
    }

    fn get(&self, path: &str) -> (String, String) {
        self.ask("GET", path, "")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.destroy(Destroy::default());
    }
}

fn field<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {head}"))
}

#[test]
fn every_form_is_served_with_type_and_length() {
    let server = Server::start(Primus::builder().pathname("live").build().unwrap());
    for (file, kind, text) in [
        ("primus.js", "text/javascript; charset=utf-8", "globalThis[name] = Primus"),
        ("primus.mjs", "text/javascript; charset=utf-8", "export { Primus as default"),
        ("primus.d.ts", "text/plain; charset=utf-8", "export interface PrimusOptions"),
        ("primus.d.mts", "text/plain; charset=utf-8", "export interface PrimusOptions"),
    ] {
        let (head, body) = server.get(&format!("/live/{file}"));
        assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
        assert_eq!(field(&head, "content-type"), kind);
        assert_eq!(field(&head, "content-length"), body.len().to_string());
        assert!(body.contains(text), "{file}");
        let (same, nothing) = server.ask("HEAD", &format!("/live/{file}"), "");
        assert_eq!(
            (field(&same, "content-length"), &*nothing),
            (field(&head, "content-length"), "")
        );
        assert_eq!(field(&same, "etag"), field(&head, "etag"));
        for method in ["POST", "PUT", "DELETE"] {
            let (head, _) = server.ask(method, &format!("/live/{file}"), "Content-Length: 0\r\n");
            assert!(head.starts_with("http/1.1 405 "), "{method} {file}: {head}");
            assert_eq!(field(&head, "allow"), "get, head");
        }
    }
    assert_eq!(*server.0.library(), *server.get("/live/primus.js").1);
    assert!(server.get("/live/primus.js/").0.starts_with("http/1.1 426"));
}

#[test]
fn who_has_it_already_is_told_so() {
    let server = Server::start(Primus::builder().build().unwrap());
    let etag = field(&server.get("/primus/primus.js").0, "etag").to_owned();
    for known in [etag.clone(), format!("\"other\", {etag}"), format!("W/{etag}"), "*".into()] {
        let fields = format!("If-None-Match: {known}\r\n");
        let (head, body) = server.ask("GET", "/primus/primus.js", &fields);
        assert!(head.starts_with("http/1.1 304 "), "{known}: {head}");
        assert_eq!((field(&head, "etag"), &*body), (&*etag, ""));
    }
    let (head, body) = server.ask("GET", "/primus/primus.js", "If-None-Match: \"other\"\r\n");
    assert!(head.starts_with("http/1.1 200 ") && !body.is_empty(), "{head}");
    let module = server.get("/primus/primus.mjs").0;
    assert_ne!(field(&module, "etag"), etag);
}

/// A plugin with a half for the browser.
struct Half(&'static str);

impl Plugin for Half {
    fn name(&self) -> &str {
        self.0
    }

    fn server(&self, _: &Primus) -> Result<(), BoxError> {
        Ok(())
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(Script {
            client: "function (primus) { primus.half = true; }",
            library: "Primus.whole = 1;",
            types: "interface Primus<In = any, Out = any> { half: boolean }",
        })
    }
}

#[test]
fn it_changes_with_the_plugins_and_with_authorization() {
    let server = Server::start(Primus::builder().plugin(Half("a\"b")).build().unwrap());
    let etag = |server: &Server| field(&server.get("/primus/primus.js").0, "etag").to_owned();
    let (first, text) = (etag(&server), server.get("/primus/primus.js").1);
    assert!(text.contains(r#"Primus.prototype.ark["a\"b"] = function (primus)"#));
    assert!(text.contains("Primus.whole = 1;"));
    assert_eq!(etag(&server), first);

    server.0.add_plugin(Half("second")).unwrap();
    let both = server.0.library();
    assert!(both.contains(r#"ark["second"]"#));
    assert_eq!(both.matches("Primus.whole = 1;").count(), 1, "what they share is there once");
    let types = server.get("/primus/primus.d.ts").1;
    assert_eq!(types.matches("{ half: boolean }").count(), 2);
    assert!(types.contains(r#"// Of the plugin "a\"b"."#));
    let second = etag(&server);
    assert_ne!(second, first);
    assert!(server.0.plugout("second"));
    assert_eq!(etag(&server), first);

    server.0.authorize(|_| Ok(()));
    assert!(server.0.library().contains("\"authorization\": true"));
    assert_ne!(etag(&server), first);
}

struct Reversed;

impl CustomParser for Reversed {
    fn encode(&self, value: &Value, _: &dyn Peer) -> Result<Option<Frame>, BoxError> {
        Ok(value.as_str().map(Frame::text))
    }

    fn decode(&self, frame: &Frame, _: &dyn Peer) -> Result<Value, BoxError> {
        Ok(frame.as_text().ok_or("bytes")?.into())
    }

    fn client(&self) -> Option<ClientParser<'_>> {
        Some(ClientParser {
            encoder: "encode_it",
            decoder: "decode_it",
            library: "function encode_it() {}",
        })
    }
}

#[test]
fn a_parser_of_the_applications_own_brings_its_javascript() {
    let primus = Primus::builder().parser(Parser::custom(Reversed)).build().unwrap();
    let text = primus.library();
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part}"));
    assert!(at("function encode_it() {}") < at("const encoder = encode_it"));
    assert!(at("prototype.decoder = decode_it") > at("const prototype ="));
    primus.destroy(Destroy::default());
}

#[test]
fn a_global_that_is_no_identifier_is_refused() {
    for global in ["", "a-b", "class", "x;alert(1)", "Primus\n", "é"] {
        let error = Primus::builder().global(global).build().unwrap_err();
        assert!(matches!(error, Error::Option(text) if text.contains("global")), "{global:?}");
    }
}
