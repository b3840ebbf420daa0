//! An application and its tests, without a port, without waiting, over a wire that
//! fails when told to: `cargo test --example test_kit`.

use std::sync::{Arc, Mutex};

use primus::{Builder, Primus};

/// The application: adds up the numbers that clients write, and tells all of them.
fn tally(builder: Builder) -> primus::Result<Primus> {
    let (primus, total) = (builder.build()?, Arc::new(Mutex::new(0)));
    primus.on_connection(move |spark| {
        let total = total.clone();
        spark.on_data(move |spark, message| -> primus::Result<()> {
            let number: u64 = message.parse()?;
            // Held until it is told, so that all hear of the sums in their order.
            let mut total = total.lock().expect("nothing panics with it");
            *total += number;
            spark.primus().write(&*total)
        });
    });
    Ok(primus)
}

fn main() -> primus::Result<()> {
    let primus = tally(Primus::builder())?;
    println!("listening on http://{}", primus.listen("127.0.0.1:8080")?);
    primus.wait();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use primus::testing::pair;
    use primus::{ManualClock, Primus};

    #[test]
    fn all_are_told_the_sum_and_words_are_left_out() -> primus::Result<()> {
        let primus = super::tally(Primus::builder())?;
        let [ada, grace] = [pair(&primus, |client| client)?, pair(&primus, |client| client)?];
        ada.client().write(&2)?;
        ada.client().write("three")?;
        ada.client().write(&4)?;
        for pair in [&ada, &grace] {
            assert_eq!(pair.client().recv()?.parse::<u64>()?, 2);
            assert_eq!(pair.client().recv()?.parse::<u64>()?, 6);
        }
        Ok(())
    }

    #[test]
    fn a_client_comes_back_to_the_sum() -> primus::Result<()> {
        let primus = super::tally(Primus::builder().clock(&ManualClock::new()))?;
        let pair = pair(&primus, |client| client)?;
        pair.client().write(&2)?;
        assert_eq!(pair.client().recv()?.parse::<u64>()?, 2);
        let spark = pair.spark()?;
        pair.link().cut();
        pair.wait_ended(&spark);
        pair.advance(Duration::from_secs(1))?; // until it reconnects: no time passes here
        pair.client().write(&5)?;
        assert_eq!(pair.client().recv()?.parse::<u64>()?, 7);
        Ok(())
    }
}
