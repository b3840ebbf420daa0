//! How the client is handed out over HTTP.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tiny_http::{Header, Response, ResponseBox};

use super::forms::{Form, Forms};
use crate::compression::Compression;
use crate::http::{Coder, Request};

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
    pub fn answer(
        self,
        forms: &Forms,
        request: &Request,
        compression: &Compression,
    ) -> ResponseBox {
        let text = self.text(forms);
        let coder = Coder::new(compression, request.header_list("accept-encoding"));
        let coded = coder.and_then(|coder| coder.of(text.len()));
        let coded = coded.and_then(|(coding, level)| {
            Some((coding, forms.coded.get(self, coding, || coding.encode(level, text.as_bytes()))?))
        });
        let coding = coded.as_ref().map(|(coding, _)| coding.name());
        let etag = etag(text, coding);
        let mut headers = vec![("ETag", &*etag), CACHE];
        if coder.is_some_and(|coder| coder.minds(text.len())) {
            headers.push(("Vary", "Accept-Encoding"));
        }
        if request.knows(&etag) {
            return with(Response::empty(304), &headers).boxed();
        }
        headers.extend(coding.map(|coding| ("Content-Encoding", coding)));
        headers.insert(0, ("Content-Type", self.content_type()));
        let bytes = coded.as_ref().map_or(text.as_bytes(), |(_, coded)| &coded[..]);
        with(Response::from_data(bytes), &headers).boxed()
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

/// Bytes that differ have tags that differ, and so have the codings of one text.
fn etag(text: &str, coding: Option<&str>) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let coding = coding.map(|coding| format!("-{coding}")).unwrap_or_default();
    format!("\"{:016x}{coding}\"", hasher.finish())
}
