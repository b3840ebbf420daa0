use super::*;

fn asked(path: &str, method: &str, query: &str) -> Result<Ask, Refusal> {
    ask((path, "/primus"), method, crate::http::pairs(query))
}

fn get(query: &str) -> Result<Ask, Refusal> {
    asked("/primus/bind", "GET", query)
}

fn post(query: &str) -> Result<Ask, Refusal> {
    asked("/primus/bind", "POST", query)
}

#[test]
fn pages_and_methods() {
    for path in ["/primus", "/primusfoo/bind", "/primus?", "/other/bind", "", "/"] {
        assert_eq!(asked(path, "GET", "VER=8"), Err(Refusal::Outside), "{path}");
    }
    for path in [
        "/primus/",
        "/primus/nosuch",
        "/primus/bind/",
        "/primus//bind",
        "/primus/bcsocket.js",
        "/primus/BIND",
    ] {
        assert_eq!(asked(path, "GET", "VER=8"), Err(Refusal::Page), "{path}");
    }
    for page in ["/primus/test", "/primus/bind"] {
        for method in ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "get"] {
            assert_eq!(asked(page, method, "VER=8"), Err(Refusal::Method), "{method} {page}");
        }
        for query in ["", "VER=7", "VER=08", "VER", "ver=8"] {
            assert_eq!(asked(page, "GET", query), Err(Refusal::Version), "{page}?{query}");
            assert_eq!(asked(page, "POST", query), Err(Refusal::Version), "{page}?{query}");
        }
    }
    let below = |pathname| ask(("/a/test", pathname), "GET", crate::http::pairs("VER=8&MODE=init"));
    assert_eq!((below("/a"), below("/a/")), (Ok(Ask::Init), Ok(Ask::Init)));
    let root = ask(("/test", "/"), "GET", crate::http::pairs("VER=8&MODE=init"));
    assert_eq!(root, Ok(Ask::Init));
}

#[test]
fn tests_of_the_way() {
    let test = |method, query| asked("/primus/test", method, query);
    assert_eq!(test("GET", "VER=8&MODE=init&zx=1&t=1"), Ok(Ask::Init));
    assert_eq!(test("POST", "VER=8&MODE=init"), Ok(Ask::Probe(Shape::Xhr)));
    assert_eq!(test("GET", "VER=8&TYPE=xmlhttp"), Ok(Ask::Probe(Shape::Xhr)));
    assert_eq!(test("GET", "VER=8"), Ok(Ask::Probe(Shape::Xhr)));
    let page = Shape::Page("example.com".into());
    assert_eq!(test("GET", "VER=8&TYPE=html&DOMAIN=example.com"), Ok(Ask::Probe(page)));
}

#[test]
fn what_opens_sends_and_ends() {
    let sid = || "s".to_owned();
    assert_eq!(post("VER=8&RID=65934&zx=a&t=1&CVER=2"), Ok(Ask::Open { rid: 65934, old: None }));
    assert_eq!(post("VER=8&RID=0&SID=&OSID=s&OAID=3"), Ok(Ask::Open { rid: 0, old: Some(sid()) }));
    let send = |rid, aid| Ok(Ask::Send { sid: sid(), rid, aid });
    assert_eq!(post("VER=8&SID=s&RID=5&AID=0"), send(5, Some(0)));
    assert_eq!(post("VER=8&SID=s&RID=5&AID=-1"), send(5, None));
    assert_eq!(post("VER=8&SID=s&RID=5"), send(5, None));
    for rid in ["", "&RID=", "&RID=rpc", "&RID=-1", "&RID=1e3", "&RID=9007199254740993"] {
        assert_eq!(post(&format!("VER=8{rid}")), Err(Refusal::BadData), "{rid}");
        assert_eq!(post(&format!("VER=8&SID=s{rid}")), Err(Refusal::BadData), "{rid}");
        let ends = format!("VER=8&SID=s&TYPE=terminate{rid}");
        assert_eq!(get(&ends), Err(Refusal::BadData), "{rid}");
    }
    for aid in ["", "x", "-2", "+1", "1.5", "99999999999999999999"] {
        assert_eq!(post(&format!("VER=8&SID=s&RID=5&AID={aid}")), Err(Refusal::Aid), "{aid}");
    }
    assert_eq!(get("VER=8&SID=s&RID=6&TYPE=terminate"), Ok(Ask::Terminate(Some((sid(), 6)))));
    assert_eq!(get("VER=8&TYPE=terminate"), Ok(Ask::Terminate(None)));
}

#[test]
fn what_waits() {
    let wait = |aid, stays, shape| Ok(Ask::Wait { sid: "s".into(), aid, stays, shape });
    let base = "VER=8&SID=s&RID=rpc";
    let of = |rest: &str| get(&format!("{base}&{rest}"));
    assert_eq!(of("CI=0&AID=4&TYPE=xmlhttp"), wait(Some(4), true, Shape::Xhr));
    assert_eq!(of("CI=1&AID=4&TYPE=xmlhttp"), wait(Some(4), false, Shape::Xhr));
    assert_eq!(of("TYPE=xmlhttp"), wait(None, false, Shape::Xhr));
    assert_eq!(of("CI=0&TYPE=html"), wait(None, true, Shape::Page(String::new())));
    assert_eq!(of("CI=0"), Err(Refusal::Type));
    assert_eq!(of("TYPE=foo"), Err(Refusal::Type));
    assert_eq!(of("TYPE=xmlhttp&AID=x"), Err(Refusal::Aid));
    assert_eq!(get("VER=8&RID=rpc&TYPE=xmlhttp"), Err(Refusal::NoSid));
    assert_eq!(get("VER=8&SID=s&RID=101&TYPE=xmlhttp"), Err(Refusal::NotRpc));
    assert_eq!(get("VER=8"), Err(Refusal::Type));
}

/// Which of them counted would be for the reader to guess.
#[test]
fn nothing_is_said_twice() {
    for name in NAMES {
        let query = format!("VER=8&SID=s&RID=rpc&TYPE=xmlhttp&{name}=8&{name}=8");
        assert_eq!(get(&query), Err(Refusal::Twice), "{name}");
    }
    let query = "VER=8&SID=s&RID=rpc&TYPE=xmlhttp&a=1&a=2&zx=1&zx=2";
    assert!(get(query).is_ok());
    assert_eq!(session(crate::http::pairs(query)), Some("s".into()));
    assert_eq!(session(crate::http::pairs("SID=a&SID=b")), None);
}
