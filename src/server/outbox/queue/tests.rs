use super::*;

/// What a queue holds, message by message: bytes left, and whether it may be
/// dropped.
#[derive(Default)]
struct Model(VecDeque<(Vec<u8>, bool)>, bool);

impl Model {
    fn push(&mut self, bytes: &[u8], dropped: bool) {
        self.0.push_back((bytes.to_vec(), dropped));
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(bytes, _)| bytes.clone()).collect()
    }

    fn advance(&mut self, mut sent: usize) {
        while sent > 0 {
            let first = &mut self.0[0].0;
            self.1 = sent < first.len();
            if self.1 {
                first.drain(..sent);
                return;
            }
            sent -= first.len();
            self.0.pop_front();
        }
    }

    fn drop_oldest(&mut self) -> Option<usize> {
        let at = (usize::from(self.1)..self.0.len()).find(|at| self.0[*at].1)?;
        self.0.remove(at).map(|(bytes, _)| bytes.len())
    }
}

fn message(number: &mut u8, length: usize) -> Vec<u8> {
    *number = number.wrapping_add(1);
    vec![*number; length]
}

fn segment(number: &mut u8) -> Segment {
    let mut segment = Segment { bytes: Vec::new(), ends: Vec::new(), payload: 0 };
    for _ in 0..fastrand::usize(1..20) {
        segment.bytes.extend(message(number, fastrand::usize(1..300)));
        segment.ends.push(segment.bytes.len());
    }
    segment
}

/// Pushes something at random to both.
fn push_something(queue: &mut Queue, model: &mut Model, number: &mut u8) {
    match fastrand::u8(0..4) {
        0 => {
            let bytes = message(number, fastrand::usize(1..2 * PIECE));
            model.push(&bytes, true);
            queue.push(bytes, true, fastrand::usize(..8 << 20));
        }
        1 => {
            let bytes = message(number, fastrand::usize(1..20));
            model.push(&bytes, false);
            queue.push(bytes, false, fastrand::usize(..8 << 20));
        }
        2 => {
            let segment = Arc::new(segment(number));
            let mut start = 0;
            for end in &segment.ends {
                if fastrand::bool() {
                    model.push(&segment.bytes[start..*end], true);
                    queue.push_shared(&segment, start, *end);
                }
                start = *end;
            }
            queue.end_shared();
        }
        _ if queue.is_empty() => {
            let Segment { bytes, ends, .. } = segment(number);
            let sent = fastrand::usize(0..bytes.len());
            let mut start = 0;
            for end in &ends {
                model.push(&bytes[start..*end], true);
                start = *end;
            }
            model.advance(sent);
            queue.begin(bytes, sent, ends);
        }
        _ => {}
    }
}

#[test]
fn whatever_is_pushed_sent_and_dropped_messages_stay_whole_and_in_order() {
    for seed in 0..60 {
        fastrand::seed(seed);
        let (mut queue, mut model, mut number) = (Queue::default(), Model::default(), 0);
        for _ in 0..60 {
            match fastrand::u8(0..4) {
                0 | 1 => push_something(&mut queue, &mut model, &mut number),
                2 => {
                    let sent = fastrand::usize(0..=model.bytes().len().min(5_000));
                    queue.advance(sent);
                    model.advance(sent);
                }
                _ => assert_eq!(queue.drop_oldest(false), model.drop_oldest()),
            }
            let bytes: Vec<u8> = queue.pieces().flatten().copied().collect();
            assert!(bytes == model.bytes(), "seed {seed}");
            assert_eq!(queue.is_empty(), bytes.is_empty());
            assert!(queue.pieces().all(|piece| !piece.is_empty()));
        }
    }
}

#[test]
fn a_few_bytes_that_wait_keep_no_large_segment() {
    let segment = Arc::new(Segment {
        bytes: vec![0; 100_000],
        ends: (1..=1_000).map(|n| n * 100).collect(),
        payload: 0,
    });
    let mut queue = Queue::default();
    queue.push_shared(&segment, 50, 100_000);
    queue.end_shared();
    assert_eq!(Arc::strong_count(&segment), 2);
    for _ in 0..900 {
        assert_eq!(queue.drop_oldest(false), Some(100));
    }
    assert_eq!(Arc::strong_count(&segment), 1);
    assert_eq!(queue.pieces().map(<[u8]>::len).sum::<usize>(), 50 + 9_900);
}

/// As when a stream has taken its first byte into a record that is not sent.
#[test]
fn a_message_that_has_begun_unseen_is_not_dropped() {
    let mut queue = Queue::default();
    queue.begin(b"sentheldnext".to_vec(), 4, vec![4, 8, 12]);
    queue.push(b"last".to_vec(), true, 8);
    assert_eq!(queue.drop_oldest(true), Some(4));
    let left: Vec<u8> = queue.pieces().flatten().copied().collect();
    assert_eq!(left, b"heldlast");
    assert_eq!((queue.drop_oldest(true), queue.drop_oldest(true)), (Some(4), None));
    assert_eq!((queue.drop_oldest(false), queue.is_empty()), (Some(4), true));
}
