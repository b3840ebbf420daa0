//! The browser client, saved for every transformer and parser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use primus::{Builder, Destroy, Parser, Primus};

const TRANSFORMERS: [&str; 3] = ["websockets", "engine.io", "sockjs"];

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
    for transformer in TRANSFORMERS {
        let text_only = transformer == "sockjs";
        for parser in parsers() {
            if text_only && !["json", "ejson"].contains(&parser.name()) {
                continue;
            }
            let name = format!("{transformer}-{}", parser.name());
            save(Primus::builder().transformer(transformer).parser(parser), &folder.join(name));
        }
    }
    folder
}

/// Saves the client of a server with these options.
pub fn save(builder: Builder, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let primus = builder.build().unwrap();
    primus.save(folder.join("primus.js")).unwrap();
    primus.destroy(Destroy::default());
}
