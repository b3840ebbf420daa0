'use strict';

//
// The JavaScript side of the plugins' tests, with the plugins of npm.
//
//   node npm.js server PLUGIN        prints `listening on http://HOST:PORT`
//   node npm.js client PLUGIN URL
//
// PLUGIN is emit, emitter, responder or mirage. Both roles do the same on a connection, as
// `serve` says, and print what comes.
//

const http = require('http');
const Primus = require('primus');

const [role, name, url] = process.argv.slice(2);

// The id of mirage comes by an event.
const plugin = name === 'mirage'
  ? { mirage: require('mirage'), emitter: require('primus-emitter') }
  : { [name]: require(`primus-${name}`) };

function say(what, values) {
  console.log(`${what} ${JSON.stringify(values)}`);
}

// Own listeners are there before anything is sent.
const serve = {
  emit(peer) {
    peer.on('echo', (...args) => peer.emit('echo', ...args));
    peer.emit('hello', 'from js', { n: 1 });
  },
  emitter(peer) {
    peer.on('add', (a, b, done) => done(a + b, 'sum'));
    peer.on('twice', (done) => {
      done(1);
      done(2);
    });
    peer.on('never', () => {});
    peer.on('news', (...args) => say('news', args));
    peer.on('end it', () => peer.end());
    peer.send('ask', 'q?', (...values) => say('acked', values));
  },
  responder(peer) {
    peer.on('request', (data, done) => {
      if (data === 'never') return;
      if (data === 'empty') return done();
      done({ got: data });
      done('twice');
    });
    peer.writeAndWait({ q: 1 }, (data) => say('answered', data));
  },
  mirage(peer) {
    say('mirage', peer.mirage);
  }
}[name];

if (role === 'server') {
  const server = http.createServer();
  const primus = new Primus(server, { transformer: 'websockets', plugin });
  primus.on('connection', serve);
  server.listen(0, '127.0.0.1', () => {
    console.log(`listening on http://127.0.0.1:${server.address().port}`);
  });
} else {
  const Socket = Primus.createSocket({ transformer: 'websockets', plugin });
  const client = new Socket(url);
  if (name === 'mirage') client.on('mirage', (id) => say('given', id));
  else client.on('open', () => serve(client));
  client.on('error', (error) => console.error(error));
}
