//! The sparks of a server: all of them, some, or one.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::events::ListenerId;
use crate::parsers::dynamic::to_value;
use crate::server::broadcaster::Recipients;
use crate::server::primus::Primus;
use crate::server::relay::Relay;
use crate::server::spark::Spark;
use crate::server::thread;

/// Sparks that messages are for, in a list that is made once and written to often:
/// see [`Primus::write_audience`]. A clone is the same list.
///
/// It keeps its sparks in memory when they have ended; what is written is lost on
/// them.
#[derive(Clone)]
pub struct Audience {
    sparks: Arc<[Spark]>,
    recipients: Arc<Recipients>,
}

impl Audience {
    /// These sparks, which are of one server.
    pub fn of(sparks: impl IntoIterator<Item = Spark>) -> Self {
        let sparks: Arc<[Spark]> = sparks.into_iter().collect();
        // Apart from the sparks, the last handle of which must not be the
        // broadcaster's: with it goes what is the application's.
        let recipients = Recipients::new(sparks.iter().map(|spark| spark.outbox().clone()));
        Audience { sparks, recipients }
    }

    /// Whether it is a clone of the other one.
    pub(crate) fn is(&self, other: &Audience) -> bool {
        Arc::ptr_eq(&self.sparks, &other.sparks)
    }

    /// The sparks.
    pub fn sparks(&self) -> &[Spark] {
        &self.sparks
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Audience({})", self.sparks.len())
    }
}

/// # Sparks
impl Primus {
    /// Writes a message to every spark. Encodes it once, and returns without
    /// waiting for anybody; every spark sees the broadcasts of all threads in
    /// one and the same order, and between the direct writes of the same thread
    /// where they were written. With outgoing transforms, which see each spark,
    /// it is encoded for each.
    ///
    /// With a [relay](Self::add_relay), as plugins have that join several servers, it is
    /// handed on when the sparks here have been given it.
    ///
    /// # Errors
    /// [`Error::Parser`] when the message cannot be encoded, [`Error::Full`]
    /// when broadcasts are made faster than they can be sent
    /// ([`Limits::broadcast_queue`](crate::Limits::broadcast_queue)), [`Error::Closed`] after `destroy`.
    /// With a relay also [`Error::Transform`] when the message cannot be serialised, and
    /// [`Error::Listener`] when it cannot be handed on, because a queue is full, say:
    /// the sparks here get it all the same.
    pub fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<()> {
        match self.0.relays.is_empty() {
            true => self.write_here(value),
            false => self.write_everywhere(value),
        }
    }

    /// [`write`](Self::write) for the sparks of this server alone: what a
    /// [`Relay`](crate::Relay) is told nothing of.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_here<T: Serialize + ?Sized>(&self, value: &T) -> Result<()> {
        if self.0.is_over() {
            return Err(Error::Closed);
        }
        self.0.metrics.broadcasts.add(1);
        if !self.0.codec.outgoing.is_empty() {
            self.for_each(|spark| drop(spark.write(value)));
            return Ok(());
        }
        match self.0.codec.parser().encode(value, self)? {
            Some(frame) => self.0.broadcaster.all(frame),
            None => Ok(()),
        }
    }

    #[inline(never)]
    fn write_everywhere<T: Serialize + ?Sized>(&self, value: &T) -> Result<()> {
        if self.0.is_over() {
            return Err(Error::Closed);
        }
        if thread::hands_on() {
            let text = "a relay writes to everybody, which it would be handed again";
            return Err(Error::Misuse(text.to_owned()));
        }
        let (relays, message) = (&self.0.relays, to_value(value).map_err(Error::Transform)?);
        if !self.0.codec.outgoing.is_empty() {
            // The application's own code: nobody may have to wait for it.
            self.write_here(&message)?;
            return relays.with_prepared(&message, |hand_on| hand_on());
        }
        self.0.metrics.broadcasts.add(1);
        let frame = self.0.codec.parser().encode(value, self)?;
        relays.with_prepared(&message, |hand_on| {
            relays.in_order(|| {
                frame.map_or(Ok(()), |frame| self.0.broadcaster.all(frame))?;
                hand_on()
            })
        })
    }

    /// Has messages for everybody handed on to other servers: see
    /// [`Relay`](crate::Relay). [`off`](Self::off) removes it.
    ///
    /// What is written to everybody and, by the plugin
    /// [`Rooms`](crate::plugins::Rooms), to rooms is handed on in the order in which the
    /// sparks here get it, whichever threads write. With outgoing transforms that holds
    /// only of what one thread writes.
    ///
    /// ```
    /// use primus::{BoxError, Primus, Relay, Value};
    ///
    /// /// To the sparks of another server in the same process.
    /// struct Beside(Primus);
    ///
    /// impl Relay for Beside {
    ///     fn all(&self, message: &Value) -> Result<(), BoxError> {
    ///         Ok(self.0.write_here(message)?)
    ///     }
    /// }
    ///
    /// let (one, other) = (Primus::builder().build()?, Primus::builder().build()?);
    /// one.add_relay(Beside(other.clone()));
    /// one.write("to the sparks of both")?;
    /// # one.destroy(Default::default());
    /// # other.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn add_relay(&self, relay: impl Relay) -> ListenerId {
        self.0.relays.add(relay)
    }

    /// Writes a message to the sparks that are connected now and of which `to`
    /// says so, like [`write`](Self::write): encoded once, in one order with all
    /// other broadcasts, without waiting for anybody. `to` runs on the calling
    /// thread, before this returns, and may block. Gives how many sparks it is
    /// for.
    ///
    /// ```
    /// # let primus = primus::Primus::builder().build()?;
    /// let those_of_room_7 = primus.write_to("hello, room 7", |spark| {
    ///     spark.query_param("room").is_some_and(|room| room == "7")
    /// })?;
    /// # assert_eq!(those_of_room_7, 0);
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_to<T: Serialize + ?Sized>(
        &self,
        value: &T,
        mut to: impl FnMut(&Spark) -> bool,
    ) -> Result<usize> {
        if self.0.is_over() {
            return Err(Error::Closed);
        }
        let mut sparks = self.0.registry.snapshot();
        sparks.retain(|spark| to(spark));
        self.write_some(value, &sparks, || {
            Recipients::new(sparks.iter().map(|spark| spark.outbox().clone()))
        })?;
        Ok(sparks.len())
    }

    /// Writes a message to the sparks of an [`Audience`], like
    /// [`write_to`](Self::write_to). Messages for the same audience that follow each
    /// other are sent together.
    ///
    /// ```
    /// # let primus = primus::Primus::builder().build()?;
    /// use primus::{Audience, Spark};
    ///
    /// fn announce(primus: &primus::Primus, team: Vec<Spark>) -> primus::Result<()> {
    ///     let team = Audience::of(team);
    ///     primus.write_audience("ready", &team)?;
    ///     primus.write_audience("go", &team)
    /// }
    /// # announce(&primus, Vec::new())?;
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_audience<T: Serialize + ?Sized>(&self, value: &T, to: &Audience) -> Result<()> {
        self.write_some(value, &to.sparks, || to.recipients.clone())
    }

    /// [`write_audience`](Self::write_audience) of several messages, and `then` what hands the message on to
    /// other servers: with outgoing transforms just so, and otherwise while no other
    /// thread writes what is handed on.
    pub(crate) fn write_audiences_then<T: Serialize>(
        &self,
        messages: &[(T, Audience)],
        then: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        if self.0.is_over() {
            return Err(Error::Closed);
        }
        if !self.0.codec.outgoing.is_empty() {
            messages.iter().try_for_each(|(value, to)| self.write_audience(value, to))?;
            return then();
        }
        let mut frames = Vec::new();
        for (value, to) in messages {
            self.0.metrics.broadcasts.add(1);
            let frame = self.0.codec.parser().encode(value, self)?;
            frames.extend(frame.map(|frame| (frame, to.recipients.clone())));
        }
        self.0.relays.in_order(|| {
            let mut frames = frames.into_iter();
            frames.try_for_each(|(frame, to)| self.0.broadcaster.some(frame, to))?;
            then()
        })
    }

    fn write_some<T: Serialize + ?Sized>(
        &self,
        value: &T,
        sparks: &[Spark],
        recipients: impl FnOnce() -> Arc<Recipients>,
    ) -> Result<()> {
        if self.0.is_over() {
            return Err(Error::Closed);
        }
        self.0.metrics.broadcasts.add(1);
        if !self.0.codec.outgoing.is_empty() {
            sparks.iter().for_each(|spark| drop(spark.write(value)));
        } else if let Some(frame) = self.0.codec.parser().encode(value, self)? {
            self.0.broadcaster.some(frame, recipients())?;
        }
        Ok(())
    }

    /// Calls `each` with every spark that is connected now.
    pub fn for_each(&self, mut each: impl FnMut(&Spark)) {
        self.0.registry.snapshot().iter().for_each(&mut each);
    }

    /// Calls `each` with every spark that is connected now, until it returns
    /// false.
    pub fn for_each_while(&self, mut each: impl FnMut(&Spark) -> bool) {
        let _ = self.0.registry.snapshot().iter().all(&mut each);
    }

    /// The spark with this id, while it is connected.
    pub fn spark(&self, id: &str) -> Option<Spark> {
        self.0.registry.spark(id)
    }

    /// How many sparks are connected.
    pub fn connected(&self) -> usize {
        self.0.registry.len()
    }
}
