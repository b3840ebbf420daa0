//! What a session goes by, for a protocol's own part to use: one HTTP connection
//! on which it is told things, the POSTs, a WebSocket, and what is to be told to
//! the client.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Posts, Requests, lost};
use crate::close::{CloseReason, Ended};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::http::client::{Answer, Exchanger, Target};
use crate::net::dial::Destination;
use crate::transformers::connect::{News, Writer};
use crate::transformers::websockets::client::{Socket, SocketWriter};

/// Messages that are taken out one by one, because together they may need far
/// more memory than the bytes they came in.
type Batch = Box<dyn Iterator<Item = Frame> + Send>;

/// See the module.
pub(in crate::transformers) struct Ways<R: Requests> {
    /// The protocol's name, for errors.
    name: &'static str,
    pub(super) to: Destination,
    /// Longest message in bytes.
    max_length: usize,
    /// What the server's words come by while there is no WebSocket for them.
    pub(super) lane: Exchanger,
    /// The WebSocket that carries the session, or is to.
    pub(super) socket: Option<Socket>,
    /// It carries the session.
    pub(super) on_socket: bool,
    /// There once the session is open.
    posts: Option<Arc<Posts<R>>>,
    /// What is still to be told, in order.
    pub(super) news: VecDeque<Telling>,
    /// The last of the news is among them, or was told.
    pub(super) over: bool,
    /// The head of the present answer was [given out](Ways::new_head).
    head_given: bool,
}

/// Something to be told.
pub(super) enum Telling {
    News(News),
    Batch(Batch),
}

impl<R: Requests + 'static> Ways<R> {
    pub(super) fn new(name: &'static str, to: Destination, max_length: usize) -> Self {
        Ways {
            name,
            to,
            max_length,
            lane: Exchanger::default(),
            socket: None,
            on_socket: false,
            posts: None,
            news: VecDeque::new(),
            over: false,
            head_given: false,
        }
    }

    /// Sends a request whose answer is to be heard; the one before must be
    /// answered. `streamed`: the body of a good answer is told piece by piece, else
    /// it comes with the answer, as far as that is [kept](Answer::body).
    pub fn ask(&mut self, request: Vec<u8>, streamed: bool) {
        self.head_given = false;
        self.lane.begin(request, streamed);
    }

    /// The head of the answer that is arriving.
    pub fn head(&self) -> Option<&Answer> {
        self.lane.head()
    }

    /// The same, the first time that this is asked of an answer.
    pub fn new_head(&mut self) -> Option<&Answer> {
        let head = self.lane.head().filter(|_| !self.head_given);
        self.head_given |= head.is_some();
        head
    }

    /// Begins to open a WebSocket, on which messages of at most `longest` bytes
    /// are accepted. `carries`: the session is opened by it.
    pub fn dial(&mut self, target: Target, longest: usize, carries: bool) -> Result<()> {
        self.socket = Some(Socket::dial(target, self.lane.address(), longest)?);
        self.on_socket = carries;
        Ok(())
    }

    /// The way out of the WebSocket, once it is open.
    pub fn socket(&self) -> Option<&Arc<SocketWriter>> {
        self.socket.as_ref().and_then(Socket::writer)
    }

    /// Whether the WebSocket carries the session, or is to from its beginning.
    pub fn is_on_socket(&self) -> bool {
        self.on_socket
    }

    /// Gives the WebSocket up that does not carry a session.
    pub fn drop_socket(&mut self) {
        self.on_socket = false;
        if let Some(mut socket) = self.socket.take() {
            socket.close(None);
        }
    }

    /// Gives up whatever the session was to be opened by.
    pub fn start_over(&mut self) {
        self.drop_socket();
        if self.lane.is_busy() {
            self.lane = self.lane.beside();
        }
    }

    /// The session is open; these are its requests.
    pub fn open(&mut self, requests: R) -> Result<()> {
        let posts = match self.socket().filter(|_| self.on_socket) {
            Some(to) => {
                let posts = Posts::websocket(requests, Arc::clone(to));
                self.lane = Exchanger::default();
                posts
            }
            None => Posts::polling(requests, self.lane.beside()),
        }?;
        let posts = Arc::new(posts);
        self.posts = Some(Arc::clone(&posts));
        self.news.push_back(Telling::News(News::Open(posts as Arc<dyn Writer>)));
        Ok(())
    }

    /// What goes out, once the session is open.
    pub fn posts(&self) -> Option<&Arc<Posts<R>>> {
        self.posts.as_ref()
    }

    /// Whether the application has ended the session: what was written may still be
    /// on its way. Known here before [`Hears::end`](super::Hears::end) is called.
    pub fn is_leaving(&self) -> bool {
        self.posts.as_ref().is_some_and(|posts| posts.is_leaving())
    }

    /// From now on the WebSocket carries the session.
    pub fn switch(&mut self) {
        if let (Some(posts), Some(to)) = (&self.posts, self.socket()) {
            posts.switch(to);
            self.on_socket = true;
            self.lane = Exchanger::default();
        }
    }

    /// Hands a message to the client.
    pub fn deliver(&mut self, frame: Frame) {
        if frame.len() > self.max_length {
            return self.too_long();
        }
        self.news.push_back(Telling::News(News::Message(frame)));
    }

    /// The same with several.
    pub fn deliver_all(&mut self, batch: Batch) {
        self.news.push_back(Telling::Batch(batch));
    }

    /// The next thing to be told; with `paused`, no message.
    pub(super) fn told(&mut self, paused: bool) -> Option<News> {
        loop {
            let batch = match self.news.front_mut()? {
                Telling::News(News::Message(_)) | Telling::Batch(_) if paused => return None,
                Telling::Batch(batch) => batch,
                Telling::News(_) => {
                    let Some(Telling::News(news)) = self.news.pop_front() else { return None };
                    return Some(news);
                }
            };
            match batch.next() {
                Some(frame) if frame.len() <= self.max_length => {
                    return Some(News::Message(frame));
                }
                Some(_) => {
                    // With what comes behind, be it another end.
                    self.news.clear();
                    self.over = false;
                    self.too_long();
                }
                None => drop(self.news.pop_front()),
            }
        }
    }

    /// A message, or what it comes in, is over the limit.
    pub fn too_long(&mut self) {
        let text = "message over the limit";
        self.ended(CloseReason::new(Ended::Protocol, 1009, text, true));
    }

    /// Something failed.
    pub fn failed(&mut self, error: Error) {
        if self.posts.is_some() {
            return self.ended(lost(&error));
        }
        self.finish(News::Failed(error));
    }

    /// The session has ended, or does not even begin.
    pub fn ended(&mut self, reason: CloseReason) {
        self.finish(match self.posts {
            Some(_) => News::Closed(reason),
            None => News::Failed(Error::Protocol(self.no_session(&reason.text))),
        });
    }

    /// The text of an error that says why there is none.
    pub fn no_session(&self, why: &str) -> String {
        format!("no {} session: {why}", self.name)
    }

    /// Whether the session has ended.
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn finish(&mut self, last: News) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        match &mut self.socket {
            Some(socket) if self.on_socket => socket.close(match &last {
                News::Closed(why) if why.by == Ended::Protocol => Some((why.code, &why.text)),
                _ => None,
            }),
            _ => self.socket = None,
        }
        self.news.push_back(Telling::News(last));
        self.lane = Exchanger::default();
        if let Some(posts) = &self.posts {
            posts.cut();
        }
    }
}

impl<R: Requests> Drop for Ways<R> {
    /// Frees the threads that are blocked in a write.
    fn drop(&mut self) {
        if let Some(posts) = &self.posts {
            posts.cut();
        }
    }
}
