use super::*;

const MOST: Most = Most { maps: 10, length: 100 };

fn all(mut maps: Maps) -> Vec<(u64, Map)> {
    let taken = std::iter::from_fn(|| maps.take(|_| true));
    taken.filter_map(|taken| Some((taken.number, taken.map?))).collect()
}

fn parse(body: &str) -> Result<Vec<(u64, Map)>, Invalid> {
    Maps::parse(body.into(), false, MOST).map(all)
}

fn parse_json(body: &str) -> Result<Vec<(u64, Map)>, Invalid> {
    Maps::parse(body.into(), true, MOST).map(all)
}

fn text(number: u64, text: &str) -> (u64, Map) {
    (number, Map::Message(Frame::text(text)))
}

#[test]
fn maps_of_a_form() {
    let many: String = (0..10).map(|at| format!("&req{at}__S={at}")).collect();
    let many = format!("count=10&ofs=90{many}");
    for (body, expected) in [
        ("count=0", vec![]),
        ("count=0&ofs=7", vec![]),
        (
            "count=1&ofs=0&req0__S=%7B%22hello%22%3A%22world%22%7D",
            vec![text(0, "{\"hello\":\"world\"}")],
        ),
        ("&&count=2&&ofs=5&req0__S=a&req1__S=b&", vec![text(5, "a"), text(6, "b")]),
        ("ofs=5&req0__S=a&count=2&req1__S=b&zz", vec![text(5, "a"), text(6, "b")]),
        ("count=1&ofs=3&req0_key=val", vec![(3, Map::Nothing)]),
        ("count=1&ofs=3&req0_type=_badmap", vec![(3, Map::Nothing)]),
        ("count=1&ofs=3&req0__S=", vec![text(3, "")]),
        ("count=1&ofs=3&req0__S=a+b%2Bc%C3%A9%F0%9F%98%80%", vec![text(3, "a b+cé😀%")]),
        ("count=1&ofs=3&req0_a=1&req0__S=x&req0_b=2", vec![text(3, "x")]),
        ("count=1&ofs=0&req0%5F_S=x", vec![text(0, "x")]),
        // As from `send` with something that is no string.
        ("count=1&ofs=0&req0_JSON=%22%5C%22json-map%5C%22%22", vec![text(0, "\"json-map\"")]),
        ("count=1&ofs=0&req0_JSON=%7B%22a%22%3A1%7D", vec![text(0, "{\"a\":1}")]),
        ("count=1&ofs=0&req0__S=x&req0_JSON=%22y%22", vec![text(0, "y")]),
        ("count=2&ofs=6&req0_JSON=%7Bbad&req1__S=x", vec![(6, Map::NotJson), text(7, "x")]),
        (&many, (0..10).map(|at| text(90 + at, &at.to_string())).collect()),
    ] {
        assert_eq!(parse(body), Ok(expected), "{body}");
    }
}

#[test]
fn maps_as_json() {
    for (body, expected) in [
        (r#"{"ofs":4,"data":["\"j1\"","\"j2\""]}"#, vec![text(4, "\"j1\""), text(5, "\"j2\"")]),
        (r#" { "data" : [ ] , "ofs" : 0 , "more" : {} } "#, vec![]),
        (r#"{"ofs":0,"data":[1,{"a":[null]}]}"#, vec![text(0, "1"), text(1, "{\"a\":[null]}")]),
    ] {
        assert_eq!(parse_json(body), Ok(expected), "{body}");
    }
}

#[test]
fn what_is_malformed_is_refused_as_a_whole() {
    for body in [
        "",
        "nothing",
        "count",
        "count=x&ofs=0",
        "count=-1&ofs=0",
        "count=+1&ofs=0&req0__S=1",
        "count=1.0&ofs=0&req0__S=1",
        "count=1&req0__S=1",
        "ofs=0&req0__S=1",
        "count=1&ofs=x&req0__S=1",
        "count=1&ofs=-1&req0__S=1",
        "count=1&ofs=9007199254740993&req0__S=1",
        "count=1&ofs=99999999999999999999&req0__S=1",
        // More, or fewer, than there are.
        "count=1&ofs=0",
        "count=2&ofs=0&req0__S=1",
        "count=1000000000&ofs=0&req0__S=1",
        "count=18446744073709551617&ofs=0&req0__S=1",
        "count=1&ofs=0&req0__S=1&req1__S=2",
        "count=0&ofs=0&req0__S=1",
        // One is left out, comes again, or too soon.
        "count=2&ofs=0&req0__S=1&req2__S=2",
        "count=2&ofs=0&req1__S=1&req0__S=2",
        "count=3&ofs=0&req0__S=1&req1__S=2&req0__S=3",
        "count=1&ofs=0&req0__S=1&req0__S=2",
        "count=1&ofs=0&req0_JSON=1&req0_JSON=2",
        "count=1&ofs=0&req18446744073709551616__S=1",
        "count=0&req18446744073709551615__S=x",
        "count=1&ofs=0&req18446744073709551615__S=x&req0__S=y",
        // Said twice.
        "count=1&count=1&ofs=0&req0__S=1",
        "count=1&ofs=0&ofs=0&req0__S=1",
    ] {
        assert_eq!(parse(body), Err(Invalid::Malformed), "{body}");
    }
    for body in [
        "",
        "null",
        "[]",
        "{bad",
        "{}",
        r#"{"ofs":0}"#,
        r#"{"data":["a"]}"#,
        r#"{"ofs":"0","data":["a"]}"#,
        r#"{"ofs":-1,"data":["a"]}"#,
        r#"{"ofs":1e3,"data":["a"]}"#,
        r#"{"ofs":0,"data":null}"#,
        r#"{"ofs":0,"data":{"0":"a"}}"#,
        r#"{"ofs":0,"data":["a"],}"#,
        r#"{"ofs":0 "data":["a"]}"#,
        r#"{"ofs":0,"data":["a"]}}"#,
        r#"{"ofs":0,"data":["a"]"#,
        r#"{"ofs":0,"ofs":1,"data":["a"]}"#,
        r#"{"ofs":0,"data":["a"],"data":["b"]}"#,
        r#"{1:2,"ofs":0,"data":["a"]}"#,
    ] {
        assert_eq!(parse_json(body), Err(Invalid::Malformed), "{body}");
    }
}

#[test]
fn nothing_is_too_large_that_may_be_sent() {
    let form = |maps: usize, value: &str| {
        let maps_text: String = (0..maps).map(|at| format!("&req{at}__S={value}")).collect();
        format!("count={maps}&ofs=0{maps_text}")
    };
    assert_eq!(parse(&form(10, "x")).unwrap().len(), 10);
    assert_eq!(parse(&form(11, "x")), Err(Invalid::TooLarge));
    // As long as it is allowed to be, however long it is in the request.
    assert_eq!(parse(&form(1, &"%22".repeat(100))).unwrap().len(), 1);
    assert_eq!(parse(&form(1, &"%22".repeat(101))), Err(Invalid::TooLarge));
    assert_eq!(parse(&form(1, &"%zz".repeat(34))), Err(Invalid::TooLarge));

    let json = |maps: usize, value: &str| {
        format!(r#"{{"ofs":0,"data":[{}]}}"#, vec![format!("\"{value}\""); maps].join(","))
    };
    assert_eq!(parse_json(&json(10, "x")).unwrap().len(), 10);
    assert_eq!(parse_json(&json(11, "x")), Err(Invalid::TooLarge));
    assert_eq!(parse_json(&json(1, &"x".repeat(98))).unwrap().len(), 1);
    assert_eq!(parse_json(&json(1, &"x".repeat(101))), Err(Invalid::TooLarge));
}

/// A map with many fields is not gone over at one time, nor is one decoded that is not
/// wanted.
#[test]
fn maps_are_taken_out_in_parts() {
    let fields = "&req0_a=".repeat(3 * PART / 8);
    let body = format!("count=2&ofs=5&req0__S=x{fields}&req1__S=y");
    let mut maps = Maps::parse(body.clone().into(), false, MOST).unwrap();
    let (mut parts, mut size) = (Vec::new(), 0);
    while let Some(taken) = maps.take(|number| number == 5) {
        assert!(taken.size <= PART + 8, "{}", taken.size);
        size += taken.size;
        parts.push((taken.number, taken.map));
    }
    assert_eq!(size, body.len());
    let message = || Some(Map::Message(Frame::text("x")));
    assert_eq!(parts, [(5, None), (5, None), (5, None), (5, message()), (6, None)]);
}

#[test]
fn what_is_put_into_a_body_is_read_out_of_it() {
    let messages = ["", "a", "{\"é\":\"😀&=%+ \u{2028}\"}", "\0\r\n", "-_.!~*'()"];
    let mut body = head(messages.len(), 7).into_bytes();
    for (at, message) in messages.iter().enumerate() {
        put(at, message, &mut body);
    }
    let read = Maps::parse(body.clone(), false, MOST).unwrap();
    assert!(all(read).into_iter().eq((7..).zip(messages).map(|(n, message)| text(n, message))));
    let body = String::from_utf8(body).unwrap();
    assert!(body.starts_with("count=5&ofs=7&req0__S=&req1__S=a&req2__S=%7B%22%C3%A9%22%3A"));
    assert!(body.ends_with("&req3__S=%00%0D%0A&req4__S=-_.!~*'()"), "{body}");
    assert_eq!(head(0, 7), "count=0");
}
