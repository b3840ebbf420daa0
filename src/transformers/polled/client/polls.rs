//! A session of a client that polls, driven by the client's thread: it waits
//! for the answer that tells something, for POSTs and for a WebSocket at once, and
//! hands what comes to the protocol's own part.

use std::sync::Arc;
use std::time::Instant;

use super::Requests;
use super::ways::Ways;
use crate::close::{CloseReason, Ended};
use crate::error::Error;
use crate::http::client::{Answer, Progress};
use crate::net::dial::{Destination, Dialler};
use crate::net::wait::{Ready, Wants, on, wait, wait_any};
use crate::transformers::connect::{News, Session, Writer};
use crate::transformers::websockets::client::Heard;

/// What a protocol makes of its server's words: called by the client's thread,
/// with nothing locked. What follows from them it does by the [`Ways`].
pub(in crate::transformers) trait Hears: Send {
    /// What goes out.
    type Requests: Requests + 'static;

    /// The first request.
    fn begin(&mut self, ways: &mut Ways<Self::Requests>);

    /// More of the body of a good answer; its head is [`Ways::head`].
    fn body(&mut self, bytes: &[u8], ways: &mut Ways<Self::Requests>);

    /// An answer is whole; the body of a good one came before. The next may be
    /// [asked](Ways::ask) for.
    fn answered(&mut self, answer: Answer, ways: &mut Ways<Self::Requests>);

    /// There will be no answer, or not the rest of it.
    fn unanswered(&mut self, error: Error, ways: &mut Ways<Self::Requests>);

    /// What has come of the WebSocket.
    fn socket(&mut self, heard: Heard, ways: &mut Ways<Self::Requests>);

    /// Bytes have come on what carries the session.
    fn alive(&mut self, ways: &mut Ways<Self::Requests>) {
        let _ = ways;
    }

    /// When [`tick`](Self::tick) is due.
    fn deadline(&self) -> Option<Instant>;

    /// The time has come. `busy`: the server's words may lie unread.
    fn tick(&mut self, busy: bool, ways: &mut Ways<Self::Requests>);

    /// What is to be seen to after every turn of an open session.
    fn settle(&mut self, ways: &mut Ways<Self::Requests>) {
        let _ = ways;
    }

    /// The application ends the session, or gives up opening it. What was written
    /// is still sent.
    fn end(&mut self, ways: &mut Ways<Self::Requests>);
}

/// See the module.
pub(in crate::transformers) struct Polls<H: Hears> {
    own: H,
    ways: Ways<H::Requests>,
    begun: bool,
    /// The application has ended it.
    closing: bool,
}

impl<H: Hears> Polls<H> {
    /// A session of this protocol with this server, in which messages of at most
    /// `max_length` bytes are accepted.
    pub fn new(name: &'static str, own: H, to: Destination, max_length: usize) -> Self {
        Polls { own, ways: Ways::new(name, to, max_length), begun: false, closing: false }
    }

    /// Waits once, and goes on with what there is.
    fn turn(&mut self, until: Option<Instant>, paused: bool) {
        if self.ways.lane.is_stranded() {
            match Dialler::again(&self.ways.to, self.ways.lane.address()) {
                Ok(dialler) => {
                    self.ways.lane.dial(dialler);
                    self.listen(Ready::default());
                }
                Err(error) => {
                    self.ways.lane = self.ways.lane.beside();
                    return self.own.unanswered(error, &mut self.ways);
                }
            }
        }
        let left = self.is_left();
        let Polls { own, ways, .. } = self;
        let (mut get, limit) = ways.lane.wants();
        if let Some((_, want)) = get.as_mut().filter(|_| paused) {
            want.read = false;
        }
        let (post, post_limit): (Wants, _) = ways.posts().map(|p| p.wants()).unwrap_or_default();
        let (socket, socket_limit): (Wants, _) =
            ways.socket.as_ref().map(|socket| socket.wants(paused)).unwrap_or_default();
        let due = own.deadline();
        // Nothing more comes from a session whose POST has failed.
        let failed = ways.posts().is_some_and(|posts| posts.has_failed()) && !paused;
        // The writer may have said goodbye, and woken us, before we were told to end.
        let now = (failed || left).then(Instant::now);
        let limits = [until, due, limit, post_limit, socket_limit, now];
        let sooner = limits.into_iter().flatten().min();
        let found = wait_any(&ways.to.waker, [on(&get), on(&post), on(&socket)], sooner);
        let [get, post, socket] = match found {
            Ok(ready) => ready,
            Err(error) => return ways.failed(error.into()),
        };
        let heard = get.read || (socket.read && ways.on_socket);
        if let Some(posts) = ways.posts() {
            posts.proceed(post);
        }
        self.listen(get);
        self.watch(socket, paused);
        let Polls { own, ways, .. } = self;
        if heard {
            own.alive(ways);
        }
        if own.deadline().is_some_and(|due| due <= Instant::now()) {
            own.tick(paused || heard, ways);
        }
        // What the server has said before is heard first.
        self.settle(!heard && !paused);
    }

    /// Goes on with the answer under way.
    fn listen(&mut self, mut ready: Ready) {
        let Polls { own, ways, .. } = self;
        while !ways.over {
            match ways.lane.proceed(std::mem::take(&mut ready)) {
                Ok(Progress::Waiting) => return,
                Ok(Progress::Body(bytes)) => own.body(&bytes, ways),
                Ok(Progress::Answer(answer)) => own.answered(answer, ways),
                Err(error) => own.unanswered(error, ways),
            }
        }
    }

    /// Goes on with the WebSocket.
    fn watch(&mut self, mut ready: Ready, paused: bool) {
        let Polls { own, ways, .. } = self;
        while !ways.over
            && let Some(socket) = &mut ways.socket
        {
            match socket.proceed(std::mem::take(&mut ready), paused) {
                Heard::Nothing => return,
                heard => own.socket(heard, ways),
            }
        }
    }

    /// What is to be seen to after every turn. `failure`: whether that of a
    /// POST counts now.
    fn settle(&mut self, failure: bool) {
        let Polls { own, ways, .. } = self;
        let Some(posts) = ways.posts().map(Arc::clone) else { return };
        own.settle(ways);
        if let Some(failure) = posts.failure(failure) {
            ways.ended(failure);
        }
        if self.is_left() {
            self.ways.ended(CloseReason::new(Ended::Local, 1000, "", false));
        }
    }

    /// Whether the application has ended the session, and nothing is left to be said.
    fn is_left(&self) -> bool {
        let done = self.ways.posts().is_some_and(|posts| posts.is_done());
        self.closing && !self.ways.on_socket && done
    }
}

impl<H: Hears> Session for Polls<H> {
    fn next(&mut self, until: Option<Instant>, paused: bool) -> News {
        if !std::mem::replace(&mut self.begun, true) {
            self.own.begin(&mut self.ways);
        }
        if let Some(news) = self.ways.told(paused) {
            return news;
        }
        if !self.ways.over {
            self.turn(until, paused);
            return self.ways.told(paused).unwrap_or(News::Waited);
        }
        let waker = &self.ways.to.waker;
        if !self.ways.news.is_empty() {
            // What came before the end waits for room.
            let _ = wait(waker, None, until);
            return News::Waited;
        }
        match &mut self.ways.socket {
            // The goodbye of the WebSocket may still be on its way.
            Some(socket) => socket.last(waker, until),
            None => News::Closed(CloseReason::lost("")),
        }
    }

    fn close(&mut self) {
        let Polls { own, ways, closing, .. } = self;
        *closing = true;
        ways.news.clear();
        own.end(ways);
        match ways.posts() {
            Some(posts) if !ways.over => {
                Writer::close(&**posts);
                if let (Some(socket), true) = (&mut ways.socket, ways.on_socket) {
                    socket.close(None);
                }
            }
            Some(_) => {}
            None => {
                ways.over = true;
                // It may be open without the session being so.
                ways.drop_socket();
            }
        }
    }
}
