//! The client behind a load balancer that tells by a cookie which server has
//! the session.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use primus::{Client, Destroy, Error, Primus};

use crate::server::SOON;

fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    String::from_utf8(head).ok()
}

/// Carries one request to the server that its cookie names. Without one, as bad
/// luck has it: to another server than the handshake.
fn carry(mut client: TcpStream, servers: [SocketAddr; 2]) -> Option<()> {
    let request = head(&mut client)?;
    let named = request.find("SRV=").and_then(|at| request[at + 4..].chars().next()?.to_digit(10));
    let at = named.map_or(usize::from(request.contains("sid=")), |digit| digit as usize) % 2;
    let mut server = TcpStream::connect(servers[at]).ok()?;
    // One request a connection, lest it be known by that.
    let upgrades = request.contains("Upgrade: websocket");
    let close = if upgrades { "\r\n\r\n" } else { "\r\nConnection: close\r\n\r\n" };
    server.write_all(request.replace("\r\n\r\n", close).as_bytes()).ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Write)
    });
    let cookie = format!("\r\nSet-Cookie: SRV={at}; Path=/\r\n\r\n");
    let answer = head(&mut server)?.replace("\r\n\r\n", &cookie);
    client.write_all(answer.as_bytes()).ok()?;
    let _ = std::io::copy(&mut server, &mut client);
    client.shutdown(Shutdown::Both).ok()
}

/// A load balancer, which ends with the process.
fn balancer(servers: [SocketAddr; 2]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || carry(stream, servers));
        }
    });
    address
}

#[test]
fn a_cookie_keeps_a_session_with_its_server() {
    let server = || {
        let primus = Primus::builder().transformer("engine.io").build().unwrap();
        primus.on_connection(|spark| {
            spark.on_data(|spark, message| spark.write_frame(message.frame()));
        });
        let address = primus.listen("127.0.0.1:0").unwrap();
        (primus, address)
    };
    let (one, two) = (server(), server());
    let address = balancer([one.1, two.1]);
    let builder = Client::builder(&format!("http://{address}")).transformer("engine.io");
    for transports in ["polling", "polling,websocket"] {
        let builder = builder.clone().transport("transports", transports).strategy("off");
        let sticky = builder.clone().transport("withCredentials", "true");
        for _ in 0..5 {
            let client = sticky.clone().connect().unwrap();
            for n in 0..20 {
                client.write(&n).unwrap();
                assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u32>().unwrap(), n);
            }
            client.end();
            assert!(client.wait_end(SOON));
        }
        // Without it, the second request asks the other server.
        let lost = builder.connect().and_then(|client| client.recv_timeout(SOON));
        match lost.unwrap_err() {
            Error::Ended(why) => assert!(why.text.contains("`withCredentials`"), "{why}"),
            other => panic!("{other}"),
        }
    }
    for (primus, _) in [one, two] {
        primus.destroy(Destroy::default().timeout(Duration::from_millis(100)));
    }
}
