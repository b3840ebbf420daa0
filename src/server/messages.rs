//! Receiving without listeners: a blocking iterator, and byte streams on it.

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::error::Error;
use crate::message::Message;
use crate::server::spark::Spark;
use crate::server::{life, thread};
use crate::value::Value;

/// The messages of a spark, see [`Spark::messages`].
#[derive(Debug)]
pub struct Messages {
    spark: Spark,
}

impl Messages {
    fn new(spark: Spark) -> Self {
        spark.0.inbox.add_reader();
        Messages { spark }
    }

    /// Lets the spark's thread go round until there is a message.
    fn next_own(&self) -> Option<Message> {
        loop {
            if let Some(message) = self.spark.0.inbox.pop() {
                return Some(message);
            }
            if !self.spark.0.is_open() {
                return None;
            }
            thread::while_reading(|| life::step(&self.spark));
        }
    }
}

impl Iterator for Messages {
    type Item = Message;

    /// Blocks until the next message; `None` when the connection has ended and
    /// all that came before is taken.
    fn next(&mut self) -> Option<Message> {
        if thread::is_own(&self.spark.0) {
            return self.next_own();
        }
        self.spark.0.inbox.wait(None)
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.spark.0.inbox.remove_reader();
        self.spark.0.wake();
    }
}

/// The messages of a spark as one stream of bytes, see [`Spark::reader`].
#[derive(Debug)]
pub struct SparkReader {
    messages: Messages,
    rest: Vec<u8>,
    at: usize,
}

impl Read for SparkReader {
    /// Blocks until a message has come; 0 when the connection has ended.
    ///
    /// # Errors
    /// `InvalidData` for a message that is neither text nor bytes.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        while self.at == self.rest.len() {
            let Some(message) = self.messages.next() else { return Ok(0) };
            self.rest = match message.into_value() {
                Value::String(text) => text.into_bytes(),
                Value::Binary(bytes) => bytes,
                _ => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "neither text nor bytes",
                    ));
                }
            };
            self.at = 0;
        }
        let read = (&self.rest[self.at..]).read(buf)?;
        self.at += read;
        Ok(read)
    }
}

/// A stream of bytes to a spark, see [`Spark::writer`].
#[derive(Debug)]
pub struct SparkWriter {
    spark: Spark,
    text: bool,
    /// The beginning of a character whose rest is still to come.
    cut: Vec<u8>,
}

/// How long a writer waits for a client that does not read.
const PATIENCE: Duration = Duration::from_secs(60);

impl SparkWriter {
    /// Cuts the text so far at the last whole character.
    fn whole_text(&mut self, bytes: &[u8]) -> io::Result<String> {
        self.cut.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.cut) {
            Ok(_) => self.cut.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        let rest = self.cut.split_off(whole);
        let text = std::mem::replace(&mut self.cut, rest);
        String::from_utf8(text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

impl Write for SparkWriter {
    /// Writes one message, and waits while the client is far behind.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.spark.buffered() > 0 && !self.spark.wait_drain(PATIENCE) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let value = match self.text {
            true => Value::String(self.whole_text(buf)?),
            false => Value::Binary(buf.to_vec()),
        };
        if value != Value::String(String::new()) {
            self.spark.write(&value).map_err(into_io)?;
        }
        Ok(buf.len())
    }

    /// Waits until everything has been handed to the operating system.
    fn flush(&mut self) -> io::Result<()> {
        match self.spark.wait_drain(PATIENCE) {
            true => Ok(()),
            false => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::Closed => io::Error::new(io::ErrorKind::BrokenPipe, Error::Closed),
        other => io::Error::other(other),
    }
}

/// # Streams
impl Spark {
    /// An iterator over the messages that blocks until the next one: the other
    /// way of receiving. While it exists, messages go to it and not to the
    /// `data` listeners. It ends when the connection has ended and all that came
    /// before is taken, which works after the end, too.
    ///
    /// On the spark's own thread (in a `connection` listener, say) it reads the
    /// socket itself; on any other it takes over what the spark's thread reads.
    ///
    /// ```no_run
    /// # let primus = primus::Primus::builder().build()?;
    /// primus.on_connection(|spark| -> primus::Result<()> {
    ///     for message in spark.messages() {
    ///         spark.write(&message)?;
    ///     }
    ///     Ok(())
    /// });
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn messages(&self) -> Messages {
        Messages::new(self.clone())
    }

    /// The messages as a stream of bytes: the bytes of strings and binary
    /// messages, one after the other. It receives as
    /// [`messages`](Self::messages) does.
    pub fn reader(&self) -> SparkReader {
        SparkReader { messages: self.messages(), rest: Vec::new(), at: 0 }
    }

    /// A stream of text to the client: each write is one message, a string cut
    /// at whole characters. Unlike [`write`](Self::write) it waits for a client
    /// that is behind, at most 60 s (`TimedOut`).
    pub fn writer(&self) -> SparkWriter {
        SparkWriter { spark: self.clone(), text: true, cut: Vec::new() }
    }

    /// [`writer`](Self::writer) for bytes: each write is one binary message.
    /// Bytes are bytes with the parsers `ejson`, `binary` and `msgpack`; `json`
    /// makes an object with a list of numbers of them, as in Primus.
    pub fn binary_writer(&self) -> SparkWriter {
        SparkWriter { spark: self.clone(), text: false, cut: Vec::new() }
    }

    /// Writes everything that the client sends to `to`, until the connection
    /// ends. Gives the number of bytes.
    ///
    /// # Errors
    /// Those of `to`, and `InvalidData` for a message that is neither text nor
    /// bytes.
    pub fn pipe_to(&self, to: &mut impl Write) -> io::Result<u64> {
        io::copy(&mut self.reader(), to)
    }

    /// Sends everything that can be read from `from` to the client as text, and
    /// does not end the connection after it. Gives the number of bytes.
    ///
    /// # Errors
    /// Those of `from`, and what [`write`](Self::write) refuses.
    pub fn pipe_from(&self, from: &mut impl Read) -> io::Result<u64> {
        io::copy(from, &mut self.writer())
    }
}
