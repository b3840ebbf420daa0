//! The deadlines of a session.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Live, State, Todo};
use crate::timer::Task;
use crate::transformers::polled::protocol::{Input, Protocol};

impl<P: Protocol> Live<P> {
    /// Sets the timer to the session's next deadline.
    pub(super) fn watch_clock(&self, state: &mut State<P>) {
        let Some(at) = state.machine.deadline() else { return };
        let timer = self.host.timer();
        let at = timer.coarse(at);
        // One that was put off is looked at when the timer comes.
        if state.due.is_some_and(|due| due <= at) {
            return;
        }
        state.due = Some(at);
        if !state.timer.is_some_and(|key| timer.reschedule(key, at)) {
            state.timer = Some(timer.schedule(at, self.me.clone()));
        }
    }

    /// The session's time has come. `spark_busy`: whether the spark's thread is,
    /// and how often it has waited.
    fn tick(&self, state: &mut State<P>, spark_busy: (bool, u64)) -> Todo<P> {
        let (busy, moves) = match state.machine.polls() {
            // What the client says next may have to wait for its POST.
            true => (state.post.is_some() || state.delivering > 0, state.posts),
            false => spark_busy,
        };
        let excused = state.busy.excuses(busy, moves);
        let (mut todo, mut effects) = (Todo::default(), Vec::new());
        let now = self.host.timer().now();
        if self.heard.swap(false, Ordering::Relaxed) {
            state.machine.handle(Input::Alive.into(), now, &mut effects);
        }
        state.machine.handle(Input::Tick { excused }.into(), now, &mut effects);
        self.apply(state, effects, &mut todo);
        todo
    }

    /// Does what was due before a request came, which the timer's thread may not
    /// have got round to: it gets the answer that was right when it came, however
    /// late the two threads are. `came`: when, if it is known, else now.
    pub(super) fn tick_if_due(&self, came: Option<Instant>) {
        let timer = self.host.timer();
        let came = came.map_or_else(|| timer.now(), |came| timer.time_of(came));
        let is_due = |state: &State<P>| state.machine.deadline().is_some_and(|at| at <= came);
        if is_due(&self.lock()) {
            let spark_busy = self.spark_busy();
            let mut state = self.lock();
            let todo = match is_due(&state) {
                true => self.tick(&mut state, spark_busy),
                false => return,
            };
            drop(state);
            self.settle(todo);
        }
    }

    fn spark_busy(&self) -> (bool, u64) {
        self.spark.get().map_or((false, 0), |spark| spark.busy())
    }
}

impl<P: Protocol> Task for Live<P> {
    /// A deadline of the session.
    fn fire(self: Arc<Self>, _: Instant) -> Option<Instant> {
        let spark_busy = self.spark_busy();
        let mut state = self.lock();
        state.due = None;
        let todo = self.tick(&mut state, spark_busy);
        drop(state);
        self.settle(todo);
        self.lock().due
    }
}
