//! A parser of the application's own: its JavaScript, run under Node.js, against
//! servers with its Rust.

use std::path::Path;

use primus::parsers::{ClientParser, CustomParser, Peer};
use primus::{BoxError, Builder, Destroy, Frame, Message, Parser, Primus, Spark, Value};
use serde_json::json;

use crate::libraries::save;

const TRANSFORMERS: [&str; 4] = ["websockets", "engine.io", "sockjs", "socket.io"];

/// JSON, written backwards.
struct Turned;

fn turn(text: &str) -> String {
    text.chars().rev().collect()
}

impl CustomParser for Turned {
    fn encode(&self, value: &Value, _: &dyn Peer) -> Result<Option<Frame>, BoxError> {
        Ok(Some(Frame::text(turn(&serde_json::to_string(value)?))))
    }

    fn decode(&self, frame: &Frame, _: &dyn Peer) -> Result<Value, BoxError> {
        let text = turn(frame.as_text().ok_or("bytes")?);
        Ok(serde_json::from_str::<serde_json::Value>(&text)?.into())
    }

    fn client(&self) -> Option<ClientParser<'_>> {
        Some(ClientParser {
            encoder: "function (message, done) {
                if (message === 'wrong') throw new Error('no such message');
                done(null, turn(JSON.stringify(message)));
            }",
            // One that takes its time.
            decoder: "(packet, done) => setTimeout(() => {
                let message;
                try { message = JSON.parse(turn(packet)); } catch (error) { return done(error); }
                done(null, message);
            })",
            library: "function turn(text) { return [...text].reverse().join(''); }",
        })
    }
}

/// One that was written for Rust alone.
struct Silent;

impl CustomParser for Silent {
    fn name(&self) -> &str {
        "silent"
    }

    fn encode(&self, _: &Value, _: &dyn Peer) -> Result<Option<Frame>, BoxError> {
        Ok(None)
    }

    fn decode(&self, _: &Frame, _: &dyn Peer) -> Result<Value, BoxError> {
        Err("nothing comes".into())
    }
}

fn builder(transformer: &str) -> Builder {
    Primus::builder().transformer(transformer).parser(Parser::custom(Turned))
}

/// Saves the clients, `custom-<transformer>/primus.js`, and one whose parser has no
/// JavaScript.
pub fn save_all(folder: &Path) {
    for transformer in TRANSFORMERS {
        save(builder(transformer), &folder.join(format!("custom-{transformer}")));
    }
    save(Primus::builder().parser(Parser::custom(Silent)), &folder.join("custom-silent"));
}

/// Servers that echo, and answer `broken` with what is none of the parser's.
pub struct Servers(Vec<(&'static str, Primus, String)>);

impl Servers {
    pub fn start() -> Servers {
        let server = |transformer| {
            let primus = builder(transformer).build().unwrap();
            primus.on_connection(listen);
            let address = primus.listen("127.0.0.1:0").unwrap();
            (transformer, primus, format!("http://{address}"))
        };
        Servers(TRANSFORMERS.map(server).into())
    }

    /// Their addresses by their transformers, as JSON.
    pub fn urls(&self) -> String {
        let urls = self.0.iter().map(|(transformer, _, url)| (*transformer, json!(url)));
        serde_json::Value::Object(urls.map(|(name, url)| (name.to_owned(), url)).collect())
            .to_string()
    }
}

fn listen(spark: &Spark) -> primus::Result<()> {
    spark.on_data(answer);
    Ok(())
}

fn answer(spark: &Spark, message: &Message) -> primus::Result<()> {
    match message.value().as_str() {
        Some("broken") => spark.write_frame(&Frame::text("}")).map(drop),
        _ => spark.write(message.value()).map(drop),
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for (_, primus, _) in &self.0 {
            primus.destroy(Destroy::default());
        }
    }
}
