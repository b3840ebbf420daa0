//! Letters to several servers, each with ids of its own.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::Client;
use crate::plugins::Omega;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server, its URL, and two clients, whose sparks are called `name-0` and `name-1`.
fn server(name: &'static str) -> (Primus, String, [Client; 2]) {
    let count = AtomicUsize::new(0);
    let id = move |_: &_| format!("{name}-{}", count.fetch_add(1, Ordering::Relaxed));
    let builder = Primus::builder().id_generator(id).plugin(Omega::new("omega", "a secret"));
    let primus = builder.build().unwrap();
    let url = format!("http://{}", primus.listen("127.0.0.1:0").unwrap());
    let clients = [(), ()].map(|()| {
        let client = Client::connect(&url).unwrap();
        client.id(PATIENCE).unwrap();
        client
    });
    (primus, url, clients)
}

/// What each has got, in order, and that there is nothing more before the last.
fn got(primus: &Primus, clients: &[Client; 2]) -> [Vec<String>; 2] {
    primus.write_here("the last").unwrap();
    clients.each_ref().map(|client| {
        let next = || client.recv_timeout(PATIENCE).unwrap().as_str().unwrap().to_owned();
        std::iter::from_fn(|| Some(next()).filter(|text| text != "the last")).collect()
    })
}

fn letter(server: &str, ids: &[&str]) -> (String, Vec<String>) {
    (server.to_owned(), ids.iter().map(|id| (*id).to_owned()).collect())
}

#[test]
fn each_server_is_asked_for_the_ids_that_are_named_with_it() {
    let ((here, _, at_here), (one, one_url, at_one), (other, other_url, at_other)) =
        (server("here"), server("one"), server("other"));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}");
    let letters = vec![
        letter("", &["here-0", "gone"]),
        // One has come here meanwhile, and one is not where it should be.
        letter(&one_url, &["one-1", "here-1", "other-0", "one-1"]),
        letter(&other_url, &["other-1"]),
        letter(&closed, &["lost"]),
        // Nobody is left to be asked for.
        letter("http://127.0.0.1:1", &["here-0"]),
        letter("http://127.0.0.1:1", &[]),
    ];
    let done = forward_each(&here, letters, "x").unwrap();
    assert_eq!((done.local, done.remote), (3, 3));
    assert_eq!(done.taken, [(one_url, 2), (other_url, 1)]);
    let failed: Vec<_> = done.failed.iter().map(|(server, _)| server.as_str()).collect();
    assert_eq!(failed, [&*closed]);
    let x = |count: usize| vec!["x".to_owned(); count];
    assert_eq!(got(&here, &at_here), [x(2), x(1)]);
    assert_eq!(got(&one, &at_one), [x(0), x(2)]);
    assert_eq!(got(&other, &at_other), [x(0), x(1)]);
    assert_eq!(forward_each(&here, Vec::new(), "x").unwrap().total(), 0);

    let done = forward_elsewhere(&here, vec![letter(&closed, &[]).0], "x").unwrap();
    assert_eq!((done.local, done.failed.len()), (0, 1));
    for primus in [&here, &one, &other] {
        primus.destroy(Default::default());
    }
    assert!(matches!(forward_each(&here, Vec::new(), "x"), Err(Error::Closed)));
}

#[test]
fn without_the_plugin_or_words_for_it_nothing_is_written() {
    let plain = Primus::builder().build().unwrap();
    assert!(matches!(forward_each(&plain, Vec::new(), "x"), Err(Error::Misuse(_))));
    plain.destroy(Default::default());
    let (here, _, at_here) = server("here");
    let nothing = crate::Value::Undefined;
    let error = forward_each(&here, vec![letter("", &["here-0"])], &nothing).unwrap_err();
    assert!(matches!(error, Error::Parser(_)), "{error}");
    assert_eq!(got(&here, &at_here), [Vec::<String>::new(), Vec::new()]);
    here.destroy(Default::default());
}
