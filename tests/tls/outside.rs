//! Other programs: OpenSSL, curl and Node.

use std::path::Path;
use std::process::{Command, Output};

use primus::Value;

use super::*;
use crate::common::node::{self, Process};

fn run(command: &mut Command) -> Output {
    let output = command.output();
    output.unwrap_or_else(|error| panic!("{command:?}: {error} (install it: openssl, curl)"))
}

/// The line of the README makes a certificate that all can use.
#[test]
fn the_line_of_the_readme_makes_a_certificate_that_works() {
    let readme = include_str!("../../README.md");
    let line = readme.split("```sh\n").find(|part| part.starts_with("openssl req")).unwrap();
    let line = line.split("```").next().unwrap();
    let folder = std::env::temp_dir().join(format!("primus-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let made = run(Command::new("sh").arg("-c").arg(line).current_dir(&folder));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let tls = Tls::from_pem_files("cert.pem", "key.pem").root(&folder);
    let server = Server::echo(Primus::builder().tls(tls));
    let trust = ClientTls::new().root(&folder).roots_file("cert.pem");
    client(server.addr).tls(trust).connect().unwrap();
    curl(&server, &folder.join("cert.pem"));
    std::fs::remove_dir_all(&folder).unwrap();
}

fn curl(server: &Server, ca: &Path) {
    for version in ["--tlsv1.3", "--tls-max"] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--cacert"]).arg(ca).arg(version);
        if version == "--tls-max" {
            curl.arg("1.2");
        }
        let output = run(curl.arg(format!("https://localhost:{}/primus/spec", server.addr.port())));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("\"transformer\":\"websockets\""), "{output:?}");
    }
}

#[test]
fn curl_is_served_in_both_versions() {
    curl(&Server::echo(builder()), &file("ca.pem"));
}

/// The Primus of Node as a client of ours, which trusts our authority.
#[test]
fn a_client_in_node_is_served() {
    if node::is_skipped() {
        return;
    }
    for transformer in ["websockets", "engine.io", "sockjs", "browserchannel"] {
        let server = Server::echo(builder().transformer(transformer));
        let script = r"
            const Primus = require('primus');
            const [, url, transformer] = process.argv;
            const Socket = Primus.createSocket({ transformer, parser: 'json' });
            const client = new Socket(url);
            client.on('error', (error) => console.log('error ' + error.message));
            client.on('open', () => client.write({ hello: 'x'.repeat(30000) }));
            client.on('data', (data) => { console.log(data.hello.length); client.end(); });
        ";
        let mut command = Command::new("node");
        command.env("NODE_EXTRA_CA_CERTS", file("ca.pem")).args(["-e", script]);
        command.arg(format!("https://localhost:{}", server.addr.port())).arg(transformer);
        let mut process = Process::spawn(command.current_dir(node::project("client-v8")));
        assert_eq!(process.line(), "30000", "{transformer}");
        assert!(process.wait(PATIENCE));
    }
}

/// Our own client in JavaScript, which the server hands out, under Node.
#[test]
fn our_client_in_node_is_served() {
    if node::is_skipped() {
        return;
    }
    for (transformer, transport) in [
        ("websockets", ""),
        ("engine.io", "polling,websocket"),
        ("engine.io", "polling"),
        ("sockjs", "websocket"),
        ("sockjs", "xhr-streaming"),
        ("sockjs", "xhr-polling"),
        ("socket.io", "websocket"),
        ("socket.io", "xhr-polling"),
    ] {
        let server = Server::echo(builder().transformer(transformer).compression(true));
        let script = r"
            const [, url, transport] = process.argv;
            fetch(url + '/primus/primus.js').then(answer => answer.text()).then(text => {
              const module = { exports: {}, require };
              new Function('module', 'exports', 'require', text)(module, module.exports, require);
              const Primus = module.exports.Primus ?? module.exports;
              const client = new Primus(url, { transport: transport ? { transports: transport.split(',') } : {} });
              client.on('error', (error) => console.log('error ' + error.message));
              client.on('open', () => client.write({ hello: 'x'.repeat(30000) }));
              client.on('data', (data) => { console.log(data.hello.length); client.end(); });
            }).catch(error => console.log(String(error), String(error.cause)));
        ";
        let mut command = Command::new("node");
        command.env("NODE_EXTRA_CA_CERTS", file("ca.pem")).args(["-e", script]);
        command.arg(format!("https://localhost:{}", server.addr.port())).arg(transport);
        let mut process = Process::spawn(command.current_dir(node::project("client-v8")));
        assert_eq!(process.line(), "30000", "{transformer} {transport}");
        assert!(process.wait(PATIENCE));
    }
}

/// Our client with Primus 8, on Node's own https server and on that of
/// `Primus.createServer`, which speaks TLS 1.2 at most.
#[test]
fn a_server_in_node_is_spoken_with() {
    if node::is_skipped() {
        return;
    }
    for (transformer, made) in
        [("websockets", "own"), ("engine.io", "own"), ("sockjs", "own"), ("websockets", "made")]
    {
        let script = r"
            const Primus = require('primus'), https = require('https'), fs = require('fs');
            const [, folder, transformer, made] = process.argv;
            const options = { transformer, parser: 'json' };
            let primus, server;
            if (made === 'made') {
              primus = Primus.createServer({ ...options, port: 0, root: folder,
                cert: 'server.pem', key: 'server.key', iknowhttpsisbetter: true });
              server = primus.server;
            } else {
              const read = (name) => fs.readFileSync(folder + '/' + name);
              server = https.createServer({ cert: read('server.pem'), key: read('server.key') });
              primus = new Primus(server, options);
              server.listen(0);
            }
            primus.on('connection', (spark) => spark.on('data', (data) => spark.write(data)));
            const tell = () => console.log(server.address().port);
            server.listening ? tell() : server.once('listening', tell);
        ";
        let mut command = Command::new("node");
        command.args(["-e", script]).arg(file("")).args([transformer, made]);
        let process = Process::spawn(command.current_dir(node::project("node-server")));
        let url = format!("https://localhost:{}", process.line());
        let client = Client::builder(&url).tls(trust()).transformer(transformer);
        let client = client.connect().unwrap_or_else(|e| panic!("{transformer} {made}: {e}"));
        for length in [1, 30_000, 200_000] {
            let value = Value::from("x".repeat(length));
            client.write(&value).unwrap();
            assert_eq!(client.recv_timeout(PATIENCE).unwrap().value(), &value, "{transformer}");
        }
        client.end();
        assert!(client.wait_end(PATIENCE));
    }
}
