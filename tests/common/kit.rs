//! A server on a clock of the test, and a client that is joined to it without a port.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use primus::testing::{Pair, pair};
use primus::{Client, Ended, ManualClock, Primus, Spark};

use super::wait::wait_until;

/// Longer than anything in here takes, even on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A server on a manual clock that echoes and tells of its sparks' ends.
pub struct Echo {
    pub primus: Primus,
    pub clock: ManualClock,
    pub ends: Receiver<(String, Ended)>,
}

pub fn echo() -> Echo {
    echo_with(|builder| builder)
}

pub fn echo_with(setup: impl FnOnce(primus::Builder) -> primus::Builder) -> Echo {
    let server = plain(setup);
    server.primus.on_connection(move |spark| {
        spark.on_data(|spark, message| spark.write(message.value()));
    });
    server
}

pub fn plain(setup: impl FnOnce(primus::Builder) -> primus::Builder) -> Echo {
    let clock = ManualClock::new();
    let primus = setup(Primus::builder().clock(&clock)).build().unwrap();
    let (tell, ends) = unbounded();
    primus.on_connection(move |spark| {
        let tell = tell.clone();
        spark.on_end(move |spark, reason| tell.send((spark.id().to_owned(), reason.by)));
    });
    Echo { primus, clock, ends }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.primus.destroy(Default::default());
    }
}

impl Echo {
    pub fn pair(&self) -> Pair {
        pair(&self.primus, |client| client).unwrap()
    }

    #[track_caller]
    pub fn ended(&self, spark: &Spark, by: Ended) {
        let told = self.ends.recv_timeout(SOON).expect("an end");
        assert_eq!(told, (spark.id().to_owned(), by));
    }
}

/// The events of a client as words, in order.
pub fn log(client: &Client, tell: &Sender<String>) {
    macro_rules! on {
        ($($on:ident $word:expr;)*) => { $(
            let tell_it = tell.clone();
            client.$on(move |_| tell_it.send($word.to_owned()));
        )* };
    }
    on! { on_open "open"; on_offline "offline"; on_online "online"; on_timeout "timeout"; }
    let tell_it = tell.clone();
    client.on_close(move |_, reason| tell_it.send(format!("close {:?}", reason.by)));
    let tell_it = tell.clone();
    client.on_reconnect_scheduled(move |_, a| tell_it.send(format!("scheduled {}", a.attempt)));
    let tell_it = tell.clone();
    client.on_reconnected(move |_, done| tell_it.send(format!("reconnected {}", done.attempt)));
}

#[track_caller]
pub fn expect(told: &Receiver<String>, words: &[&str]) {
    for word in words {
        assert_eq!(told.recv_timeout(SOON).expect("an event"), *word);
    }
}

#[track_caller]
pub fn next(client: &Client) -> u64 {
    client.recv_timeout(SOON).unwrap().parse().unwrap()
}

#[track_caller]
pub fn eventually(what: &str, holds: impl FnMut() -> bool) {
    wait_until(what, holds);
}
