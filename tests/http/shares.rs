//! No address has more than its share of the places.

use primus::Builder;
use primus::middleware::TrustedProxies;

use crate::common::shares::*;
use crate::common::*;

/// The status of an upgrade, and its connection if it was let in.
fn websocket(server: &Server, lines: &str) -> (u16, Peer) {
    let mut peer = server.connect();
    peer.try_send(&upgrade("/primus", lines));
    let head = peer.read_head();
    (head[9..12].parse().unwrap(), peer)
}

#[test]
fn sessions_that_nobody_polls_give_way_by_address() {
    let server = engine(|limits| limits.fresh_sessions_per_address = Some(3));
    let mut peer = server.connect();
    let mut of = |address: &str, count| -> Vec<String> {
        (0..count).map(|_| open(&mut peer, address).unwrap()).collect()
    };
    let other = of("192.0.2.2", 3);
    // One network of IPv6, and one client whatever else it claims.
    let network = [of("2001:db8::1", 4), of("2001:db8::2", 2)].concat();
    let spoofed: Vec<_> =
        (0..6).flat_map(|n| of(&format!("203.0.113.{n}, 192.0.2.1"), 1)).collect();
    wait_for("sparks", 9, || server.primus.connected());
    let mut known = |sid: &String| !peer.ask(&polling("PUT", sid, "", "")).body.contains("unknown");
    assert!(other.iter().all(&mut known));
    for all in [network, spoofed] {
        assert!(!all[..3].iter().any(&mut known));
        assert!(all[3..].iter().all(&mut known));
    }
}

#[test]
fn an_address_has_a_quarter_of_the_places_for_sessions() {
    let server = engine(|limits| limits.connections = Some(40));
    let mut peer = server.connect();
    for address in ["192.0.2.1", "2001:db8::1"] {
        let mut sids: Vec<_> = (0..10).map(|_| stay(&mut peer, address).unwrap()).collect();
        assert_eq!(open(&mut peer, address), Err(503));
        assert_eq!(open(&mut peer, &format!("203.0.113.9, {address}")), Err(503));
        // One that nobody has come back to gives way to another of its address.
        let close = |peer: &mut Peer, sid: &str| {
            assert_eq!(peer.ask(&polling("POST", sid, "", "1")).status, 200);
        };
        close(&mut peer, &sids.pop().unwrap());
        wait_until("there is room", || open(&mut peer, address).is_ok());
        assert!(stay(&mut peer, address).is_ok());
        assert_eq!(open(&mut peer, address), Err(503));
    }
    // Others are not concerned, nor is one of which nothing is known but the proxy.
    assert!(stay(&mut peer, "192.0.2.3").is_ok());
    assert!((0..12).all(|_| stay(&mut peer, "").is_ok()));
}

#[test]
fn an_address_has_half_of_the_places() {
    let server = Server::echo(limited(|limits| limits.connections = Some(12)));
    let one = "X-Forwarded-For: 192.0.2.1\r\n";
    let mut all: Vec<_> = (0..6).map(|_| websocket(&server, one)).collect();
    assert!(all.iter().all(|(status, _)| *status == 101));
    assert_eq!(websocket(&server, one).0, 503);
    assert_eq!(websocket(&server, "X-Forwarded-For: 7.7.7.7, 192.0.2.1\r\n").0, 503);
    assert_eq!(server.primus.metrics().connections_refused, 2);
    let (status, _other) = websocket(&server, "X-Forwarded-For: 192.0.2.2\r\n");
    assert_eq!(status, 101);
    all.pop().unwrap().1.close();
    wait_until("there is room", || {
        let (status, peer) = websocket(&server, one);
        all.push((status, peer));
        status == 101
    });
}

fn per_address(most: usize, proxies: TrustedProxies) -> Builder {
    limited(|limits| limits.connections_per_address = Some(most)).trusted_proxies(proxies)
}

#[test]
fn a_limit_that_is_set_holds_for_local_addresses_but_not_for_named_proxies() {
    for proxies in [TrustedProxies::all(), TrustedProxies::none()] {
        let server = Server::echo(per_address(2, proxies));
        let kept = [server.open(), server.open()];
        assert_eq!(websocket(&server, "").0, 503);
        assert_eq!(websocket(&server, "X-Forwarded-For: 192.0.2.1\r\n").0, 503);
        drop(kept);
        wait_until("there is room", || websocket(&server, "").0 == 101);
    }
    let proxies = TrustedProxies::list(["127.0.0.0/8"]).unwrap();
    let server = Server::echo(per_address(2, proxies));
    let idle: Vec<_> = (0..10).map(|_| server.connect()).collect();
    let one = "X-Forwarded-For: 192.0.2.1\r\n";
    let kept = [websocket(&server, one), websocket(&server, one)];
    assert!(kept.iter().all(|(status, _)| *status == 101));
    assert_eq!(websocket(&server, one).0, 503);
    assert_eq!(websocket(&server, "X-Forwarded-For: 192.0.2.2\r\n").0, 101);
    drop(idle);
}

/// Load tools and tests open thousands from here.
#[test]
fn addresses_of_this_machine_have_no_limit_unless_one_is_set() {
    let server = Server::echo(limited(|limits| limits.connections = Some(60)));
    let mut peers: Vec<_> = (0..60).map(|_| server.open()).collect();
    for peer in &mut peers {
        peer.text("1");
        assert_eq!(peer.expect_text(), "1");
    }
}
