//! Our client, and the frames of the server of npm.

mod events;
mod streams;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use primus::{Client, ClientBuilder, EndOptions, Frame as Text, Primus, Spark};

use super::{Frame, Ids, recorded};
use crate::common::{PATIENCE, Server};

/// A recording that is played, by a server without plugins.
struct Play {
    server: Server,
    frames: Vec<Frame>,
    at: usize,
    ids: Ids,
    /// Who comes.
    coming: Receiver<Spark>,
    /// What they send.
    texts: Receiver<(Spark, String)>,
    sparks: BTreeMap<String, Spark>,
}

impl Play {
    fn new(name: &str) -> Self {
        let server = Server::start(Primus::builder());
        let ((come, coming), (tell, texts)) = (channel(), channel());
        server.primus.on_connection(move |spark| {
            let tell = tell.clone();
            spark.on_data(move |spark, message| {
                let text = message.frame().as_text().unwrap_or_default().to_owned();
                tell.send((spark.clone(), text))
            });
            come.send(spark.clone())
        });
        let (frames, sparks) = (recorded(name), BTreeMap::new());
        Play { server, frames, at: 0, ids: Ids::default(), coming, texts, sparks }
    }

    /// A client to be, which comes back at once where it is to.
    fn client(&self) -> ClientBuilder {
        self.client_to("")
    }

    /// The same, with a query.
    fn client_to(&self, query: &str) -> ClientBuilder {
        let url = format!("http://{}{query}", self.server.addr);
        Client::builder(&url).reconnect_min(Duration::from_millis(5))
    }

    /// The connection of this name, or else the next one to come.
    fn spark(&mut self, conn: &str) -> Spark {
        let next = || self.coming.recv_timeout(PATIENCE).expect("a connection");
        self.sparks.entry(conn.to_owned()).or_insert_with(next).clone()
    }

    /// The next text that a connection has brought.
    #[track_caller]
    fn text(&mut self, conn: &str) -> String {
        let spark = self.spark(conn);
        let (from, text) = self.texts.recv_timeout(PATIENCE).expect("a message");
        assert_eq!(from, spark, "{text}");
        text
    }

    /// Plays the frames before this one.
    #[track_caller]
    fn until(&mut self, end: usize) {
        while self.at < end {
            let Frame { conn, text, .. } = self.frames[self.at].clone();
            let is_of_client = self.frames[self.at].is_of_client();
            self.at += 1;
            if is_of_client {
                let sent = self.text(&conn);
                self.ids.check(&text, &sent);
            } else {
                let text = Text::text(self.ids.ours(&text));
                self.spark(&conn).write_frame(&text).unwrap();
            }
        }
    }

    /// Passes over the next frame, or has another in its place: it is a defect of
    /// JavaScript's.
    fn skip(&mut self) {
        self.at += 1;
    }

    /// Plays the rest, and checks that the client has said no more.
    #[track_caller]
    fn rest(&mut self, client: &Client) {
        self.until(self.frames.len());
        self.settle(client);
        if let Ok((_, text)) = self.texts.try_recv() {
            panic!("{text}");
        }
    }

    /// Waits until client and server have handled what was sent.
    #[track_caller]
    fn settle(&self, client: &Client) {
        let (tell, told) = channel();
        client.request_id(move |_| tell.send(()).unwrap_or_default()).unwrap();
        told.recv_timeout(PATIENCE).expect("an answer");
    }

    /// Ends a connection, so that the client comes back.
    fn away(&mut self, conn: &str) {
        self.spark(conn).end_options(EndOptions::default().reconnect(true));
    }
}
