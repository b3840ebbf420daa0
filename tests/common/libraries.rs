//! The browser client, saved for every transformer and parser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use primus::{BoxError, Builder, Destroy, Parser, Plugin, Primus, Script};

const TRANSFORMERS: [&str; 5] =
    ["websockets", "engine.io", "sockjs", "browserchannel", "socket.io"];

fn parsers() -> Vec<Parser> {
    vec![
        Parser::JSON,
        Parser::EJSON,
        Parser::BINARY,
        #[cfg(feature = "msgpack")]
        Parser::MSGPACK,
    ]
}

/// A new folder with the client of every transformer and parser,
/// `<transformer>-<parser>/primus.js`.
pub fn save_all() -> PathBuf {
    let name = format!("library-{}", process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for_all(|builder, name| save(builder, &folder.join(name)));
    folder
}

/// Servers with every transformer and parser, and names for them.
pub fn for_all(mut each: impl FnMut(Builder, String)) {
    for transformer in TRANSFORMERS {
        let text_only = ["sockjs", "browserchannel", "socket.io"].contains(&transformer);
        for parser in parsers() {
            if text_only && !["json", "ejson"].contains(&parser.name()) {
                continue;
            }
            let name = format!("{transformer}-{}", parser.name());
            each(Primus::builder().transformer(transformer).parser(parser), name);
        }
    }
}

/// Saves the client of a server with these options.
pub fn save(builder: Builder, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let primus = builder.build().unwrap();
    primus.save(folder.join("primus.js")).unwrap();
    primus.destroy(Destroy::default());
}

/// The client half of one of this crate's plugins.
struct Half {
    name: &'static str,
    client: &'static str,
    types: &'static str,
}

macro_rules! half {
    ($name:literal) => {
        Half {
            name: $name,
            client: include_str!(concat!("../../src/plugins/", $name, "/client.js")),
            types: include_str!(concat!("../../src/plugins/", $name, "/types.d.ts")),
        }
    };
}

const HALVES: [Half; 8] = [
    half!("analytics"),
    half!("emit"),
    half!("emitter"),
    half!("mirage"),
    half!("multiplex"),
    half!("resource"),
    half!("responder"),
    half!("substream"),
];

impl Plugin for Half {
    fn name(&self) -> &str {
        self.name
    }

    fn server(&self, _: &Primus) -> Result<(), BoxError> {
        Ok(())
    }

    fn script(&self) -> Option<Script<'_>> {
        let library = include_str!("../../src/plugins/library.js");
        Some(Script { client: self.client, library, types: self.types })
    }
}

/// A folder with the client that has all client halves.
pub fn with_plugins() -> PathBuf {
    let name = format!("plugins-{}", process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    save(HALVES.into_iter().fold(Primus::builder(), Builder::plugin), &folder);
    folder
}
