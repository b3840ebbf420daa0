//! What comes on a connection with subscriptions.

use super::reply::Reply;
use super::topics::Key;

/// See the [module](self).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Message {
        /// What was subscribed to.
        key: Key,
        /// The channel, where that was a pattern.
        channel: Option<String>,
        payload: Vec<u8>,
    },
    /// That something is said from now on, or is not any more.
    Confirmed(Key),
    /// The sign of life that was asked for.
    Pong,
}

impl News {
    /// What a reply is. The error says what is wrong with it.
    pub fn of(reply: Reply) -> Result<News, String> {
        let parts = match reply {
            Reply::SimpleString(text) if text == "PONG" => return Ok(News::Pong),
            Reply::Array(parts) => parts,
            other => return Err(strange(&other)),
        };
        let mut parts = parts.into_iter();
        let kind = text(parts.next())?;
        let pattern = kind.starts_with('p');
        match kind.as_str() {
            "pong" => Ok(News::Pong),
            "subscribe" | "psubscribe" | "unsubscribe" | "punsubscribe" => {
                Ok(News::Confirmed(Key::new(&text(parts.next())?, pattern)))
            }
            "message" | "pmessage" => {
                let key = Key::new(&text(parts.next())?, pattern);
                let channel = if pattern { Some(text(parts.next())?) } else { None };
                Ok(News::Message { key, channel, payload: bytes(parts.next())? })
            }
            other => Err(format!("{other:?} is nothing that a subscription says")),
        }
    }
}

fn bytes(part: Option<Reply>) -> Result<Vec<u8>, String> {
    match part {
        Some(Reply::BulkString(bytes)) => Ok(bytes),
        Some(other) => Err(strange(&other)),
        None => Err("a message with a part missing".into()),
    }
}

fn text(part: Option<Reply>) -> Result<String, String> {
    let bytes = bytes(part)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn strange(reply: &Reply) -> String {
    let shown: String = format!("{reply:?}").chars().take(60).collect();
    format!("{shown} is nothing that a subscription says")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::decoder::Decoder;

    fn of(text: &str) -> Result<News, String> {
        let mut decoder = Decoder::new(1000);
        decoder.feed(text.as_bytes());
        News::of(decoder.next()?.expect("a reply"))
    }

    #[test]
    fn messages_and_confirmations_are_told_apart() {
        let message =
            News::Message { key: Key::new("a", false), channel: None, payload: b"hi".to_vec() };
        assert_eq!(of("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"), Ok(message));
        let message = News::Message {
            key: Key::new("a*", true),
            channel: Some("ab".into()),
            payload: vec![],
        };
        let text = "*4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$2\r\nab\r\n$0\r\n\r\n";
        assert_eq!(of(text), Ok(message));
        let confirmed = |pattern| Ok(News::Confirmed(Key::new("a", pattern)));
        assert_eq!(of("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"), confirmed(false));
        assert_eq!(of("*3\r\n$12\r\npunsubscribe\r\n$1\r\na\r\n:0\r\n"), confirmed(true));
        assert_eq!(of("*2\r\n$4\r\npong\r\n$0\r\n\r\n"), Ok(News::Pong));
        assert_eq!(of("+PONG\r\n"), Ok(News::Pong));
    }

    #[test]
    fn what_is_none_of_these_is_an_error() {
        for text in [
            "+OK\r\n",
            ":1\r\n",
            "$-1\r\n",
            "*0\r\n",
            "*1\r\n:1\r\n",
            "*2\r\n$7\r\nmessage\r\n$1\r\na\r\n",
            "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n:1\r\n",
            "*3\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\na\r\n",
            "*2\r\n$9\r\nsubscribe\r\n:1\r\n",
            "*1\r\n$3\r\nboo\r\n",
        ] {
            assert!(of(text).is_err(), "{text:?}");
        }
    }
}
