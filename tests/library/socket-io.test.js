'use strict';

//
// socket.io: which transports are tried, what they ask for, and what comes from a
// server, of the right kind and of others.
//

const assert = require('node:assert/strict');
const http = require('node:http');
const test = require('node:test');
const { WebSocketServer } = require('ws');
const { connect, load, messages, next, until, wait } = require('./support');

const SocketIo = load('socket.io');

// A few attempts, then the end.
const BRIEF = { reconnect: { min: 10, max: 40, retries: 4 } };
const NAMES = ['websocket', 'xhr-polling'];

// With time enough for a busy machine.
const forced = (transports, options) => ({ ...options, transport: { transports, timeout: 8000 } });

// A server of requests: `answers.handshake(response)`, `answers.poll(response)`,
// `answers.post(response, body)` and `answers.websocket(socket)`. `asked` are what they
// were asked, `paths` the whole, `posted` what was posted.
async function serve(t, answers) {
  const server = Object.assign(http.createServer(), { asked: [], paths: [], heads: [], posted: [], shaken: 0 });
  const sockets = new WebSocketServer({ noServer: true });
  const ask = (what, request) => {
    server.asked.push(what);
    server.paths.push(request.url);
    server.heads.push(request.headers);
  };
  server.on('request', (request, response) => {
    const [path] = request.url.split('?');
    const what = path.endsWith('/1/') ? 'handshake' : 'POST' === request.method ? 'post' : 'poll';
    ask(what, request);
    let body = '';
    request.on('data', (data) => { body += data; }).on('end', () => {
      if ('post' === what) server.posted.push(body);
      const answer = answers[what];
      if (answer) answer(response, body);
      else if ('handshake' === what) response.end(`id${server.shaken++}:60:60:websocket,htmlfile,xhr-polling,jsonp-polling`);
      else if ('post' === what) response.end('1');
      else response.writeHead(404).end();
    });
  });
  server.on('upgrade', (request, socket, head) => {
    ask('websocket', request);
    if (!answers.websocket) return socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    sockets.handleUpgrade(request, socket, head, (client) => answers.websocket(client.on('error', () => {})));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    sockets.clients.forEach((client) => client.terminate());
    server.closeAllConnections();
    server.close();
  });
  server.url = `http://127.0.0.1:${server.address().port}`;
  return server;
}

// Answers of a server that sends these texts after the opening, over one transport, and
// collects what the client says in `heard`.
const saying = {
  websocket: (...texts) => {
    const heard = [];
    return {
      heard,
      websocket(socket) {
        socket.on('message', (data) => heard.push(String(data)));
        ['1::', ...texts].forEach((text) => socket.send(text));
      }
    };
  },
  'xhr-polling': (...texts) => {
    const rest = ['1::', ...texts];
    const heard = [];
    return {
      heard,
      poll: (response) => rest.length && response.end(rest.shift()),
      post(response, body) {
        heard.push(body);
        response.end('1');
      }
    };
  }
};

test('the transports are tried in their order, each with an id of its own, with the query', async (t) => {
  const server = await serve(t, {});
  const client = connect(t, SocketIo, `${server.url}?token=a%20b`, { strategy: false });
  const [error] = await next(client, 'error');
  assert.equal(error.status, 404);
  assert.deepEqual(client.told, ['error', 'close', 'end']);
  assert.deepEqual(server.asked, ['handshake', 'websocket', 'handshake', 'poll']);
  const [query] = [...new Set(server.paths.map((path) => path.split('?')[1]))];
  assert.match(query, /^token=a%20b&_primuscb=[\w-]+$/);
  assert.deepEqual(server.paths, ['', 'websocket/id0', '', 'xhr-polling/id1'].map((path) => `/primus/1/${path}?${query}`));
});

const choices = [
  ['what the server has', 'a:60:60:htmlfile,xhr-polling', {}, ['handshake', 'poll']],
  ['no WebSocket where the application wants none', 'a:60:60:websocket,xhr-polling', { websockets: false }, ['handshake', 'poll']],
  ['what is asked for', 'a:60:60:websocket,xhr-polling', forced('xhr-polling'), ['handshake', 'poll']],
  ['nothing where they have nothing in common', 'a:60:60:htmlfile', {}, ['handshake']],
  ['nothing where there is no id', ':60:60:xhr-polling', {}, ['handshake']],
  ['nothing where the id is none', '../x:60:60:xhr-polling', {}, ['handshake']],
  ['nothing where somebody else is there', 'Welcome to socket.io.', {}, ['handshake']],
  ['nothing where a page is', '<!doctype html>', {}, ['handshake']]
];

for (const [what, told, options, asked] of choices) {
  test(`tried is ${what}`, async (t) => {
    const server = await serve(t, { handshake: (response) => response.end(told) });
    const client = connect(t, SocketIo, server.url, { ...options, strategy: false });
    const [error] = await next(client, 'error');
    assert.ok(error instanceof Error && error.message);
    assert.deepEqual(server.asked, asked);
  });
}

test('a transport that opens no session is given up', async (t) => {
  const ways = {
    'with silence': () => {},
    'with an error': (socket) => socket.send('7:::1+0'),
    'with a message': (socket) => socket.send('3:::1'),
    'with an end': (socket) => socket.close(),
    'with bytes': (socket) => socket.send(Buffer.from('1::')),
    'with no payload': (socket) => socket.send('\ufffd9\ufffd1::')
  };
  for (const [way, websocket] of Object.entries(ways)) {
    const server = await serve(t, { ...saying['xhr-polling']('3:::1'), websocket });
    const client = connect(t, SocketIo, server.url);
    assert.deepEqual(await messages(client, 1), [1], way);
    assert.deepEqual([client.socket.transport, client.told], ['xhr-polling', ['open']]);
    client.destroy();
  }
});

test('a stranger is refused for good', async (t) => {
  for (const status of [401, 403]) {
    const server = await serve(t, { handshake: (response) => response.writeHead(status).end('{"error":"no"}') });
    const client = connect(t, SocketIo, server.url);
    const [error] = await next(client, 'error');
    assert.equal(error.status, status);
    assert.deepEqual(client.told, ['error', 'close', 'end']);
    assert.deepEqual(server.asked, ['handshake']);
  }
});

for (const [name, answers] of Object.entries(saying)) {
  const dial = (t, server, options) => connect(t, SocketIo, server.url, forced(name, options));

  test(`${name}: messages come in their order, alone and together`, async (t) => {
    const server = await serve(t, answers('8::', '1::', '3:::1', '\ufffd5\ufffd3:::2\ufffd10\ufffd3:::"\ud83d\ude00:\ufffd"\ufffd3\ufffd8::', '4:::{"a":[3]}', '3:7+::4', '3:8::5'));
    const client = dial(t, server);
    assert.deepEqual(await messages(client, 6), [1, 2, '\ud83d\ude00:\ufffd', { a: [3] }, 4, 5]);
    assert.deepEqual(client.told, ['open']);
  });

  test(`${name}: what is nothing to Primus is nothing`, async (t) => {
    const server = await serve(t, answers('5:::{"name":"x"}', '6:::1', '3::/ns:9', '0::/ns', '1::/ns', 'garbage', '', '9:::1', '3:::1'));
    const client = dial(t, server);
    assert.deepEqual(await messages(client, 1), [1]);
    assert.deepEqual(client.told, ['open']);
  });

  test(`${name}: messages that are none are errors, and nothing else`, async (t) => {
    const server = await serve(t, answers('3:::{', '3:::', '3:::"primus::"', '3:::"primus::ping::<b>"', '3:::{"__proto__":{"polluted":1}}', '3:::7'));
    const client = dial(t, server);
    let last;
    client.on('data', (data) => { last = data; });
    await until('the last one comes', () => 7 === last);
    assert.ok(client.told.every((event) => 'open' === event || 'error' === event), client.told);
    assert.equal({}.polluted, undefined);
  });

  test(`${name}: a heartbeat is answered, and messages go out in their order`, async (t) => {
    const said = answers('2::', '3:::0');
    const server = await serve(t, said);
    const client = dial(t, server);
    for (let n = 1; n < 30; n++) client.write(n);
    client.write('\ud83d\ude00\ufffd');
    await next(client, 'data');
    await until('all has come', () => said.heard.join('').includes('\ufffd"'));
    const told = said.heard.join('').replace(/\ufffd\d+\ufffd(?=[23]::)/g, '');
    assert.equal(told.replace('2::', ''), Array.from({ length: 29 }, (_, n) => `3:::${n + 1}`).join('') + '3:::"\ud83d\ude00\ufffd"');
    assert.equal(told.split('2::').length, 2);
  });

  test(`${name}: an end of the server's is no error`, async (t) => {
    for (const end of ['0::', '7:::1+0', '\ufffd3\ufffd0::\ufffd5\ufffd3:::2']) {
      const server = await serve(t, answers('3:::1', end, '3:::3'));
      const client = dial(t, server, BRIEF);
      assert.deepEqual(await messages(client, 1), [1]);
      await next(client, 'reconnect');
      assert.deepEqual(client.told, ['open', 'close', 'reconnect scheduled', 'reconnect']);
      client.destroy();
    }
  });

  test(`${name}: an end that was announced is the last`, async (t) => {
    const server = await serve(t, answers('3:::"primus::server::close"', '0::'));
    const client = dial(t, server);
    await next(client, 'end');
    assert.deepEqual(client.told, ['open', 'close', 'end']);
  });

  test(`${name}: payloads whose lengths lie end the session, which comes back`, async (t) => {
    for (const text of ['\ufffd', '\ufffd5\ufffd3:::', '\ufffdx\ufffd3:::1', '\ufffd-1\ufffd3:::1', '\ufffd3\ufffd8::8::', '\ufffd1234567890\ufffd']) {
      const server = await serve(t, answers(text, '3:::"after"'));
      const client = dial(t, server);
      client.on('data', assert.fail);
      const [error] = await next(client, 'error');
      assert.ok(error instanceof Error && error.message);
      await next(client, 'reconnect');
      assert.deepEqual(client.told, ['open', 'error', 'close', 'reconnect scheduled', 'reconnect'], text);
      client.destroy();
    }
  });

  test(`${name}: what was written goes before the goodbye`, async (t) => {
    const said = answers();
    const server = await serve(t, said);
    const client = dial(t, server);
    await next(client, 'open');
    client.write('x'.repeat(100000));
    client.write(1);
    client.end();
    await until('the goodbye', () => said.heard.at(-1)?.endsWith('0::'));
    assert.equal(said.heard.join('').length > 100000, true);
    assert.equal(said.heard.join('').split('0::').length, 2);
  });
}

test('the name in the address and more header fields go with each request', async (t) => {
  const server = await serve(t, saying['xhr-polling']('3:::1'));
  const client = connect(t, SocketIo, server.url.replace('//', '//me:secret@'), forced('xhr-polling'));
  client.transport.extraHeaders = { 'X-More': '1' };
  client.write('x');
  await next(client, 'data');
  await until('it posts', () => server.asked.includes('post'));
  for (const head of server.heads) assert.equal(head.authorization, `Basic ${btoa('me:secret')}`);
});

test('a server that has nothing to say, at once and again, is asked in no rush', async (t) => {
  let polls = 0;
  const server = await serve(t, { poll: (response) => response.end(polls++ ? '8::' : '1::') });
  const client = connect(t, SocketIo, server.url, forced('xhr-polling'));
  await next(client, 'open');
  await wait(500);
  assert.ok(polls < 30, `${polls} polls`);
});

test('a WebSocket on which nothing comes for as long as the server says is given up', async (t) => {
  const server = await serve(t, {
    handshake: (response) => response.end('a:0.3:60:websocket'),
    websocket: (socket) => socket.send('1::')
  });
  const client = connect(t, SocketIo, server.url, forced('websocket', { strategy: false }));
  const [error] = await next(client, 'error');
  assert.match(error.message, /silent/);
  assert.deepEqual(client.told, ['open', 'error', 'close', 'end']);
});

test('the names are those of the client', () => assert.deepEqual(Object.keys(saying), NAMES));
