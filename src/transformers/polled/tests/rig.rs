//! A server that serves nothing, a spark, and a client, with a session between.

use super::*;

/// A spark: what waits for its client is locked as an outbox is.
pub(super) struct Spark {
    pub(super) live: OnceLock<Arc<Live<Pretend>>>,
    waiting: Lock<Vec<u8>, rank::Outbox>,
    pub(super) died: Lock<Option<CloseReason>>,
}

/// What fits into the spark's outbox.
const BOUND: usize = 100;

impl Spark {
    pub(super) fn put(&self, put: impl FnOnce(&mut Vec<u8>)) {
        let mut waiting = self.waiting.lock();
        put(&mut waiting);
        let live = self.live.get().expect("a session");
        if !waiting.is_empty() && live.offer(&[IoSlice::new(&waiting)]).expect("it goes on") {
            waiting.clear();
        }
    }

    pub(super) fn write(&self, text: &str) {
        self.put(|waiting| Records.encode(&Frame::text(text), waiting));
    }

    pub(super) fn end(&self) {
        let reason = CloseReason::new(Ended::Local, 1000, "", true);
        self.put(|waiting| Records.close(&reason, waiting));
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.lock().len()
    }
}

impl Carried for Spark {
    fn writable(&self) {
        self.put(|_| ());
    }
    fn packet(&self, packet: &str, _: bool) {
        self.put(|waiting| Records.packet(packet, waiting));
    }
    fn switch(&self, _: Arc<Stream>, _: &'static dyn Wire) {}
    fn give_way(&self) {}
    fn bound(&self) -> usize {
        BOUND
    }
    fn die(&self, reason: CloseReason) {
        let _free = self.waiting.lock();
        *self.died.lock() = Some(reason);
    }
    fn busy(&self) -> (bool, u64) {
        (false, 0)
    }
}

/// A session, and what it is between.
pub(super) struct Rig {
    pub(super) clock: ManualClock,
    pub(super) host: Arc<Nobody>,
    pub(super) sessions: Arc<Sessions<Live<Pretend>>>,
    pub(super) live: Arc<Live<Pretend>>,
    pub(super) spark: Arc<Spark>,
}

impl Rig {
    pub(super) fn new(rules: Rules) -> Self {
        let clock = ManualClock::new();
        let timer = Timer::start(Clock::Manual(clock.clone()), "timer", 64 << 10).unwrap();
        let host = Arc::new(Nobody::new(timer));
        let any: Arc<dyn Host> = host.clone();
        let sessions = Arc::<Sessions<Live<Pretend>>>::default();
        let machine = || Pretend::new(rules, clock.now());
        let id = || ("pretend".to_owned(), true);
        let live = Live::open(&sessions, &any, id(), machine(), ()).ok().expect("a new id");
        let other = Live::open(&sessions, &any, id(), machine(), ()).err();
        assert!(Arc::ptr_eq(&other.expect("a known id"), &live));
        let spark = Arc::new(Spark {
            live: OnceLock::new(),
            waiting: Lock::default(),
            died: Lock::default(),
        });
        assert!(spark.live.set(live.clone()).is_ok());
        live.opened(spark.clone());
        Rig { clock, host, sessions, live, spark }
    }

    pub(super) fn is_open(&self) -> bool {
        self.sessions.find("pretend").is_some()
    }

    /// A request of the client's.
    pub(super) fn request(&self) -> Client {
        let (near, far) = UnixStream::pair().unwrap();
        let mut client = Client { connection: None, far };
        client.far.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let accepted = Accepted::new(Arc::new(near.into()));
        let mut connection = Connection::new(accepted, Arc::new(Limits::default()));
        assert!(matches!(connection.next_request(), Next::Request(_)));
        client.connection = Some(connection);
        client
    }

    pub(super) fn receive(
        &self,
        receiver: impl FnOnce(Held) -> Receiver<(&'static str, &'static str)>,
        streams: bool,
    ) -> Result<Client, &'static str> {
        let mut client = self.request();
        let connection = client.connection.as_mut().unwrap();
        let input = Happened::Receiver { streams };
        serve::receive(&self.live, connection, &HeaderSet::default(), receiver, input)?;
        Ok(client)
    }

    pub(super) fn poll(&self) -> Result<Client, &'static str> {
        self.receive(|held| Receiver::poll(held, ("", "")), false)
    }

    /// A broadcast; whether it is taken.
    pub(super) fn cast(&self, text: &str, cast: &Cast) -> bool {
        let mut records = Vec::new();
        Records.encode(&Frame::text(text), &mut records);
        self.live.offer_shared(&records, cast).expect("it goes on")
    }

    /// A stream that ends when it has got so many bytes.
    pub(super) fn stream(&self, limit: Option<usize>) -> Result<Client, &'static str> {
        self.stream_as(("<", ">"), limit)
    }

    /// A stream of this shape.
    pub(super) fn stream_as(
        &self,
        shape: (&'static str, &'static str),
        limit: Option<usize>,
    ) -> Result<Client, &'static str> {
        let stream = |held: Held| {
            let mut to = held.begin(200, &[("Content-Type", "text/stream")]);
            to.chunk(b"prelude;");
            Receiver::stream(to, Limit(limit), shape)
        };
        self.receive(stream, true)
    }
}

/// The client's end of a request.
pub(super) struct Client {
    pub(super) connection: Option<Connection>,
    pub(super) far: UnixStream,
}

impl Client {
    /// What has come since it was last asked.
    pub(super) fn got(&mut self) -> String {
        self.far.set_nonblocking(true).unwrap();
        let mut got = Vec::new();
        let _ = self.far.read_to_end(&mut got);
        String::from_utf8(got).unwrap()
    }

    /// The body of the answer that has come.
    #[track_caller]
    pub(super) fn body(&mut self) -> String {
        let got = self.got();
        let (head, body) = got.split_once("\r\n\r\n").unwrap_or_else(|| panic!("got {got:?}"));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        body.to_owned()
    }

    /// The server has seen that the client is gone.
    pub(super) fn leave(mut self) {
        drop(self.connection.take());
    }
}
