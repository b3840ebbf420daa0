'use strict';

//
// A client for a server with several transformers: which it speaks, and what it does
// where something between the two breaks one. Rules and cases are those of the Rust
// client, `tests/port/choice.rs`.
//

const assert = require('node:assert/strict');
const net = require('node:net');
const test = require('node:test');
const { connect, file, id, messages, next, servers, start, until, web } = require('./support');

const Several = require(file('several-json'));
const THREE = 'websockets,engine.io,sockjs';
// Time enough for a busy machine.
const transport = { sockjs: { timeout: 8000 } };
const timeout = 60000;

const upgrades = (head) => /upgrade: websocket/i.test(head);

// A proxy. `judge(head)` says what becomes of a connection whose first request this is:
// a number is an answer in the server's place, true passes it on, a text has it cut when
// that has come from the server, and nothing is said otherwise.
async function proxy(t, port, judge) {
  const sockets = new Set();
  const keep = (socket) => {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  const server = net.createServer((socket) => {
    let head = '';
    keep(socket).on('data', function first(data) {
      head += data.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', first);
      server.seen.push(head.split('\r\n')[0]);
      const fate = judge(head);
      if (typeof fate === 'number') return socket.end(`HTTP/1.1 ${fate} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      if (!fate) return;
      const behind = keep(net.connect(port, '127.0.0.1'));
      behind.write(Buffer.from(head, 'latin1'));
      socket.pipe(behind);
      let came = '';
      behind.on('data', (answer) => {
        socket.write(answer);
        came += answer.toString('latin1');
        if (typeof fate === 'string' && came.includes(fate)) socket.destroy();
      }).on('close', () => socket.destroy());
      socket.on('close', () => behind.destroy());
    });
  });
  server.seen = [];
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });
  server.url = `http://127.0.0.1:${server.address().port}`;
  return server;
}

async function by(client) {
  client.write('transformer');
  return (await messages(client, 1))[0];
}

for (const server of servers) for (const transformer of THREE.split(',')) {
  // The npm server of sockjs refuses a WebSocket where it has none, and its process dies
  // of the reset with which `ws` leaves then: it listens for no error of that socket.
  if (server === 'node' && transformer === 'sockjs') continue;

  test(`${server}: a server of ${transformer} alone is spoken to in that`, async (t) => {
    const { url } = await start(t, server, { transformer });
    const client = connect(t, Several, url, { transport, timeout });
    const got = messages(client, 3);
    [1, 'two', { three: '€' }].forEach((message) => client.write(message));
    assert.deepEqual(await got, [1, 'two', { three: '€' }]);
    const early = await id(client);
    client.write('id');
    assert.equal((await messages(client, 1))[0], early);
    client.write('reconnect');
    await next(client, 'reconnected');
    client.write(4);
    assert.deepEqual(await messages(client, 1), [4]);
    client.write('close');
    await next(client, 'end');
    assert.deepEqual(client.told.filter((event) => !/^reconnect/.test(event)), ['open', 'close', 'open', 'close', 'end']);
  });
}

test('the first of the list is spoken', async (t) => {
  const { url } = await start(t, 'rust', { transformer: THREE });
  const client = connect(t, Several, url);
  assert.equal(await by(client), 'websockets');
  // The library that it hands out has its list.
  const { url: other } = await start(t, 'rust', { transformer: 'sockjs,faye' });
  const text = await (await fetch(`${other}/primus/primus.js`)).text();
  const module = { exports: {}, require };
  new Function('module', 'exports', text)(module, module.exports);
  assert.equal(await by(connect(t, module.exports, other, { transport, timeout })), 'sockjs');
});

test('without WebSockets, where the application wants none, the next is spoken', async (t) => {
  const { url } = await start(t, 'rust', { transformer: THREE });
  const client = connect(t, Several, url, { websockets: false });
  assert.equal(await by(client), 'engine.io');
  assert.equal(client.socket.transport.name, 'polling');
});

test('one that a proxy refuses is followed by the next, within the attempt', async (t) => {
  const { port } = await start(t, 'rust', { transformer: THREE });
  const refusing = await proxy(t, port, (head) => (upgrades(head) ? 502 : true));
  const client = connect(t, Several, refusing.url);
  assert.equal(await by(client), 'engine.io');
  assert.deepEqual(client.told, ['open']);
  // After a loss the one that worked is first.
  client.write('reconnect');
  await next(client, 'reconnected');
  assert.equal(await by(client), 'engine.io');
  assert.equal(refusing.seen.filter((line) => line.startsWith('GET /primus?')).length, 1);

  const both = await proxy(t, port, (head) => (upgrades(head) || /EIO=/.test(head) ? 404 : true));
  assert.equal(await by(connect(t, Several, both.url, { transport, timeout })), 'sockjs');
});

test('one that a proxy swallows has its share of the time', async (t) => {
  const { port } = await start(t, 'rust', { transformer: THREE });
  const swallowing = await proxy(t, port, (head) => !upgrades(head));
  const begun = performance.now();
  const client = connect(t, Several, swallowing.url, { timeout: 9000 });
  await next(client, 'open');
  const took = performance.now() - begun;
  assert.ok(took > 2900 && took < 9000, `${took} ms`);
  assert.equal(await by(client), 'engine.io');
});

test('one that is cut behind its handshake is tried last the next time', async (t) => {
  const { port } = await start(t, 'rust', { transformer: THREE });
  const cutting = await proxy(t, port, (head) => !upgrades(head) || /EIO=/.test(head) || 'Sec-WebSocket-Accept');
  const client = connect(t, Several, cutting.url);
  await next(client, 'reconnected');
  assert.equal(await by(client), 'engine.io');
  assert.equal(cutting.seen.filter((line) => line.startsWith('GET /primus?')).length, 1);
});

test('who is refused is refused for all', async (t) => {
  const { port } = await start(t, 'rust', { transformer: THREE, args: ['--authorization', 'me:pw'] });
  const passing = await proxy(t, port, () => true);
  const client = connect(t, Several, passing.url);
  const [error] = await next(client, 'error');
  assert.equal(error.status, 401);
  await until('it has ended', () => client.told.includes('end'));
  assert.deepEqual(client.told, ['error', 'close', 'end']);
  assert.equal(passing.seen.length, 1);
});

test('that all have failed is told with why', async (t) => {
  const server = await web(t, (request, response) => response.writeHead(/EIO/.test(request.url) ? 500 : 503).end());
  const client = connect(t, Several, server.url, { strategy: false });
  const [error] = await next(client, 'error');
  for (const part of ['No transformer could be opened', 'websockets: ', 'engine.io: ', 'sockjs: ', '500', '503']) {
    assert.ok(error.message.includes(part), error.message);
  }
  await until('it has ended', () => client.told.includes('end'));
  assert.deepEqual(client.told, ['error', 'close', 'end']);
  const none = await web(t, (request, response) => response.writeHead(404).end());
  const [alike] = await next(connect(t, Several, none.url, { strategy: false }), 'error');
  assert.equal(alike.status, 404);
});

test('what is ended while it is tried goes no further, and what is opened again begins anew', async (t) => {
  const { port } = await start(t, 'rust', { transformer: THREE });
  let pass = false;
  const holding = await proxy(t, port, () => pass);
  const client = connect(t, Several, holding.url);
  await until('a request', () => holding.seen.length === 1);
  client.end();
  assert.deepEqual(client.told, ['close', 'end']);
  pass = true;
  client.open();
  assert.equal(await by(client), 'websockets');
  assert.equal(holding.seen.length, 2);
});

test('the address that is asked for can be changed for each', async (t) => {
  const { port } = await start(t, 'rust', { transformer: THREE });
  const refusing = await proxy(t, port, (head) => (upgrades(head) ? 502 : true));
  const client = connect(t, Several, refusing.url);
  const told = [];
  client.on('outgoing::url', (options) => {
    told.push(options.protocol);
    options.query += '&added=1';
  });
  await next(client, 'open');
  assert.deepEqual(told.slice(0, 2), ['ws:', 'http:']);
  assert.ok(refusing.seen.every((line) => line.includes('added=1')), `${refusing.seen}`);
});
