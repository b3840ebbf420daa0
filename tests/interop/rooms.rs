//! Rooms need nothing of a client: what is written to one is a plain message.

use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use serde_json::json;

use crate::driver::{Driver, for_each_client, need_node};
use crate::server::Server;

for_each_client! {
    fn members_of_a_room_get_plain_messages(kind) {
        need_node!();
        let server = Server::answering(kind.builder().plugin(Rooms::new()), |spark, message| {
            if message.as_str() == Some("in") {
                spark.join_all(["all", "with:*"])?;
                return spark.write("in").map(drop);
            }
            spark.others_in("all").write(message.value())?;
            spark.primus().room(["all", "with:wildcards"]).write("to all").map(drop)
        });
        let mut node = Driver::start(kind);
        let [a, b] = [(); 2].map(|()| {
            let client = node.open(&server.url());
            node.write(client, "in");
            assert_eq!(node.data(client), "in");
            client
        });
        node.write(a, json!({"emit": ["plain", null]}));
        assert_eq!(node.data(b), json!({"emit": ["plain", null]}));
        assert_eq!(node.data(b), "to all");
        assert_eq!(node.data(a), "to all");
    }
}
