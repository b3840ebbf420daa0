//! The sparks of a server: all of them, some, or one.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::server::broadcaster::Recipients;
use crate::server::primus::Primus;
use crate::server::spark::Spark;

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
    /// # Errors
    /// [`Error::Parser`] when the message cannot be encoded, [`Error::Full`]
    /// when broadcasts are made faster than they can be sent
    /// ([`Limits::broadcast_queue`](crate::Limits::broadcast_queue)), [`Error::Closed`] after `destroy`.
    pub fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<()> {
        if self.0.is_closing() {
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
        if self.0.is_closing() {
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

    fn write_some<T: Serialize + ?Sized>(
        &self,
        value: &T,
        sparks: &[Spark],
        recipients: impl FnOnce() -> Arc<Recipients>,
    ) -> Result<()> {
        if self.0.is_closing() {
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
