'use strict';

//
// Servers that do what none should: an `error` or a reconnection comes of it, no
// exception and no rush of requests.
//

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const test = require('node:test');
const { connect, load, next, raw, thrown, until, wait, web } = require('./support');

const WebSockets = load('websockets');
const Engine = load('engine.io');
const all = { websockets: WebSockets, 'engine.io': Engine, sockjs: load('sockjs'), 'socket.io': load('socket.io') };

// A few attempts, then the end.
const BRIEF = { reconnect: { min: 10, max: 40, retries: 4 } };

function frame(opcode, payload) {
  const bytes = Buffer.from(payload);
  const head = bytes.length < 126 ? [bytes.length] : [126, bytes.length >> 8, bytes.length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head]), bytes]);
}

// Takes a WebSocket, and then does this with it.
function upgrade(socket, request, then) {
  const key = /sec-websocket-key: (\S+)/i.exec(request);
  if (!key) return;
  const accept = createHash('sha1').update(key[1] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  then(socket);
}

const answers = {
  'a page of HTML': (request, response) => response.end('<!doctype html><h1>Welcome</h1>'),
  'an error of its own': (request, response) => response.writeHead(503).end('<h1>503</h1>'),
  'a redirect to itself': (request, response) => response.writeHead(302, { location: request.url }).end(),
  'nothing at all': (request) => request.socket.destroy(),
  'an empty answer': (request, response) => response.end(),
  'an opening without a session': (request, response) => response.end('0{"sid":"","pingInterval":25000,"pingTimeout":20000}'),
  'an opening of the wrong kind': (request, response) => response.end('0{"sid":{"a":1},"pingInterval":"x","pingTimeout":-1,"upgrades":7}'),
  'an opening that is null': (request, response) => response.end('0null'),
  'an opening that is no JSON': (request, response) => response.end('0{'),
  'a message before the opening': (request, response) => response.end('4"hello"'),
  'another protocol': (request, response) => response.end('1:::')
};

for (const [name, Primus] of Object.entries(all)) for (const [what, answer] of Object.entries(answers)) {
  test(`${name}: a server that answers with ${what} is given up after the retries`, async (t) => {
    const server = await web(t, answer);
    const client = connect(t, Primus, server.url, BRIEF);
    const [error] = await next(client, 'error');
    assert.ok(error instanceof Error && error.message, error);
    await next(client, 'end');
    assert.deepEqual(client.told.slice(-2), ['reconnect failed', 'end']);
    // Four transports may be tried after the server told what it has.
    const most = 'sockjs' === name ? 25 : 5;
    assert.ok(server.count >= 5 && server.count <= most, `${server.count} requests`);
  });
}

for (const [name, Primus] of Object.entries(all)) {
  test(`${name}: a server that never answers is given up in time`, async (t) => {
    const server = await raw(t, () => {});
    const client = connect(t, Primus, server.url, { ...BRIEF, timeout: 500, reconnect: { ...BRIEF.reconnect, 'reconnect timeout': 500 } });
    await next(client, 'end');
    assert.deepEqual(client.told.slice(0, 2), ['timeout', 'reconnect scheduled']);
    // `fetch` may connect once more for a request that is given up just then.
    const most = Primus === WebSockets ? 5 : 10;
    assert.ok(server.count <= most, `${server.count} connections`);
  });

  test(`${name}: a port where nobody listens is given up after the retries`, async (t) => {
    const client = connect(t, Primus, 'http://127.0.0.1:1', BRIEF);
    await next(client, 'end');
    assert.deepEqual(client.told.filter((event) => 'reconnect' === event).length, 4);
  });

  test(`${name}: without a strategy one refusal is the end`, async (t) => {
    const server = await web(t, answers['an error of its own']);
    const client = connect(t, Primus, server.url, { strategy: false });
    await next(client, 'end');
    assert.deepEqual(client.told, ['error', 'close', 'end']);
    assert.equal(server.count, 1);
  });
}

test('a connection that is lost at once, each time, is as good as none', async (t) => {
  const server = await raw(t, (socket, request) => upgrade(socket, request, () => socket.end()));
  // One that stands for as long as was waited for it would count.
  const client = connect(t, WebSockets, server.url, { reconnect: { min: 300, max: 300, retries: 4 } });
  await next(client, 'end');
  assert.equal(client.told.at(-2), 'reconnect failed');
  assert.equal(server.count, 5);
});

const frames = {
  'text that does not parse': frame(1, '{"a":'),
  'bytes': frame(2, [1, 2, 3]),
  'empty text': frame(1, ''),
  'a message of Primus without end': frame(1, '"primus::"'),
  'a ping without a number': frame(1, '"primus::ping::<b>"'),
  'an id nobody asked for': frame(1, '"primus::id::x"'),
  'keys of every object': frame(1, '{"__proto__":{"polluted":1},"constructor":1}'),
  'lists in lists': frame(1, '['.repeat(3000))
};

for (const [what, bytes] of Object.entries(frames)) {
  test(`websockets: ${what}, a thousand times, disturbs nothing`, async (t) => {
    const server = await raw(t, (socket, request) => upgrade(socket, request, () => {
      for (let n = 0; n < 1000; n++) socket.write(bytes);
      socket.write(frame(1, '"last"'));
    }));
    const client = connect(t, WebSockets, server.url);
    const last = new Promise((done) => client.on('data', (data) => 'last' === data && done()));
    await last;
    assert.equal(client.readyState, WebSockets.OPEN);
    assert.equal({}.polluted, undefined);
    assert.ok(client.told.every((event) => 'open' === event || 'error' === event));
  });
}

test('websockets: frames that break the protocol end the connection, which comes back', async (t) => {
  for (const bytes of [Buffer.from([0x83, 0]), Buffer.from([0xc1, 0]), Buffer.from([0x81, 0x80, 0, 0, 0, 0]), frame(1, [0xff, 0xfe]), frame(8, [0, 1])]) {
    const server = await raw(t, (socket, request) => upgrade(socket, request, () => socket.write(bytes)));
    const client = connect(t, WebSockets, server.url);
    await next(client, 'reconnected');
    client.destroy();
  }
});

const SESSION = '0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}';

// A session whose polls get this answer.
function polled(answer) {
  return (request, response, count) => {
    const fresh = !/sid=/.test(request.url);
    if ('POST' === request.method) return request.resume().on('end', () => response.end('ok'));
    if (fresh) response.end(SESSION);
    else answer(request, response, count);
  };
}

test('engine.io: a server with nothing to say, at once, is not asked without a pause', async (t) => {
  for (const text of ['6', '2', '3', '6\x1e6\x1e6']) {
    const server = await web(t, polled((request, response) => response.end(text)));
    const client = connect(t, Engine, server.url, { transport: { transports: 'polling' } });
    await next(client, 'open');
    await wait(500);
    // Pings are answered by a POST each.
    assert.ok(server.count < 60, `${server.count} requests`);
    client.destroy();
  }
});

test('engine.io: polls that break the protocol end the session, which comes back', async (t) => {
  const wrong = ['<html>', '', '9', '4"a"\x1e8', 'b!!!', '42\x1e'];
  for (const text of wrong) {
    const server = await web(t, polled((request, response) => response.end(text)));
    const client = connect(t, Engine, server.url, { transport: { transports: 'polling' } });
    await next(client, 'reconnected');
    assert.ok(client.told.includes('error'));
    client.destroy();
  }
});

test('engine.io: an answer without end ends the session, which comes back', async (t) => {
  const chunk = Buffer.alloc(1 << 20, '4');
  let sent = 0;
  const server = await web(t, (request, response, count) => {
    if (count > 2) return;
    if (!/sid=/.test(request.url)) return response.end(SESSION.replace('"websocket"', ''));
    const more = () => {
      sent += 1;
      response.write(chunk);
    };
    response.on('drain', more);
    more();
  });
  const client = connect(t, Engine, server.url);
  const [error] = await next(client, 'error', 60000);
  assert.match(error.message, /too much/);
  await next(client, 'reconnect');
  // In MiB: what is read, and what the system holds.
  assert.ok(sent > 90 && sent < 150, `${sent} MiB`);
});

test('engine.io 3: lengths that lie end the session', async (t) => {
  const session = `${SESSION.length}:${SESSION}`;
  for (const text of ['5:4"a"', 'x:4', '99999999999:4', '3:', ':', '-1:4', '1:4x']) {
    const server = await web(t, (request, response) => response.end(/sid=/.test(request.url) ? text : session));
    const client = connect(t, Engine, server.url, { ...BRIEF, transport: { transports: 'polling', protocol: 3 } });
    await next(client, 'close');
    assert.ok(client.told.includes('error'));
    client.destroy();
  }
});

test('engine.io: a session that is forgotten is begun anew', async (t) => {
  const server = await web(t, polled((request, response) => response.writeHead(400).end('{"code":1,"message":"Session ID unknown"}')));
  const client = connect(t, Engine, server.url, { transport: { transports: 'polling' } });
  const [error] = await next(client, 'error');
  assert.equal(error.status, 400);
  await next(client, 'reconnected');
});

test('engine.io: an upgrade that fails leaves the polls alone', async (t) => {
  let polls = 0;
  const server = await web(t, polled((request, response) => {
    polls += 1;
    setTimeout(() => response.end(`4${polls}`), 5);
  }));
  const client = connect(t, Engine, server.url);
  await new Promise((done) => client.on('data', (data) => 20 === data && done()));
  assert.equal(client.socket.transport.name, 'polling');
  assert.deepEqual(client.told, ['open']);
});

test('engine.io: a POST that fails ends the session', async (t) => {
  const server = await web(t, (request, response) => {
    if ('POST' === request.method) response.writeHead(413).end();
    else if (!/sid=/.test(request.url)) response.end(SESSION);
  });
  const client = connect(t, Engine, server.url, { transport: { transports: 'polling' } });
  client.write('too long');
  const [error] = await next(client, 'error');
  assert.equal(error.status, 413);
  await next(client, 'reconnected');
});

test('what listeners throw is theirs: the client goes on', async (t) => {
  const server = await web(t, polled((request, response, count) => {
    if (2 === count) response.end('4"a"\x1e4"b"\x1e4"c"');
  }));
  const messages = thrown(t);
  const client = connect(t, Engine, server.url, { transport: { transports: 'polling' } });
  const got = [];
  client.on('open', () => { throw new Error('in open'); });
  client.on('data', (data) => {
    got.push(data);
    throw new Error(`in ${data}`);
  });
  await until('all is thrown', () => messages.length >= 4);
  assert.deepEqual(got, ['a', 'b', 'c']);
  assert.deepEqual(messages.sort(), ['in a', 'in b', 'in c', 'in open']);
  assert.equal(client.readyState, Engine.OPEN);
});
