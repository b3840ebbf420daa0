//! The commands about rooms, with `--rooms`.

use std::thread;
use std::time::Duration;

use primus::plugins::rooms::{PrimusRooms, SparkRooms};
use primus::{Error, Spark};

/// Obeys the strings that are commands:
///
/// | command | does |
/// |---|---|
/// | `join:<room>` | joins it, and writes `joined` |
/// | `room:<room>:<n>:<bytes>` | writes a string of so many bytes to it, n times |
/// | `joins:<each>:<of>` | every connection joins so many of so many rooms, the next ones each; writes `done` |
/// | `leaves:<each>:<of>` | and leaves them |
#[inline(never)] // its stack would be touched, and kept, by every connection
pub fn command(spark: &Spark, text: &str) -> primus::Result<bool> {
    let mut parts = text.splitn(5, ':');
    let words: [Option<&str>; 5] = std::array::from_fn(|_| parts.next());
    match words {
        [Some("join"), Some(room), None, ..] => {
            spark.join(room)?;
            spark.write("joined")?;
        }
        [Some("room"), Some(room), Some(times), Some(bytes), None] => {
            let (Ok(times), Ok(bytes)) = (times.parse(), bytes.parse()) else { return Ok(false) };
            write(spark, room, times, bytes)?;
        }
        [Some(what @ ("joins" | "leaves")), Some(each), Some(of), None, ..] => {
            let (Ok(each), Ok(of)) = (each.parse(), of.parse()) else { return Ok(false) };
            for_all(spark, each, of, what == "joins");
            spark.write("done")?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn write(spark: &Spark, room: &str, times: u32, bytes: usize) -> primus::Result<()> {
    let message = "x".repeat(bytes.min(super::LONGEST));
    let room = spark.primus().room(room);
    let mut left = times;
    while left > 0 {
        match room.write(&message) {
            Ok(_) => left -= 1,
            Err(Error::Full { .. }) => thread::sleep(Duration::from_millis(1)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Connection number i begins with room number i * each.
fn for_all(spark: &Spark, each: usize, of: usize, join: bool) {
    let mut at = 0usize;
    spark.primus().for_each(|other| {
        for _ in 0..each {
            let room = format!("room:{}", at % of.max(1));
            // One that is about to end cannot, and need not.
            let _ = if join { other.join(room).is_ok() } else { other.leave(room) };
            at += 1;
        }
    });
}
