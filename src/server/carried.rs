//! A spark, as the session sees it that carries it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use crate::close::{CloseReason, Ended};
use crate::http::server::PlaceId;
use crate::net::Stream;
use crate::server::spark::{self, Spark};
use crate::transformers::serve::{Carried, Session, Wire};

/// Tells a session of its spark. `place` is that of its thread, if the session
/// may go over to a socket.
pub(super) fn introduce(session: &dyn Session, spark: &Spark, place: Option<PlaceId>) {
    session.opened(Arc::new(Handle { spark: Arc::downgrade(&spark.0), place }));
}

/// What a session holds of its spark.
struct Handle {
    spark: Weak<spark::Inner>,
    place: Option<PlaceId>,
}

impl Carried for Handle {
    fn writable(&self) {
        if let Some(spark) = self.spark.upgrade() {
            spark.outbox.writable();
        }
    }

    fn packet(&self, packet: &str, asked: bool) {
        if let Some(spark) = self.spark.upgrade() {
            spark.outbox.offer_packet(packet, asked);
        }
    }

    fn switch(&self, stream: Arc<Stream>, wire: &'static dyn Wire) {
        let Some(spark) = self.spark.upgrade() else { return };
        if let Some(place) = self.place {
            spark.server.connections.settle(place, stream.clone());
        }
        spark.outbox.switch(stream, wire);
    }

    fn give_way(&self) {
        if let (Some(spark), Some(place)) = (self.spark.upgrade(), self.place) {
            spark.server.connections.give_way(place);
        }
    }

    fn bound(&self) -> usize {
        self.spark.upgrade().map_or(0, |spark| spark.outbox.bound())
    }

    fn die(&self, reason: CloseReason) {
        if let Some(spark) = self.spark.upgrade() {
            let missed = matches!(reason.by, Ended::Heartbeat) && spark.is_open();
            spark.server.metrics.heartbeats_missed.add(usize::from(missed));
            spark.die(reason);
        }
    }

    fn busy(&self) -> (bool, u64) {
        let spark = self.spark.upgrade();
        spark.map_or((false, 0), |spark| (spark.busy.load(Ordering::Acquire), spark.waits.value()))
    }
}
