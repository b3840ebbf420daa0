//! The `forwarded` layer.

use super::*;

/// Whom a request counts for when places are shared out must not be for the
/// client to say.
#[test]
fn a_client_cannot_choose_whom_it_counts_for() {
    let all = TrustedProxies::all();
    let none = TrustedProxies::none();
    let listed = TrustedProxies::list(["127.0.0.0/8", "198.51.100.0/24"]).unwrap();
    let forwarded = "X-Forwarded-For: 203.0.113.1, 192.0.2.1";
    let [public, local] = [Some("192.0.2.9:9"), Some("127.0.0.1:9")];
    for (proxies, headers, peer, counted) in [
        // As long as no proxy is named, one nearby is believed what it wrote itself.
        (&all, forwarded, public, "192.0.2.9"),
        (&all, forwarded, local, "192.0.2.1"),
        (&all, forwarded, Some("[fd00::1]:9"), "192.0.2.1"),
        (&all, forwarded, None, "192.0.2.1"),
        (&all, "X-Forwarded-For: 192.0.2.1, 10.0.0.7", local, "192.0.2.1"),
        (&all, "X-Forwarded-For: 192.0.2.1, nonsense", local, "127.0.0.1"),
        (&all, "Forwarded: for=192.0.2.1", local, "192.0.2.1"),
        (&all, "Fastly-Client-IP: 192.0.2.1", local, "127.0.0.1"),
        (&all, "X-Any: 1", local, "127.0.0.1"),
        (&none, forwarded, local, "127.0.0.1"),
        (&none, forwarded, public, "192.0.2.9"),
        (&listed, forwarded, local, "192.0.2.1"),
        (&listed, forwarded, public, "192.0.2.9"),
        (&listed, forwarded, Some("198.51.100.7:9"), "192.0.2.1"),
        (&listed, "X-Forwarded-For: 192.0.2.1, 198.51.100.7", local, "192.0.2.1"),
    ] {
        let request = request_from("GET /primus", headers, peer);
        assert_eq!(proxies.counted(&request).to_string(), counted, "{headers} {peer:?}");
    }
}

fn address(proxies: &TrustedProxies, headers: &str, peer: Option<&str>) -> String {
    let middleware = Middleware::new();
    let layer = super::super::forwarded::layer(proxies.clone());
    middleware.use_layer("forwarded", On::Both, layer);
    let request = request_from("GET /", headers, peer);
    assert_eq!(run(&middleware, &request, true).status, None);
    format!("{} {}", request.address().ip, request.address().port)
}

#[test]
fn everybody_is_believed_by_default() {
    let table = [
        ("", "192.0.2.9 9"),
        ("X-Forwarded-For: 198.51.100.1", "198.51.100.1 0"),
        ("X-Forwarded-For: 198.51.100.1, 10.0.0.1", "198.51.100.1 0"),
        ("X-Forwarded-For: 198.51.100.1:8080", "198.51.100.1 8080"),
        ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Port: 4, 5", "198.51.100.1 4"),
        ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Port: x", "198.51.100.1 0"),
        ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 10.0.0.1", "198.51.100.1 0"),
        ("X-Forwarded-For: 2001:db8::1", "2001:db8::1 0"),
        ("X-Forwarded-For: [2001:db8::1]:80", "2001:db8::1 80"),
        ("X-Forwarded-For: ::ffff:198.51.100.1", "198.51.100.1 0"),
        ("X-Real-IP: 198.51.100.2\r\nX-Real-Port: 7", "198.51.100.2 7"),
        ("Fastly-Client-IP: 198.51.100.3\r\nX-Forwarded-For: 10.0.0.1", "198.51.100.3 0"),
        ("Z-Forwarded-For: 198.51.100.4", "198.51.100.4 0"),
        ("Forwarded: for=198.51.100.5;proto=https, for=10.0.0.1", "198.51.100.5 0"),
        ("Forwarded: proto=http; FOR=\"[2001:db8::2]:47\"", "2001:db8::2 47"),
        ("Forwarded: for=\"198.51.100.5:80\";by=\"a,b;c\"", "198.51.100.5 80"),
    ];
    for (headers, expected) in table {
        let found = address(&TrustedProxies::all(), headers, Some("192.0.2.9:9"));
        assert_eq!(found, expected, "{headers:?}");
    }
}

#[test]
fn headers_with_anything_else_are_ignored() {
    let hostile = [
        "X-Forwarded-For:",
        "X-Forwarded-For: unknown",
        "X-Forwarded-For: 198.51.100.1, unknown",
        "X-Forwarded-For: 198.51.100.1,,10.0.0.1",
        "X-Forwarded-For: <script>",
        "X-Forwarded-For: 198.51.100.999",
        "X-Forwarded-For: 198.51.100.1:99999",
        "X-Forwarded-For: 0x7f.1",
        "Forwarded: 198.51.100.1",
        "Forwarded: for=_hidden",
        "Forwarded: for=\"198.51.100.1",
        "Forwarded: by=198.51.100.1",
    ];
    for headers in hostile {
        let found = address(&TrustedProxies::all(), headers, Some("192.0.2.9:9"));
        assert_eq!(found, "192.0.2.9 9", "{headers:?}");
    }
}

/// X-Forwarded-For spoofing: with proxies named, only what they wrote counts.
#[test]
fn x_forwarded_for_spoof() {
    let proxies = TrustedProxies::list(["10.0.0.0/8", "192.0.2.9", "2001:db8::/32"]).unwrap();
    let through_proxy = [
        ("", "192.0.2.9 9"),
        ("X-Forwarded-For: 198.51.100.1", "198.51.100.1 0"),
        ("X-Forwarded-For: 6.6.6.6, 198.51.100.1", "198.51.100.1 0"),
        ("X-Forwarded-For: 6.6.6.6, 198.51.100.1, 10.1.2.3", "198.51.100.1 0"),
        ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 198.51.100.1", "198.51.100.1 0"),
        ("X-Forwarded-For: 10.1.2.4, 10.1.2.3", "10.1.2.4 0"),
        ("X-Forwarded-For: <script>, 198.51.100.1", "198.51.100.1 0"),
        ("X-Forwarded-For: 198.51.100.1, unknown", "192.0.2.9 9"),
        ("X-Forwarded-For: 198.51.100.1, unknown, 10.0.0.1", "10.0.0.1 0"),
        ("Forwarded: for=6.6.6.6, for=198.51.100.1, for=\"[2001:db8::7]\"", "198.51.100.1 0"),
        ("X-Real-IP: 6.6.6.6\r\nFastly-Client-IP: 6.6.6.6", "192.0.2.9 9"),
    ];
    for (headers, expected) in through_proxy {
        assert_eq!(address(&proxies, headers, Some("192.0.2.9:9")), expected, "{headers:?}");
        if headers.is_empty() {
            continue;
        }
        assert_eq!(address(&proxies, headers, Some("203.0.113.1:7")), "203.0.113.1 7");
        assert_eq!(address(&TrustedProxies::none(), headers, Some("192.0.2.9:9")), "192.0.2.9 9");
    }
    let spoof = "X-Forwarded-For: 198.51.100.1";
    assert_eq!(address(&proxies, spoof, Some("[::ffff:10.0.0.1]:5")), "198.51.100.1 0");
    assert_eq!(address(&proxies, spoof, None), "198.51.100.1 0");
    assert_eq!(address(&TrustedProxies::none(), spoof, None), "127.0.0.1 0");
}

#[test]
fn networks_are_checked() {
    for bad in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/", "host"] {
        assert!(TrustedProxies::list([bad]).is_err(), "{bad:?}");
    }
    let contains = |network: &str, ip: &str| {
        let proxies = TrustedProxies::list([network]).unwrap();
        let peer = format!("{ip}:1");
        address(&proxies, "X-Forwarded-For: 6.6.6.6", Some(&peer)) == "6.6.6.6 0"
    };
    let table = [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.9.9.9/8", "10.0.0.1", true),
        ("192.0.2.128/25", "192.0.2.127", false),
        ("0.0.0.0/0", "203.0.113.1", true),
        ("0.0.0.0/0", "[2001:db8::1]", false),
        ("2001:db8::/33", "[2001:db8:7fff::1]", true),
        ("2001:db8::/33", "[2001:db8:8000::1]", false),
        ("::1", "[::1]", true),
    ];
    for (network, ip, inside) in table {
        assert_eq!(contains(network, ip), inside, "{network} {ip}");
    }
}
