//! The plugins that run streams inside a connection.

use primus::plugins::multiplex::{ClientChannel, Multiplex, OpenChannel};
use primus::plugins::resource::{ClientResources, Resources};
use primus::plugins::substream::{OpenSubstream, Substream, Substreams};
use primus::plugins::{Emitter, EmitterExt, EventExt};
use primus::{Client, Error, Value};
use serde_json::json;

use super::super::{Tell, told};
use super::Play;
use crate::common::PATIENCE;

/// A stream that tells what comes.
fn telling(client: &Client, name: &'static str, tell: &Tell) -> Substream {
    let stream = client.substream(name).unwrap();
    stream.on_data(tell.data(name));
    let tell = tell.clone();
    stream.on_end(move |_| drop(tell.say(format!("{name} ended"))));
    stream
}

#[test]
fn streams() {
    let (tell, told) = told();
    let mut play = Play::new("substream/basic");
    let client = play.client().plugin(Substreams::new()).build().unwrap();
    let foo = telling(&client, "foo", &tell);
    foo.write("before open").unwrap();
    play.until(2);
    told.expect(&[r#"foo {"echo":"before open"}"#]);
    client.substream("bar").unwrap().write(&json!({ "a": 1 })).unwrap();
    let messages = [json!([1, 2]), json!(0), json!(null), json!("")].map(Value::from);
    for (at, message) in messages.iter().enumerate() {
        if at == 3 {
            foo.write(&Value::Undefined).unwrap();
            play.until(11);
            told.expect(&["foo {}"]);
        }
        foo.write(message).unwrap();
        play.until(if at == 3 { 13 } else { 5 + 2 * at });
        told.expect(&[&*format!(r#"foo {{"echo":{message}}}"#)]);
    }
    client.substream("/nested/../x y").unwrap().write("odd name").unwrap();
    client.write("plain").unwrap();
    play.rest(&client);
}

#[test]
fn streams_that_end() {
    let (tell, told) = told();
    let mut play = Play::new("substream/end");
    let client = play.client().plugin(Substreams::new()).connect().unwrap();
    let foo = telling(&client, "foo", &tell);
    foo.write("hi").unwrap();
    foo.end_with("last words").unwrap();
    told.expect(&["foo ended"]);
    assert!(matches!(foo.write("more"), Err(Error::Closed)));
    let again = telling(&client, "foo", &tell);
    again.write("again").unwrap();
    play.rest(&client);
    told.expect(&[r#"foo {"bye":true}"#, "foo ended"]);
    assert!(!again.is_open());
}

#[test]
fn streams_at_the_end_of_a_connection() {
    let (tell, told) = told();
    let mut play = Play::new("substream/connection-end");
    let client = play.client().plugin(Substreams::new()).connect().unwrap();
    telling(&client, "foo", &tell);
    // The end of the connection is said by the server without the plugin's help.
    play.spark("a").end();
    told.expect(&["foo ended"]);
    assert!(client.wait_end(PATIENCE));
    client.open().unwrap();
    play.spark("b");
    // What JavaScript's client says then would end the stream of the next connection.
    play.at = play.frames.len();
    play.rest(&client);
}

#[test]
fn streams_over_a_reconnect() {
    let (tell, told) = told();
    let mut play = Play::new("substream/reconnect");
    let client = play.client().plugin(Substreams::new()).connect().unwrap();
    let foo = telling(&client, "foo", &tell);
    foo.write("one").unwrap();
    play.until(1);
    let (lost, is_lost) = std::sync::mpsc::channel();
    client.on_close(move |_, _| lost.send(()));
    play.away("a");
    is_lost.recv_timeout(PATIENCE).unwrap();
    foo.write("while down").unwrap();
    play.until(2);
    foo.write("two").unwrap();
    play.rest(&client);
    told.expect_nothing();
}

fn channel(client: &Client, name: &'static str, tell: &Tell) -> ClientChannel {
    let tell = tell.clone();
    let setup = |channel: &ClientChannel| {
        channel.on_data(tell.data(name));
        channel.on_end(move |_| drop(tell.say(format!("{name} ended"))));
    };
    client.channel_with(name, setup).unwrap()
}

#[test]
fn channels() {
    let (tell, told) = told();
    let mut play = Play::new("primus-multiplex/basic");
    // Ours sends falsy messages as they are, and nothing after the end; and it does not
    // wait for an answer to the first subscribe.
    play.frames.swap(1, 2);
    play.frames.swap(2, 3);
    play.frames.swap(3, 4);
    for (at, falsy) in ["0", r#""""#, "false", "null"].into_iter().enumerate() {
        play.frames[9 + at].text = format!(r#"[0,"wxbr957cvh","news",{falsy}]"#);
    }
    play.frames.pop();
    let client = play.client().plugin(Multiplex::new()).connect().unwrap();
    let news = channel(&client, "news", &tell);
    let sport = channel(&client, "sport", &tell);
    let other = channel(&client, "news", &tell);
    news.write("before open").unwrap();
    play.until(7);
    told.expect(&[r#"news "hi from news""#, r#"sport "hi from sport""#, r#"news "hi from news""#]);
    news.write(&json!({ "a": 1 })).unwrap();
    other.write(&[1, 2]).unwrap();
    for falsy in [json!(0), json!(""), json!(false), json!(null)] {
        news.write(&falsy).unwrap();
    }
    news.write(&Value::Undefined).unwrap();
    play.until(17);
    told.expect(&[r#"news "broadcast to channel""#, r#"news "broadcast to channel""#]);
    told.expect(&[r#"sport "forEach""#]);
    client.write("plain").unwrap();
    sport.end_with("closing data").unwrap();
    assert!(matches!(sport.write("after end"), Err(Error::Closed)));
    play.rest(&client);
    told.expect(&["sport ended"]);
    assert!(news.is_open() && other.is_open());
}

#[test]
fn channels_that_the_server_ends() {
    let (tell, told) = told();
    let mut play = Play::new("primus-multiplex/server-end");
    let client = play.client().plugin(Multiplex::new()).connect().unwrap();
    let news = channel(&client, "news", &tell);
    news.write("kick me").unwrap();
    play.until(5);
    // The second of the two ends does nothing.
    told.expect(&[r#"news "bye""#, "news ended"]);
    let news = channel(&client, "news", &tell);
    news.write("destroy").unwrap();
    play.rest(&client);
    told.expect(&["news ended"]);
    told.expect_nothing();
    assert!(!news.is_open());
}

#[test]
fn channels_over_a_reconnect() {
    let (tell, told) = told();
    let mut play = Play::new("primus-multiplex/reconnect");
    // Ours subscribes before it sends what waited.
    play.frames.swap(2, 3);
    let client = play.client().plugin(Multiplex::new()).connect().unwrap();
    let news = channel(&client, "news", &tell);
    news.write("one").unwrap();
    play.until(2);
    let (lost, is_lost) = std::sync::mpsc::channel();
    client.on_close(move |_, _| lost.send(()));
    play.away("a");
    is_lost.recv_timeout(PATIENCE).unwrap();
    news.write("while down").unwrap();
    play.until(4);
    news.write("two").unwrap();
    play.until(5);
    // Its channels end with the client.
    client.end();
    told.expect(&["news ended"]);
    assert!(client.wait_end(PATIENCE));
    assert!(matches!(news.write("three"), Err(Error::Closed)));
}

#[test]
fn channels_with_events() {
    let (tell, told) = told();
    let mut play = Play::new("primus-multiplex/with-emitter-and-rooms");
    let clients = ["a", "b"].map(|name| {
        let client = play.client().plugin(Emitter).plugin(Multiplex::new());
        let client = client.connect().unwrap();
        play.spark(name);
        client
    });
    let chats = clients.each_ref().map(|client| {
        let chat = channel(client, "chat", &tell);
        chat.on_event("news", tell.event("news"));
        // One after the other.
        let at = play.at + 1;
        play.until(at);
        chat
    });
    chats[0].send_with("hello", "me", PATIENCE, tell.ack("ack")).unwrap();
    play.until(4);
    told.expect(&[r#"ack ["hello to you"]"#]);
    for (at, expected) in [
        (5, r#"chat "to room""#),
        (6, r#"chat "to room""#),
        (7, "news [1,2]"),
        (8, r#"chat "from a spark""#),
        (9, r#"chat "from a spark""#),
        (10, r#"news ["all"]"#),
        (11, r#"news ["all"]"#),
    ] {
        play.until(at);
        told.expect(&[expected]);
    }
    clients.iter().for_each(|client| play.rest(client));
}

#[test]
fn resources_in_channels() {
    let (tell, told) = told();
    let mut play = Play::new("primus-resource/multiplexed");
    let client = play.client().plugin(Emitter).plugin(Multiplex::new());
    let client = client.plugin(Resources::new()).connect().unwrap();
    let creature = client.resource("creature").unwrap();
    let news = tell.clone();
    creature.on_event("news", move |event| news.say(format!("news {}", Value::of(event.args())?)));
    play.until(2);
    assert_eq!(creature.wait_ready(PATIENCE).unwrap(), ["command", "walk", "FooBar"]);
    let ack = |name| {
        let ack = tell.ack::<()>(name);
        move |answer| ack(&(), answer)
    };
    creature.call_with("command", "sleep", PATIENCE, ack("slept")).unwrap();
    play.until(4);
    told.expect(&[r#"slept ["Creature just got command: sleep"]"#]);
    creature.call_with("walk", (), PATIENCE, ack("walked")).unwrap();
    creature.tell("FooBar", ()).unwrap();
    play.until(8);
    told.expect(&[r#"walked ["walking"]"#, r#"news [1,{"two":2}]"#]);
    play.away("a");
    play.until(10);
    creature.call_with("command", "after reconnect", PATIENCE, ack("done")).unwrap();
    play.rest(&client);
    told.expect(&[r#"done ["Creature just got command: after reconnect"]"#]);
}

#[test]
fn resources_that_are_flat() {
    let (tell, told) = told();
    let mut play = Play::new("primus-resource/flat");
    let news = tell.clone();
    let client = play.client().plugin(Emitter).plugin(Resources::new());
    let client = client.connect_with(move |client| {
        let creature = client.flat_resource("creature").unwrap();
        creature
            .on_event("news", move |event| news.say(format!("news {}", Value::of(event.args())?)));
    });
    let client = client.unwrap();
    let creature = client.flat_resource("creature").unwrap();
    play.until(1);
    assert_eq!(creature.wait_ready(PATIENCE).unwrap(), ["command", "walk", "FooBar"]);
    for (method, args, end) in [("command", vec!["sleep"], 3), ("walk", vec![], 5)] {
        let ack = tell.ack::<()>(method);
        creature.call_with(method, args, PATIENCE, move |answer| ack(&(), answer)).unwrap();
        play.until(end);
    }
    play.rest(&client);
    told.expect(&[r#"command ["Creature just got command: sleep"]"#, r#"walk ["walking"]"#]);
    told.expect(&["news [1]"]);
}
