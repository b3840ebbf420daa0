//! Puts the files together.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::forms::Forms;
use super::script::Script as Half;
use crate::parsers::{ClientParser, Parser};
use crate::protocol::ClientMode;
use crate::server::options::Options;
use crate::spec::{PRIMUS_VERSION, Spec};
use crate::transformers::Script;
use crate::transformers::chosen::Chosen;

/// What goes into every client of a server.
pub(super) struct Settings {
    transformers: Chosen,
    parser: String,
    custom: Option<Custom>,
    global: String,
    pathname: String,
    heartbeat: Option<ClientMode>,
}

/// The JavaScript of a parser of the application's own.
struct Custom {
    before: String,
    after: String,
    library: String,
}

/// The browser's half of a plugin.
pub(super) struct Asset {
    pub name: String,
    client: String,
    library: String,
    types: String,
}

impl Asset {
    /// That of the plugin of this name.
    pub fn of(name: &str, half: Half<'_>) -> Asset {
        let Half { client, library, types } = half;
        let [client, library, types] = [client, library, types].map(str::to_owned);
        Asset { name: name.to_owned(), client, library, types }
    }
}

impl Settings {
    pub fn new(options: &Options, spec: &Spec) -> Self {
        let parser = &options.parser;
        Settings {
            transformers: options.transformers.clone(),
            parser: parser.name().to_owned(),
            custom: parser.is_custom().then(|| Custom::new(parser)),
            global: options.global.clone(),
            pathname: options.pathname.clone(),
            heartbeat: spec.heartbeat.client_mode(),
        }
    }

    /// The client in all forms.
    pub fn forms(&self, plugins: &[Asset], authorization: bool) -> Forms {
        let create = with_libraries(self.create(plugins, authorization), plugins);
        let head = format!(
            "// The client of a Primus {PRIMUS_VERSION} server: {}, {}.\n",
            self.transformers.names().collect::<Vec<_>>().join(", "),
            self.parser
        );
        let name = json!(self.global).to_string();
        let script = fill(include_str!("umd.js"), &[&name, &create]);
        let module = fill(include_str!("module.js"), &[&create, &self.global]);
        let mut types = fill(include_str!("primus.d.ts"), &[&self.global]);
        for Asset { name, types: own, .. } in plugins.iter().filter(|own| !own.types.is_empty()) {
            let _ = write!(types, "\n// Of the plugin {}.\n\n{own}", json!(name));
        }
        Forms {
            script: (head.clone() + &script).into(),
            module: (head + &module).into(),
            types: types.into(),
            coded: Default::default(),
        }
    }

    /// The function that makes the class.
    fn create(&self, plugins: &[Asset], authorization: bool) -> String {
        let library = self.custom.as_ref().map_or("", |custom| &custom.library);
        let mut text = String::from("function (host) {\n");
        // For what plugins and parsers bring along.
        text.push_str("let define, module, exports;\n");
        text.push_str(library);
        text.push_str("\nconst Primus = (function () {\n'use strict';\n\n");
        let _ = writeln!(text, "const COMPILED = {:#};\n", self.compiled(authorization));
        for file in self.core() {
            text.push_str(file);
            text.push('\n');
        }
        text.push_str(&self.transport());
        text.push('\n');
        text.push_str(self.custom.as_ref().map_or("", |custom| &custom.after));
        text.push_str("return Primus;\n})();\n");
        for Asset { name, client, .. } in plugins.iter().filter(|plugin| !plugin.client.is_empty())
        {
            let _ = writeln!(text, "Primus.prototype.ark[{}] = {client};", json!(name));
        }
        text.push_str("return Primus;\n}");
        text
    }

    /// What the files are told of the server.
    fn compiled(&self, authorization: bool) -> Value {
        let ms = |span: Option<Duration>| span.map_or(json!(false), |span| json!(millis(span)));
        let heartbeat = match self.heartbeat {
            Some(ClientMode::ServerPings { timeout }) => json!({ "pingTimeout": ms(timeout) }),
            Some(ClientMode::ClientPings { interval, timeout }) => {
                json!({ "ping": ms(interval), "pong": ms(Some(timeout)) })
            }
            None => json!({}),
        };
        json!({
            "version": PRIMUS_VERSION,
            "pathname": self.pathname,
            "authorization": authorization,
            "heartbeat": heartbeat,
        })
    }

    /// The transport, or several and what chooses one of them.
    fn transport(&self) -> Cow<'static, str> {
        let mut scripts = self.transformers.scripts();
        let Some((name, first)) = scripts.next() else {
            return include_str!("none.js").into();
        };
        let mut scripts = scripts.peekable();
        if scripts.peek().is_none() {
            return first.text.into();
        }
        // Each has names of its own.
        let mut text = String::from("const TRANSPORTS = [\n");
        for (name, Script { text: own, requests }) in [(name, first)].into_iter().chain(scripts) {
            let name = json!(name);
            let _ = writeln!(
                text,
                "[{name}, (function () {{\n{own}\nreturn TRANSPORT;\n}})(), {requests}],"
            );
        }
        text.push_str("];\n\n");
        text.push_str(include_str!("several.js"));
        text.into()
    }

    /// The files before it, in their order.
    fn core(&self) -> Vec<&str> {
        let mut files = vec![
            include_str!("events.js"),
            include_str!("recovery.js"),
            include_str!("heartbeat.js"),
            include_str!("machine.js"),
            include_str!("queue.js"),
            include_str!("url.js"),
        ];
        let requests = self.transformers.scripts().any(|(_, script)| script.requests);
        if requests || self.parser == "ejson" {
            files.push(include_str!("base64.js"));
        }
        if requests {
            files.push(include_str!("requests.js"));
        }
        files.extend(self.parser());
        files.extend([
            include_str!("drive.js"),
            include_str!("page.js"),
            include_str!("socket.js"),
            include_str!("client.js"),
        ]);
        files
    }

    fn parser(&self) -> Vec<&str> {
        if let Some(custom) = &self.custom {
            return vec![&custom.before];
        }
        let mut files = vec![include_str!("decoder.js")];
        files.extend(match &*self.parser {
            "ejson" => vec![include_str!("../parsers/ejson.js")],
            "binary" => vec![include_str!("pack.js"), include_str!("../parsers/binary.js")],
            "msgpack" => vec![include_str!("pack.js"), include_str!("../parsers/msgpack.js")],
            _ => vec![include_str!("../parsers/json.js")],
        });
        files
    }
}

impl Custom {
    fn new(parser: &Parser) -> Self {
        let missing = format!(
            "(data, done) => done(new Error({}))",
            json!(format!("The parser {} has no JavaScript", parser.name()))
        );
        let half = parser.client().unwrap_or(ClientParser {
            encoder: &missing,
            decoder: &missing,
            library: "",
        });
        let ClientParser { encoder, decoder, library } = half;
        Custom {
            // The client takes what is named `decoder` for one that answers at once.
            before: format!("const encoder = {encoder};\nconst decoder = null;\n"),
            after: format!("prototype.decoder = {decoder};\n"),
            library: library.into(),
        }
    }
}

/// The function that makes the class, with what plugins have outside of it: functions
/// that are called with the class.
fn with_libraries(create: String, plugins: &[Asset]) -> String {
    let mut libraries = String::new();
    for (at, Asset { library, .. }) in plugins.iter().enumerate() {
        // Several may bring the same along.
        let is_new = plugins[..at].iter().all(|before| before.library != *library);
        if library.is_empty() || !is_new {
            continue;
        }
        let _ = writeln!(libraries, "(function (Primus) {{\n{library}\n}})(Primus);");
    }
    if libraries.is_empty() {
        return create;
    }
    format!("(host) => {{\nconst Primus = ({create})(host);\n{libraries}return Primus;\n}}")
}

/// Fills the gaps of a template, which are words like `__NAME__`, in order.
fn fill(template: &str, values: &[&str]) -> String {
    let mut pieces = template.split("__");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for value in values {
        let _gap = pieces.next();
        text.push_str(value);
        text.push_str(pieces.next().unwrap_or_default());
    }
    text
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
