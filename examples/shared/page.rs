//! The pages of the examples: files that are part of the program.

use std::net::TcpListener;
use std::process::exit;

use primus::Primus;
use primus::tiny_http::{Header, Method, Response, ResponseBox};

/// What a page may do in the browser: use what comes from this server, and
/// connect to it.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file: its path, its content, and what it is.
pub type File = (&'static str, &'static str, Kind);

/// What a file is.
#[derive(Clone, Copy)]
pub enum Kind {
    Html,
    Css,
    JavaScript,
    #[allow(dead_code, reason = "no example uses all of them")]
    Json,
}

impl Kind {
    fn content_type(self) -> &'static str {
        match self {
            Kind::Html => "text/html; charset=utf-8",
            Kind::Css => "text/css; charset=utf-8",
            Kind::JavaScript => "text/javascript; charset=utf-8",
            Kind::Json => "application/json",
        }
    }
}

/// The style that all pages share.
pub const STYLE: File = ("/page.css", include_str!("page.css"), Kind::Css);

/// Listens on the address that the command line names, or says why not and ends
/// the program.
#[allow(dead_code, reason = "an example may have more options")]
pub fn listener() -> TcpListener {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    if address.starts_with('-') {
        println!("Usage: give it the address to listen on, or nothing for 127.0.0.1:8080");
        exit(i32::from(!matches!(&*address, "-h" | "--help")));
    }
    TcpListener::bind(&*address).unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error} (try another address and port)");
        exit(1)
    })
}

/// Answers requests for the files, and everything else with 404.
#[allow(dead_code, reason = "an example may have more to answer than files")]
pub fn serve(primus: &Primus, files: &'static [File]) {
    primus.on_request(move |request, _| answer(files, request.method(), request.path(), POLICY));
}

/// The answer to a request.
pub fn answer(files: &[File], method: &Method, path: &str, policy: &str) -> ResponseBox {
    let Some((_, content, kind)) = files.iter().find(|(at, ..)| *at == path) else {
        return Response::from_string("there is no such page").with_status_code(404).boxed();
    };
    if !matches!(method, Method::Get | Method::Head) {
        return Response::empty(405).with_header(header("Allow", "GET, HEAD")).boxed();
    }
    text(*kind, *content).with_header(header("Content-Security-Policy", policy)).boxed()
}

/// An answer of this kind.
pub fn text(kind: Kind, content: impl Into<String>) -> ResponseBox {
    Response::from_string(content)
        .with_header(header("Content-Type", kind.content_type()))
        .with_header(header("X-Content-Type-Options", "nosniff"))
        .with_header(header("Cache-Control", "no-cache"))
        .boxed()
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("a header without control characters")
}
