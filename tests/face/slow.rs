//! What a server is told when it writes to a client that does not read.

use std::time::Duration;

use primus::testing::pair;
use primus::{Ended, Error, Primus, SlowConsumer};

const BOUND: usize = 16 << 10;

/// Writes until that is refused; whether the connection was cut for it.
#[track_caller]
fn refused(mut write: impl FnMut(&str) -> primus::Result<()>) -> bool {
    let text = "x".repeat(1 << 10);
    let error = (0..100_000).find_map(|_| write(&text).err()).expect("it is refused some day");
    let Error::Full { waiting, bound: BOUND, cut } = error else { panic!("{error}") };
    assert!(waiting <= BOUND && waiting + (2 << 10) > BOUND, "{waiting}");
    assert_eq!(error.to_string().contains("cut"), cut, "{error}");
    cut
}

#[test]
fn the_write_that_cuts_a_slow_client_says_so_and_others_do_not() {
    for (policy, cuts) in [
        (SlowConsumer::Close { grace: Duration::MAX }, true),
        (SlowConsumer::Close { grace: Duration::from_secs(60) }, true),
        (SlowConsumer::DropNewest, false),
    ] {
        for transformer in ["websockets", "engine.io"] {
            let builder = Primus::builder().transformer(transformer);
            let primus = builder.backlog(BOUND).slow_consumer(policy).build().unwrap();
            let pair = pair(&primus, |client| client.strategy("")).unwrap();
            let spark = pair.spark().unwrap();
            pair.link().down().hold();
            assert_eq!(refused(|text| spark.write(text).map(drop)), cuts, "{policy:?}");
            if cuts {
                assert!(matches!(spark.write("late"), Err(Error::Closed)));
                pair.link().down().release();
                assert!(pair.wait_ended(&spark));
                assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
            } else {
                // It is refused again, and the client is still there.
                assert!(!refused(|text| spark.write(text).map(drop)));
                pair.link().down().release();
                let text = pair.client().recv_timeout(Duration::from_secs(20)).unwrap();
                assert_eq!(text.as_str().map(str::len), Some(1 << 10));
            }
            primus.destroy(Default::default());
        }
    }
}
