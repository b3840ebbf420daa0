//! A transformer of your own: lines of text over TCP, for `nc` and `telnet`, beside
//! everything that browsers speak. What anybody says, everybody hears.
//!
//! ```console
//! $ cargo run --example lines
//! open http://127.0.0.1:8080, or: nc 127.0.0.1 7000
//! $ nc 127.0.0.1 7000
//! say something
//! hello
//! hello
//! ```

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::{env, thread};

use primus::parsers::NoPeer;
use primus::tiny_http::{Header, Response};
use primus::transformers::{
    CustomTransformer, Inbound, Opened, Replies, Source, Waker, Wire, read_or_woken,
};
use primus::{BoxError, CloseReason, Ended, Frame, Parser, Primus, Stream};

/// Lines of UTF-8. A line is a message that is a string; a message that is none goes
/// out as JSON.
struct Lines;

impl CustomTransformer for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn takes_bytes(&self) -> bool {
        false
    }

    fn open(&self, stream: &Arc<Stream>, max_length: usize) -> Result<Opened, BoxError> {
        let reader = Reader {
            stream: stream.clone(),
            bytes: Vec::new(),
            searched: 0,
            max_length,
            over: false,
        };
        Ok(Opened::new(reader, &Writer).greeting("say something\n"))
    }
}

/// The way in.
struct Reader {
    stream: Arc<Stream>,
    /// What was received and is not handed on.
    bytes: Vec<u8>,
    /// So much of it has no end of a line.
    searched: usize,
    max_length: usize,
    over: bool,
}

impl Reader {
    /// Where the first line ends, if it does.
    fn end(&mut self) -> Option<usize> {
        let end = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
        let end = end.map(|at| self.searched + at);
        self.searched = end.unwrap_or(self.bytes.len());
        end
    }

    /// The client broke the rules: what comes from it is of no interest any more.
    fn breach(&mut self, code: u16, text: &str) -> Inbound {
        (self.over, self.bytes, self.searched) = (true, Vec::new(), 0);
        Inbound::Closed(CloseReason::new(Ended::Protocol, code, text, true))
    }
}

impl Source for Reader {
    fn buffered(&mut self, _: &dyn Replies) -> Option<Inbound> {
        let end = self.end();
        if end.unwrap_or(self.bytes.len()) > self.max_length {
            return Some(self.breach(1009, "the line is too long"));
        }
        let mut line: Vec<u8> = self.bytes.drain(..=end?).collect();
        self.searched = 0;
        line.pop();
        line.pop_if(|last| *last == b'\r');
        let Ok(line) = String::from_utf8(line) else {
            return Some(self.breach(1007, "the line is not UTF-8"));
        };
        // What parser the server has is JSON.
        match Parser::JSON.encode(&line, &NoPeer) {
            Ok(Some(frame)) => Some(Inbound::Frame(frame)),
            _ => Some(Inbound::Alive),
        }
    }

    fn has_more(&mut self) -> bool {
        self.end().is_some()
    }

    fn wait(&mut self, waker: Option<&Waker>) -> io::Result<bool> {
        let mut room = [0; 2048];
        let read = read_or_woken(&self.stream, &mut room, waker)?;
        if !self.over {
            self.bytes.extend_from_slice(&room[..read.unwrap_or(0)]);
        }
        Ok(read != Some(0))
    }
}

/// The way out.
struct Writer;

impl Wire for Writer {
    fn format(&self) -> &'static str {
        "lines"
    }

    fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        let text = match Parser::JSON.decode_as::<String>(frame, &NoPeer) {
            Ok(text) => text.replace(['\r', '\n'], " "),
            Err(_) => frame.as_text().unwrap_or_default().to_owned(),
        };
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    }

    fn close(&self, _: &CloseReason, _: &mut Vec<u8>) {}

    /// There is no line that says goodbye: the end of the stream does.
    fn hangs_up(&self) -> bool {
        true
    }

    /// People are slow to answer pings.
    fn has_heartbeat(&self) -> bool {
        false
    }
}

const PAGE: &str = "\
<!doctype html>
<title>lines</title>
<form><input autofocus> <button>Say it</button></form>
<pre></pre>
<script src=\"/primus/primus.js\"></script>
<script>
  const primus = new Primus();
  primus.on('data', message => document.querySelector('pre').append(message, '\\n'));
  document.querySelector('form').onsubmit = event => {
    event.preventDefault();
    primus.write(document.querySelector('input').value);
  };
</script>
";

fn main() -> primus::Result<()> {
    let mut arguments = env::args().skip(1);
    let web = arguments.next().unwrap_or("127.0.0.1:8080".into());
    let plain = arguments.next().unwrap_or("127.0.0.1:7000".into());

    let primus = Primus::builder().transformer("all").custom_transformer(Lines).build()?;
    primus.on_connection(|spark| {
        println!("{} came from {} by {}", spark.id(), spark.address(), spark.transformer());
        spark.on_data(|spark, message| spark.primus().write(message.value()));
        spark.on_end(|spark, _| println!("{} left", spark.id()));
    });
    primus.on_request(|_, _| {
        let html = Header::from_bytes("Content-Type", "text/html").expect("a header");
        Response::from_string(PAGE).with_header(html).boxed()
    });

    let listener = TcpListener::bind(&*plain)?;
    let plain = listener.local_addr()?;
    let server = primus.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // The server bounds how many there may be.
            if let Err(error) = server.serve_as("lines", stream) {
                println!("turned away: {error}");
            }
        }
    });
    let web = primus.listen(&*web)?;
    println!("open http://{web}, or: nc {} {}", plain.ip(), plain.port());
    primus.wait();
    Ok(())
}
