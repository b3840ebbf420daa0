//! Plugins, and the names that they may not take.

use std::sync::{Arc, Mutex};

use primus::{BoxError, Error, Plugin, Primus, Spark};

use crate::common::*;

struct Counting(Arc<Mutex<Vec<&'static str>>>);

impl Plugin for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        self.0.lock().unwrap().push("server");
        primus.on_connection(|spark| spark.write("from the plugin").map(drop));
        Ok(())
    }

    fn plugout(&self, _: &Primus) {
        self.0.lock().unwrap().push("plugout");
    }
}

#[test]
fn plugins_come_and_go() {
    let calls: Arc<Mutex<Vec<&str>>> = Arc::default();
    let server = Server::start(Primus::builder());
    let events = calls.clone();
    server.primus.on_plugin(move |name| {
        assert_eq!(name, "counting");
        events.lock().unwrap().push("plugin event");
    });
    let events = calls.clone();
    server.primus.on_plugout(move |_| events.lock().unwrap().push("plugout event"));
    server.primus.add_plugin(Counting(calls.clone())).unwrap();
    assert!(matches!(server.primus.add_plugin(Counting(calls.clone())), Err(Error::Option(_))));
    assert_eq!(server.primus.plugins(), ["counting"]);
    assert_eq!(server.open().expect_text(), "\"from the plugin\"");
    assert!(server.primus.plugout("counting") && !server.primus.plugout("counting"));
    assert_eq!(*calls.lock().unwrap(), ["server", "plugin event", "plugout", "plugout event"]);
}

#[test]
fn reserved_names_and_handles() {
    assert!(Primus::reserved("connection") && Primus::reserved("incoming::x"));
    assert!(!Primus::reserved("message"));
    assert!(Spark::reserved("data") && !Spark::reserved("chat"));
}
