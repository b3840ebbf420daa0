//! The address, the options, and the hooks by which the plugin begins and ends.

use super::*;
use primus::Error;

#[test]
fn a_server_registers_once_it_listens_and_its_sparks_come_and_go() {
    let Some(redis) = Redis::start() else { return };
    let link = link(&redis.url());
    let primus = Primus::builder().plugin(Metroplex::new(&link)).build().unwrap();
    let metroplex = primus.plugin::<Metroplex>().unwrap();
    assert!(link.wait_connected(PATIENCE));
    assert_eq!((metroplex.own_address(), metroplex.is_registered()), (None, false));
    assert!(metroplex.servers().unwrap().is_empty());
    let url = format!("http://{}", primus.listen("127.0.0.1:0").unwrap());
    primus.listen("127.0.0.1:0").unwrap();
    wait_until("it registers", || metroplex.is_registered());
    assert_eq!(metroplex.own_address(), Some(&*url));
    assert_eq!(metroplex.servers().unwrap(), [&*url]);
    let (one, two) = (Client::connect(&url).unwrap(), Client::connect(&url).unwrap());
    let ids = [one.id(PATIENCE).unwrap(), two.id(PATIENCE).unwrap()];
    let here = Some(url.clone());
    wait_for("sparks", vec![here.clone(), here], || metroplex.sparks(&ids).unwrap());
    one.end();
    wait_for("a spark that left", None, || metroplex.spark(&ids[0]).unwrap());
    primus.destroy(Default::default());
    assert_eq!(redis.cli(&["KEYS", "*"]), "");
}

#[test]
fn an_address_for_all_is_one_of_the_machine() {
    let Some(redis) = Redis::start() else { return };
    let link = link(&redis.url());
    let primus = Primus::builder().plugin(Metroplex::new(&link)).build().unwrap();
    let port = primus.listen("0.0.0.0:0").unwrap().port();
    let metroplex = primus.plugin::<Metroplex>().unwrap();
    let address = metroplex.own_address().unwrap().to_owned();
    assert!(address.starts_with("http://") && address.ends_with(&format!(":{port}")), "{address}");
    assert!(!address.contains("0.0.0.0"), "{address}");
    primus.destroy(Default::default());
}

#[test]
fn a_plugin_that_comes_late_knows_who_is_there_and_one_that_goes_leaves_nothing() {
    let Some(redis) = Redis::start() else { return };
    let primus = Primus::builder().build().unwrap();
    let url = format!("http://{}", primus.listen("127.0.0.1:0").unwrap());
    let client = Client::connect(&url).unwrap();
    let id = client.id(PATIENCE).unwrap();
    primus.add_plugin(Metroplex::new(&link(&redis.url()))).unwrap();
    let metroplex = primus.plugin::<Metroplex>().unwrap();
    assert!(metroplex.link().wait_connected(PATIENCE));
    wait_for("the spark", Some(url), || metroplex.spark(&id).unwrap());
    assert!(primus.plugout("metroplex"));
    assert_eq!(redis.cli(&["KEYS", "*"]), "");
    assert_eq!(client.ready_state(), primus::ReadyState::Open);
    primus.destroy(Default::default());
}

/// Rolling restart: nobody is sent there any more before the first client has to go.
#[test]
fn the_registration_is_gone_before_the_first_spark_ends() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::start(&redis, "a");
    let (tell, told) = unbounded();
    let probe = link(&redis.url());
    let (metroplex, url) = (Metroplex::new(&probe), server.url.clone());
    assert!(probe.wait_connected(PATIENCE));
    server.primus.on_disconnection(move |spark| {
        drop(tell.send((metroplex.servers(), metroplex.spark(spark.id()))));
    });
    let _client = server.client();
    server.has(&redis, &["a-1"]);
    server.primus.destroy(Default::default());
    let (servers, spark) = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!((servers.unwrap(), spark.unwrap()), (Vec::new(), None));
    assert_eq!(server.unregistered.try_recv(), Ok(url));
}

#[test]
fn options_that_cannot_be_used_are_refused() {
    let link = RedisLink::open("redis://127.0.0.1:1").unwrap();
    type Change = fn(Metroplex) -> Metroplex;
    let cases: [(Change, &str); 7] = [
        (|plugin| plugin.namespace(""), "namespace"),
        (|plugin| plugin.interval(Duration::from_millis(99)), "interval"),
        (|plugin| plugin.interval(Duration::MAX), "interval"),
        (|plugin| plugin.latency(Duration::ZERO), "latency"),
        (|plugin| plugin.latency(Duration::from_secs(30)), "latency"),
        (|plugin| plugin.address("10.0.0.1:8080"), "base URL"),
        (|plugin| plugin.address("http://a b"), "base URL"),
    ];
    for (change, expected) in cases {
        let built = Primus::builder().plugin(change(Metroplex::new(&link))).build();
        let error = built.expect_err("it is refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn without_redis_lookups_fail_at_once_and_the_server_serves_and_ends() {
    let link = RedisLink::open("redis://127.0.0.1:1").unwrap();
    let primus = Primus::builder().plugin(Metroplex::new(&link)).build().unwrap();
    primus.on_connection(|spark| {
        spark.on_data(|spark, message| spark.write(message.value()));
    });
    let url = format!("http://{}", primus.listen("127.0.0.1:0").unwrap());
    let client = Client::connect(&url).unwrap();
    client.write("hello").unwrap();
    assert_eq!(client.recv().unwrap().as_str(), Some("hello"));
    let metroplex = primus.plugin::<Metroplex>().unwrap();
    assert!(matches!(metroplex.servers(), Err(Error::Unavailable(_))));
    assert!(matches!(metroplex.sparks(["x"]), Err(Error::Unavailable(_))));
    assert!(!metroplex.is_registered());
    let begin = std::time::Instant::now();
    primus.destroy(Default::default());
    assert!(begin.elapsed() < PATIENCE / 2);
}

#[test]
fn names_of_its_events_are_reserved() {
    let link = RedisLink::open("redis://127.0.0.1:1").unwrap();
    let primus = Primus::builder().plugin(Metroplex::new(&link)).build().unwrap();
    use primus::Plugin;
    let metroplex = primus.plugin::<Metroplex>().unwrap();
    assert_eq!(metroplex.reserved(primus::Side::Server), ["register", "unregister", "error"]);
    assert!(metroplex.reserved(primus::Side::Client).is_empty());
    primus.destroy(Default::default());
}
