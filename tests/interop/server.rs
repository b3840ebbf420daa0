//! The servers under test: in this process, or the echo example in its own.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{env, io};

use primus::{Builder, CloseReason, Destroy, ManualClock, Message, Primus, Spark};

use crate::examples::example;
use crate::node::{Process, TEST_TIMEOUT};

/// A server in this process. It echoes every message, and is destroyed when
/// it is dropped.
pub struct Server {
    pub primus: Primus,
    address: SocketAddr,
    sparks: Receiver<Spark>,
    ended: Receiver<(Spark, CloseReason)>,
}

type Answer = fn(&Spark, &Message) -> primus::Result<()>;

fn echo(spark: &Spark, message: &Message) -> primus::Result<()> {
    spark.write_frame(message.frame()).map(drop)
}

impl Server {
    /// A server on a port of its own.
    pub fn start(builder: Builder) -> Server {
        Server::on(builder, bind("127.0.0.1:0".parse().unwrap()))
    }

    /// A server with an additional `connection` listener, before all others.
    pub fn start_with(
        builder: Builder,
        greet: impl Fn(&Spark) -> primus::Result<()> + Send + Sync + 'static,
    ) -> Server {
        let primus = builder.build().unwrap();
        primus.on_connection(greet);
        Server::run(primus, bind("127.0.0.1:0".parse().unwrap()), echo)
    }

    /// A server that decodes each message and encodes it again.
    pub fn start_decoding(builder: Builder) -> Server {
        Server::answering(builder, |spark, message| spark.write(message.value()).map(drop))
    }

    /// A server that does something else with messages.
    pub fn answering(builder: Builder, answer: Answer) -> Server {
        let listener = bind("127.0.0.1:0".parse().unwrap());
        Server::run(builder.build().unwrap(), listener, answer)
    }

    /// A server that listens where the one before it did.
    pub fn restart(builder: Builder, address: SocketAddr) -> Server {
        Server::on(builder, bind(address))
    }

    fn on(builder: Builder, listener: TcpListener) -> Server {
        Server::run(builder.build().unwrap(), listener, echo)
    }

    fn run(primus: Primus, listener: TcpListener, answer: Answer) -> Server {
        let (tell, sparks) = mpsc::channel();
        let (tell_ended, ended) = mpsc::channel();
        primus.on_connection(move |spark| {
            spark.on_data(answer);
            let tell_ended = tell_ended.clone();
            spark.on_end(move |spark, reason| {
                let _ = tell_ended.send((spark.clone(), reason.clone()));
            });
            let _ = tell.send(spark.clone());
        });
        let address = primus.listen_on(listener).unwrap();
        Server { primus, address, sparks, ended }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next spark that connected.
    #[track_caller]
    pub fn spark(&self) -> Spark {
        self.sparks.recv_timeout(TEST_TIMEOUT).expect("a connection")
    }

    /// The next spark that ended, and why.
    #[track_caller]
    pub fn ended(&self) -> (Spark, CloseReason) {
        self.ended.recv_timeout(TEST_TIMEOUT).expect("an end")
    }

    /// Moves the clock on until a spark ends: one whose input may lie unread is
    /// not judged.
    #[track_caller]
    pub fn advance_to_end(&self, clock: &ManualClock, step: Duration) -> CloseReason {
        let deadline = Instant::now() + TEST_TIMEOUT / 2;
        while Instant::now() < deadline {
            clock.advance(step);
            if let Ok((_, reason)) = self.ended.recv_timeout(Duration::from_millis(50)) {
                return reason;
            }
        }
        panic!("no spark ends");
    }

    /// Whether no spark has ended that was not told of.
    pub fn none_ended(&self) -> bool {
        self.ended.try_recv().is_err()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.primus.destroy(Destroy::default());
    }
}

/// Binds an address. One that was used just now may be somebody else's for a
/// moment, as the near end of a connection.
fn bind(address: SocketAddr) -> TcpListener {
    let deadline = Instant::now() + TEST_TIMEOUT / 2;
    loop {
        match TcpListener::bind(address) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                crate::common::pause(Duration::from_millis(20));
            }
            bound => return bound.unwrap(),
        }
    }
}

/// The echo example in a process of its own.
pub struct Example {
    pub process: Process,
    pub url: String,
}

impl Example {
    /// Starts it; on any free port unless the arguments say otherwise.
    pub fn start(args: &[&str]) -> Example {
        let port = if args.contains(&"--port") { [].as_slice() } else { &["--port", "0"] };
        let mut command = echo_command();
        let process = Process::spawn(command.args(port).args(args));
        let line = process.line();
        let url = line.strip_prefix("listening on ").expect("it tells where it listens");
        Example { url: url.to_owned(), process }
    }

    pub fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }
}

/// The echo example, or the server with its contract that the environment names:
/// a test that holds for the JavaScript one as well is right itself.
fn echo_command() -> Command {
    match env::var("PRIMUS_INTEROP_ECHO") {
        Ok(other) => {
            let mut words = other.split_whitespace();
            let mut command = Command::new(words.next().expect("a program"));
            command.args(words);
            command
        }
        Err(_) => Command::new(example("echo")),
    }
}
