//! Sessions with a stream of scripts.

use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;

fn open(server: &Server) -> (Page, Client) {
    let id = handshake(server.addr);
    let mut page = Page::open(server.addr, &id);
    assert_eq!(page.packet(), "1::");
    let (polls, posts) = (Peer::connect(server.addr), Peer::connect(server.addr));
    (page, Client { addr: server.addr, id, transport: "htmlfile", polls, posts })
}

#[test]
fn messages_go_both_ways_in_order() {
    let server = echo(Primus::builder());
    let (mut page, mut client) = open(&server);
    let words: Vec<String> = (0..100).map(|n| format!("3:::\"{n} é😀</script><!--\"")).collect();
    client.say(&words.iter().map(|word| &**word).collect::<Vec<_>>());
    for word in words {
        assert_eq!(page.packet(), word);
    }
    client.say(&["3:9::1"]);
    let mut both = [page.packet(), page.packet()];
    both.sort();
    assert_eq!(both, ["3:::1", "6:::9"]);
    assert!(page.head.contains("Content-Type: text/html; charset=UTF-8"), "{}", page.head);
}

#[test]
fn broadcasts_come_to_all_in_one_order() {
    let server = echo(Primus::builder());
    let mut pages: Vec<_> = (0..3).map(|_| open(&server).0).collect();
    wait_until("all are there", || server.primus.connected() == 3);
    for n in 0..50 {
        server.primus.write(&n).unwrap();
    }
    for page in &mut pages {
        for n in 0..50 {
            assert_eq!(page.packet(), format!("3:::{n}"));
        }
    }
}

#[test]
fn the_end_of_the_stream_is_that_of_the_session() {
    let server = echo(Primus::builder());
    let (page, mut client) = open(&server);
    let spark = server.spark();
    drop(page);
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::Lost);
    assert_eq!(client.poll_page(), UNKNOWN);
}

#[test]
fn a_newer_stream_takes_the_place_of_the_other() {
    let server = echo(Primus::builder());
    let (mut page, mut client) = open(&server);
    let mut second = Page::open(server.addr, &client.id);
    assert_eq!(page.next(), None);
    client.say(&["3:::1"]);
    assert_eq!(second.packet(), "3:::1");
}

#[test]
fn a_heartbeat_that_stops_ends_it() {
    let clock = ManualClock::new();
    let builder = Primus::builder().clock(&clock).ping_interval(None);
    let builder = builder.transport("heartbeat interval", "2").transport("heartbeat timeout", "3");
    let server = echo(builder);
    let (mut page, mut client) = open(&server);
    let spark = server.spark();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(2));
        assert_eq!(page.packet(), "2::");
        clock.advance(Duration::from_secs(2));
        client.say(&["2::"]);
    }
    clock.advance(Duration::from_secs(2));
    assert_eq!(page.packet(), "2::");
    clock.advance(Duration::from_secs(3));
    assert_eq!(page.packet(), "0::");
    assert_eq!(page.next(), None);
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::Heartbeat);
}

/// Its answer to the heartbeat waits behind what was sent before.
#[test]
fn a_client_that_is_held_up_by_a_listener_is_not_dead() {
    let clock = ManualClock::new();
    let builder = limited(|limits| limits.inbox = 1).clock(&clock).ping_interval(None);
    let builder = builder.transport("heartbeat interval", "2").transport("heartbeat timeout", "3");
    let server = Server::start(socket_io(builder));
    let ((tell, told), (go, gone)) = (unbounded(), unbounded::<()>());
    server.primus.on_connection(move |spark| {
        let (tell, gone) = (tell.clone(), gone.clone());
        spark.on_data(move |_, _| {
            tell.send(()).unwrap();
            gone.recv().unwrap();
        });
    });
    let (mut page, mut client) = open(&server);
    client.posts.send(&post(&client.path(), "", payload(&["3:::1", "3:::2", "3:::3"])));
    told.recv_timeout(PATIENCE).unwrap();
    clock.advance(Duration::from_secs(2));
    assert_eq!(page.packet(), "2::");
    for _ in 0..5 {
        clock.advance(Duration::from_secs(3));
    }
    (0..3).for_each(|_| go.send(()).unwrap());
    assert_eq!(client.posts.read_response().body, "1");
    client.say(&["2::"]);
    clock.advance(Duration::from_secs(2));
    assert_eq!(page.packet(), "2::");
}

#[test]
fn messages_show_life() {
    let clock = ManualClock::new();
    let builder = Primus::builder().clock(&clock).ping_interval(None);
    let builder = builder.transport("heartbeat interval", "2").transport("heartbeat timeout", "3");
    let server = echo(builder);
    let (mut page, mut client) = open(&server);
    clock.advance(Duration::from_secs(2));
    assert_eq!(page.packet(), "2::");
    clock.advance(Duration::from_secs(2));
    client.say(&["3:::1"]);
    assert_eq!(page.packet(), "3:::1");
    clock.advance(Duration::from_secs(2));
    client.say(&["2::"]);
    clock.advance(Duration::from_secs(2));
    assert_eq!(page.packet(), "2::");
}

impl Client {
    /// What a request for a stream is told of a session that is over.
    fn poll_page(&mut self) -> String {
        let answer = ask(self.addr, request("GET", &self.path(), ""));
        let scripts = &answer.body[256..];
        let literal = scripts.strip_prefix("<script>_(").unwrap();
        serde_json::from_str(literal.strip_suffix(");</script>").unwrap()).unwrap()
    }
}
