//! Who is where.

use primus::plugins::PrimusCluster;

use super::*;

#[test]
fn members_and_counts_are_those_of_all_servers() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (_a, spark) = one.come("a", &["news", "own"]);
    let (_b, _) = two.come("b", &["news"]);
    let (c, _) = two.come("c", &["news", "n*"]);
    for member in [&one, &two] {
        let primus = member.primus();
        wait_for("members", vec!["a", "b", "c"], || {
            let ids = primus.room("news").ids().unwrap();
            ids.iter().map(|id| ["a", "b", "c"].into_iter().find(|x| x == id).unwrap()).collect()
        });
        wait_for("names", 3, || primus.cluster_room_names().unwrap().len());
        assert_eq!(primus.cluster_room_names().unwrap(), ["n*", "news", "own"]);
        assert_eq!(primus.cluster_room_count("news").unwrap(), 3);
        assert_eq!(primus.cluster_room_count("nothing").unwrap(), 0);
        wait_for("connections", 3, || primus.cluster_connected().unwrap());
        let servers = primus.cluster_servers().unwrap();
        let counts: Vec<_> = servers.iter().map(|one| (&*one.server, one.connected)).collect();
        let mut expected = [(one.address(), 1), (two.address(), 2)];
        expected.sort_unstable();
        assert_eq!(counts, expected.each_ref().map(|(server, count)| (&**server, *count)));
        assert_eq!(primus.cluster_spark("a").unwrap(), Some(one.address()));
        assert_eq!(primus.cluster_spark("b").unwrap(), Some(two.address()));
        assert_eq!(primus.cluster_spark("nobody").unwrap(), None);
    }
    // They come and go.
    spark.leave("news");
    c.close();
    wait_for("members", vec!["b".to_owned()], || two.primus().room("news").ids().unwrap());
    wait_for("connections", 2, || one.primus().cluster_connected().unwrap());
    wait_for("names", 2, || one.primus().cluster_room_names().unwrap().len());
    // The end of a server leaves nothing.
    let address = one.address();
    one.server.destroy();
    let left = redis.lines(&["KEYS", &format!("*{address}*")]);
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(two.primus().cluster_servers().unwrap().len(), 1);
}

#[test]
fn the_status_can_be_shown() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    one.primus().write("x").unwrap();
    wait_for("heard", 1, || two.cluster.status().servers);
    let status = two.cluster.status();
    assert!(status.joined && status.link.connected, "{status}");
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(json["joined"], true);
    assert_eq!(json["address"], two.address());
    assert_eq!(json["missed"], 0);
    assert_eq!(json["link"]["connected"], true);
    let text = status.to_string();
    assert!(text.contains("\nprimus_cluster_missed_total 0\n"), "{text}");
    assert!(text.lines().all(|line| line.starts_with("# TYPE ") || line.contains(' ')));
    assert!(!Cluster::new().is_joined());
}

#[test]
fn a_cluster_wants_metroplex_and_one_server() {
    let without = Primus::builder().plugin(Cluster::new()).build();
    let error = without.unwrap_err().to_string();
    assert!(error.contains("needs `metroplex`"), "{error}");
    let link = RedisLink::open("redis://127.0.0.1:1").unwrap();
    let small = Primus::builder().plugin(Metroplex::new(&link)).plugin(Cluster::new().message(10));
    assert!(small.build().is_err());
    let cluster = Cluster::new();
    let build = || Primus::builder().plugin(Metroplex::new(&link)).plugin(cluster.clone()).build();
    let primus = build().unwrap();
    assert!(build().unwrap_err().to_string().contains("one server's"));
    primus.destroy(Default::default());
    let plain = Primus::builder().plugin(Rooms::new().store(Cluster::new().rooms())).build();
    let plain = plain.unwrap();
    assert!(plain.room("x").write("y").is_err());
    assert!(plain.cluster_connected().is_err());
    plain.destroy(Default::default());
}
