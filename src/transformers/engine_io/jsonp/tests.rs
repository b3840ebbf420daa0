use super::*;

fn call(number: &str, payload: &str) -> String {
    let mut out = Vec::new();
    call_into(number, payload.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

/// A form as a browser sends it, without what percent-decoding undoes.
fn field(payload: &str) -> String {
    let mut out = Vec::new();
    form_into(payload, &mut out);
    let form = String::from_utf8(out).unwrap();
    let mut pairs = crate::http::pairs(&form);
    let (name, value) = pairs.next().unwrap();
    assert_eq!((&*name, pairs.next()), ("d", None));
    value.into_owned()
}

#[test]
fn numbers() {
    assert_eq!(number("0"), "0");
    assert_eq!(number("12"), "12");
    assert_eq!(number(""), "");
    assert_eq!(number("1]);alert(2"), "12");
    assert_eq!(number(&"9".repeat(9_999)).len(), DIGITS_MAX);
}

#[test]
fn calls() {
    assert_eq!(call("0", "4a"), r#"___eio[0]("4a");"#);
    let odd = "\"\\\n\r\t\u{8}\u{c}\x1e\x7f</script><!--<b>\u{2028}\u{2029}\u{2027}é😀";
    let literal = r#"\"\\\n\r\t\b\f\u001e"#.to_owned()
        + "\x7f\\u003c/script>\\u003c!--<b>\\u2028\\u2029\u{2027}é😀";
    assert_eq!(call("", odd), format!("___eio[](\"{literal}\");"));
    assert_eq!(from_call(call("3", odd).as_bytes()).as_deref(), Ok(odd));
    assert_eq!(from_call(b"\r\n___eio[3](\"x\")").as_deref(), Ok("x"));
    for bad in ["", "x", "___eio[0](", "___eio[0]()", "___eio[0](1);", "___eio[0](\"a);", "(\"a\")"]
    {
        assert!(from_call(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(from_call(b"___eio[0](\"\xff\");").is_err());
}

#[test]
fn forms() {
    for payload in
        ["", "plain", "a\nb", "a\\nb", "\\\\n", "\\\\\\n\n\\n\\\\n", "\\", "n", "é&=+%\x1e"]
    {
        assert_eq!(from_field(&field(payload)), payload, "{payload:?}");
    }
    // The one thing that the rules cannot carry; no JSON has it.
    assert_eq!(from_field(&field("\\\n")), "\\n");
    assert_eq!(field("a\nb"), "a\\nb");
    assert_eq!(field("a\\nb"), "a\\\\nb");
    assert_eq!(from_field("4\"a\\\\nb\""), "4\"a\\nb\"");
}
