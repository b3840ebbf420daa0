//! Clients that go from one server to another.

use super::*;

impl User {
    /// Ends its connection, and keeps it from coming back for now.
    fn away(&self, from: &Server) {
        *self.goes_to.lock().unwrap() = "http://127.0.0.1:1".to_owned();
        from.throw_off();
        wait_until("it is gone", || self.client.ready_state() != primus::ReadyState::Open);
        wait_until("its server knows", || from.primus.connected() == 0);
    }

    fn back(&self, to: &Server) {
        self.goes_to(to);
        self.client.open().unwrap();
    }
}

/// The other server heard of the room in its midst, and nobody was there yet.
#[test]
fn a_server_that_knows_the_end_of_a_room_alone_asks_for_the_rest() {
    let Some(redis) = Redis::start() else { return };
    let first = Server::start(&redis, &["r"]);
    let user = User::come(&first);
    ready(&[&first], &[&user]);
    user.away(&first);
    (1..=3).for_each(|n| first.write("r", n));
    wait_until("they are kept", || redis.cli(&["XLEN", "primus:history:stream:r"]) == "4");
    let second = Server::start(&redis, &["r"]);
    let channel = "primus:history:told";
    wait_until("both hear", || redis.cli(&["PUBSUB", "NUMSUB", channel]).ends_with("\n2"));
    first.write("r", 4);
    wait_until("it is heard", || {
        second.primus.plugin::<History>().is_some_and(|history| history.kept_rooms() == 1)
    });
    user.back(&second);
    wait_until("it is told", || !user.told().is_empty());
    assert_eq!((user.told(), user.got()), (vec![(true, 4)], vec![1, 2, 3, 4]));
}
