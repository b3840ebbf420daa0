use super::*;

#[test]
fn a_server_answers_the_first_offer_that_makes_sense() {
    let ours = Compression::default();
    let keeps = ours.clone().server_context_takeover(true).client_context_takeover(true);
    let narrow = ours.clone().server_max_window_bits(12).client_max_window_bits(11);
    let none = "server_no_context_takeover; client_no_context_takeover";
    let table = [
        (&ours, "permessage-deflate", Some(none)),
        (&ours, "permessage-deflate; client_max_window_bits", Some(none)),
        (
            &ours,
            "Permessage-Deflate;client_max_window_bits=10",
            Some(
                "server_no_context_takeover; client_no_context_takeover; client_max_window_bits=10",
            ),
        ),
        (
            &ours,
            "permessage-deflate; server_max_window_bits=\"9\"",
            Some(
                "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
            ),
        ),
        (
            &ours,
            "permessage-deflate; server_max_window_bits=15",
            Some(
                "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15",
            ),
        ),
        (&keeps, "permessage-deflate", Some("")),
        (
            &keeps,
            "permessage-deflate; server_no_context_takeover",
            Some("server_no_context_takeover"),
        ),
        (
            &keeps,
            "permessage-deflate; client_no_context_takeover",
            Some("client_no_context_takeover"),
        ),
        (
            &narrow,
            "permessage-deflate",
            Some(
                "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
            ),
        ),
        (
            &narrow,
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            Some(
                "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11",
            ),
        ),
        (
            &narrow,
            "permessage-deflate; client_max_window_bits=9; server_max_window_bits=14",
            Some(
                "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=9",
            ),
        ),
        // Several: the first that can be understood.
        (
            &keeps,
            "permessage-deflate; x=1, permessage-deflate; server_no_context_takeover, permessage-deflate",
            Some("server_no_context_takeover"),
        ),
        (
            &keeps,
            "x-webkit-deflate-frame, foo; a=\"b, permessage-deflate; \\\", c\", permessage-deflate",
            Some(""),
        ),
        // Declined.
        (&ours, "", None),
        (&ours, "foo", None),
        (&ours, ",,;,", None),
        (&ours, "permessage-deflate; unknown", None),
        (&ours, "permessage-deflate;", None),
        (&ours, "permessage-deflate; server_max_window_bits", None),
        (&ours, "permessage-deflate; server_max_window_bits=16", None),
        (&ours, "permessage-deflate; server_max_window_bits=7", None),
        (&ours, "permessage-deflate; server_max_window_bits=010", None),
        (&ours, "permessage-deflate; server_max_window_bits=+9", None),
        (&ours, "permessage-deflate; server_max_window_bits=\"9", None),
        (&ours, "permessage-deflate; client_max_window_bits=", None),
        (&ours, "permessage-deflate; client_max_window_bits=99999999999", None),
        (&ours, "permessage-deflate; server_no_context_takeover=1", None),
        (&ours, "permessage-deflate; client_no_context_takeover; client_no_context_takeover", None),
        (&ours, "permessage-deflate; client_max_window_bits; client_max_window_bits=10", None),
        (&ours, "\"permessage-deflate", None),
    ];
    for (ours, offer, expected) in table {
        let said = answer(offer, ours).map(|(_, said)| said);
        let expected = expected.map(|parameters| match parameters {
            "" => "permessage-deflate".to_owned(),
            _ => format!("permessage-deflate; {parameters}"),
        });
        assert_eq!(said, expected, "{offer}");
        // Nothing of ours is said that a client may not take.
        assert!(said.is_none_or(|said| !said.contains("client_max_window_bits;")));
    }
    let (agreed, _) = answer("permessage-deflate; server_max_window_bits=10", &keeps).unwrap();
    assert!(agreed.send_takeover && agreed.receive_takeover && agreed.send_bits == 10);
}

#[test]
fn a_client_takes_what_it_has_offered_and_nothing_else() {
    let ours = Compression::default();
    let keeps = ours.clone().server_context_takeover(true).client_context_takeover(true);
    let narrow = keeps.clone().server_max_window_bits(12).client_max_window_bits(11);
    let all = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
               client_max_window_bits";
    assert_eq!(offer(&ours), all);
    assert_eq!(offer(&keeps), "permessage-deflate; client_max_window_bits");
    let said = "permessage-deflate; server_max_window_bits=12; client_max_window_bits=11";
    assert_eq!(offer(&narrow), said);
    // With what they send by: whether messages refer to others, and the window.
    for (ours, said, sends) in [
        (&ours, "permessage-deflate; server_no_context_takeover", (false, 15)),
        (
            &ours,
            "permessage-deflate; server_no_context_takeover; client_max_window_bits=9",
            (false, 9),
        ),
        (
            &ours,
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=8",
            (false, 15),
        ),
        (&keeps, "permessage-deflate", (true, 15)),
        (&keeps, "permessage-deflate; client_no_context_takeover", (false, 15)),
        (&narrow, "permessage-deflate; server_max_window_bits=9", (true, 11)),
    ] {
        let agreed = accepted(said, ours).unwrap();
        assert_eq!((agreed.send_takeover, agreed.send_bits), sends, "{said}");
    }
    // A server that has not heard what was asked of it is understood all the same.
    let agreed = accepted("permessage-deflate", &ours).unwrap();
    assert!(agreed.receive_takeover && !agreed.send_takeover);
    for (ours, said) in [
        (&ours, "foo"),
        (&ours, "permessage-deflate; server_no_context_takeover; x"),
        (&ours, "permessage-deflate; server_no_context_takeover, foo"),
        (
            &ours,
            "permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover",
        ),
        (&keeps, "permessage-deflate; client_max_window_bits"),
        (&keeps, "permessage-deflate; server_max_window_bits=16"),
        (&narrow, "permessage-deflate"),
        (&narrow, "permessage-deflate; server_max_window_bits=13"),
        (&narrow, "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"),
    ] {
        accepted(said, ours).unwrap_err();
    }
    // What our server says, our client takes.
    for (server, client) in [(&ours, &keeps), (&keeps, &ours), (&narrow, &narrow), (&ours, &narrow)]
    {
        let (theirs, said) = answer(&offer(client), server).unwrap();
        let mine = accepted(&said, client).unwrap();
        assert_eq!(mine.send_takeover, theirs.receive_takeover, "{said}");
        assert_eq!(mine.receive_takeover, theirs.send_takeover, "{said}");
    }
}
