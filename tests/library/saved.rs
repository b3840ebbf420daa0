//! The clients under test, saved to a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use primus::{BoxError, Builder, Plugin, Primus, Script};
use serde::Deserialize;

use crate::custom;
use crate::libraries::{self, save};
use crate::node;

/// A folder with the client of every transformer and parser,
/// `<transformer>-<parser>/primus.js`.
pub fn libraries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = libraries::save_all();
        save(Primus::builder().global("Live"), &folder.join("global"));
        let several = Primus::builder().transformer(["websockets", "engine.io", "sockjs"]);
        save(several, &folder.join("several-json"));
        save(Primus::builder().transformer("all"), &folder.join("all-json"));
        custom::save_all(&folder);
        for (set, halves) in plugins() {
            let with = |builder| halves.iter().cloned().fold(builder, Builder::plugin);
            save(with(Primus::builder()), &folder.join(format!("plugins-{set}")));
            if set == "own-all" {
                libraries::for_all(|builder, name| {
                    save(with(builder), &folder.join(format!("plugins-{set}-{name}")));
                });
            }
        }
        folder
    })
}

/// The client half of an npm plugin.
#[derive(Clone, Deserialize)]
struct Half {
    name: String,
    client: String,
    library: String,
    #[serde(default)]
    types: String,
}

impl Plugin for Half {
    fn name(&self) -> &str {
        &self.name
    }

    fn server(&self, _: &Primus) -> Result<(), BoxError> {
        Ok(())
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(Script { client: &self.client, library: &self.library, types: &self.types })
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
