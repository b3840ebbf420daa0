//! The browser client: JavaScript of our own, assembled for a server's options.
//!
//! | file | what it is |
//! |---|---|
//! | `events.js` | listeners, and `pipe` |
//! | `machine.js`, `recovery.js`, `heartbeat.js` | the same tables as [`client`](crate::Client)'s |
//! | `queue.js`, `url.js`, `base64.js`, `decoder.js`, `pack.js`, `socket.js`, `requests.js` | what the others use |
//! | `client.js`, `drive.js`, `page.js` | the class, what keeps it going, and what happens to its page |
//! | `several.js`, `none.js` | in place of the transport, where the server has several transformers, or only such of its application's own |
//! | `umd.js`, `module.js` | what is around them in the two forms |
//! | `primus.d.ts` | the types |
//!
//! The transport of each transformer is in the transformer's folder, each
//! parser's JavaScript beside the parser. None of these files imports anything:
//! they share the scope of one function, in the order of [`core`].

mod assemble;
mod forms;
mod script;
mod serve;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::middleware::Authorization;
use crate::server::options::Options;
use crate::spec::Spec;
use crate::sync::{Guard, Lock};
use assemble::{Asset, Settings};
pub(crate) use forms::{Form, Forms};
pub use script::Script;

/// The browser client of one server, rebuilt when what goes into it changes.
pub(crate) struct Library {
    settings: Settings,
    /// Whether it is set shows in what clients do after a refusal.
    authorization: Authorization,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    plugins: Vec<Asset>,
    /// What was built last, and whether for a server with authorization.
    built: Option<(bool, Arc<Forms>)>,
}

impl Library {
    /// That of a server with these options.
    pub fn new(options: &Options, spec: &Spec) -> Self {
        Library {
            settings: Settings::new(options, spec),
            authorization: options.authorization.clone(),
            state: Lock::default(),
        }
    }

    /// A plugin was registered that has something for browsers.
    pub fn add(&self, plugin: &str, half: Script<'_>) {
        let asset = Asset::of(plugin, half);
        let mut state = self.lock();
        state.plugins.push(asset);
        state.built = None;
    }

    /// A plugin was taken out.
    pub fn remove(&self, plugin: &str) {
        let mut state = self.lock();
        state.plugins.retain(|asset| asset.name != plugin);
        state.built = None;
    }

    /// The client as it is to be now.
    pub fn forms(&self) -> Arc<Forms> {
        let authorization = self.authorization.is_set();
        let mut state = self.lock();
        match &state.built {
            Some((before, forms)) if *before == authorization => forms.clone(),
            _ => {
                let forms = Arc::new(self.settings.forms(&state.plugins, authorization));
                state.built = Some((authorization, forms.clone()));
                forms
            }
        }
    }

    /// Writes all forms beside each other, under the name of `path`.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let forms = self.forms();
        for (extension, text) in [
            ("js", &forms.script),
            ("mjs", &forms.module),
            ("d.ts", &forms.types),
            ("d.mts", &forms.types),
        ] {
            fs::write(with_extension(path, extension), &**text)?;
        }
        Ok(())
    }

    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }
}

/// The path with another extension in place of one of a client's, or after it.
fn with_extension(path: &Path, extension: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = [".d.ts", ".d.mts", ".mjs", ".js"].iter().find_map(|own| name.strip_suffix(own));
    path.with_file_name(format!("{}.{extension}", stem.unwrap_or(&name)))
}

/// Whether a name can be that of the client class. Only ASCII, so that it is one
/// under any encoding of the page.
pub(crate) fn is_identifier(name: &str) -> bool {
    let start = |c: u8| c.is_ascii_alphabetic() || c == b'_' || c == b'$';
    name.bytes().next().is_some_and(start)
        && name.bytes().all(|c| start(c) || c.is_ascii_digit())
        && !RESERVED.contains(&name)
}

/// Words of JavaScript that no variable can have for its name.
const RESERVED: &[&str] = &[
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

#[cfg(test)]
mod tests;
