//! How the client is handed out over HTTP.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tiny_http::{Header, Response, ResponseBox};

use super::Forms;
use crate::http::Request;

/// One form of the client, to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For script tags, CommonJS and AMD.
    Script,
    /// The ES module.
    Module,
    /// The types.
    Types,
}

impl Form {
    /// The form that a file name below the pathname stands for.
    pub fn of(name: &str) -> Option<Form> {
        match name {
            "primus.js" => Some(Form::Script),
            "primus.mjs" => Some(Form::Module),
            "primus.d.ts" | "primus.d.mts" => Some(Form::Types),
            _ => None,
        }
    }

    fn text(self, forms: &Forms) -> &Arc<str> {
        match self {
            Form::Script => &forms.script,
            Form::Module => &forms.module,
            Form::Types => &forms.types,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Form::Script | Form::Module => "text/javascript; charset=utf-8",
            Form::Types => "text/plain; charset=utf-8",
        }
    }

    /// The answer to a request that wants something else than to read it.
    pub fn refusal() -> ResponseBox {
        with(Response::empty(405), &[("Allow", "GET, HEAD")]).boxed()
    }

    /// The answer to a request that wants to read it, unless the client has it.
    pub fn answer(self, forms: &Forms, request: &Request) -> ResponseBox {
        let text = self.text(forms);
        let etag = etag(text);
        if request.knows(&etag) {
            return with(Response::empty(304), &[("ETag", &etag), CACHE]).boxed();
        }
        let headers = [("Content-Type", self.content_type()), ("ETag", &etag), CACHE];
        with(Response::from_data(text.as_bytes()), &headers).boxed()
    }
}

/// It may be kept, and is asked for again: most often the answer is 304.
const CACHE: (&str, &str) = ("Cache-Control", "no-cache");

fn with<R: std::io::Read>(response: Response<R>, headers: &[(&str, &str)]) -> Response<R> {
    let mut plain = response;
    // `from_data` brings a type of its own.
    for (name, value) in headers {
        if let Ok(header) = Header::from_bytes(*name, *value) {
            plain = plain.with_header(header);
        }
    }
    plain
}

fn etag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}
