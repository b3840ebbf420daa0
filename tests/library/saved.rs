//! The clients under test, saved to a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{fs, process};

use primus::{BoxError, Builder, ClientPlugin, Destroy, Parser, Plugin, Primus};
use serde::Deserialize;

use crate::node;

const TRANSFORMERS: [&str; 2] = ["websockets", "engine.io"];

fn parsers() -> Vec<Parser> {
    vec![
        Parser::JSON,
        Parser::EJSON,
        Parser::BINARY,
        #[cfg(feature = "msgpack")]
        Parser::MSGPACK,
    ]
}

/// A folder with the client of every transformer and parser,
/// `<transformer>-<parser>/primus.js`.
pub fn libraries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let name = format!("library-{}", process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        for transformer in TRANSFORMERS {
            for parser in parsers() {
                let name = format!("{transformer}-{}", parser.name());
                save(Primus::builder().transformer(transformer).parser(parser), &folder.join(name));
            }
        }
        save(Primus::builder().global("Live"), &folder.join("global"));
        for (set, halves) in plugins() {
            let builder = halves.into_iter().fold(Primus::builder(), Builder::plugin);
            save(builder, &folder.join(format!("plugins-{set}")));
        }
        folder
    })
}

/// The client half of an npm plugin.
#[derive(Deserialize)]
struct Half {
    name: String,
    client: String,
    library: String,
}

impl Plugin for Half {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self, _: &Primus) -> Result<(), BoxError> {
        Ok(())
    }

    fn client(&self) -> Option<ClientPlugin<'_>> {
        Some(ClientPlugin { client: &self.client, library: &self.library })
    }
}

/// The sets of plugins that are tested together, as `halves.js` prints them.
fn plugins() -> BTreeMap<String, Vec<Half>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library/halves.js");
    let modules = node::project("library").join("node_modules");
    let output = Command::new("node").arg(script).env("NODE_PATH", modules).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Saves the client of a server with these options.
fn save(builder: Builder, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let primus = builder.build().unwrap();
    primus.save(folder.join("primus.js")).unwrap();
    primus.destroy(Destroy::default());
}
