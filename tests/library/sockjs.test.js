'use strict';

//
// sockjs: which transports are tried and for how long, and what they ask for.
//

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { once } = require('node:events');
const test = require('node:test');
const { promisify } = require('node:util');
const { connect, file, load, messages, next, raw, servers, start, until } = require('./support');
const { forced, saying, serve } = require('./sockjs');

const Sockjs = load('sockjs');

// A few attempts, then the end.
const BRIEF = { reconnect: { min: 10, max: 40, retries: 4 } };

test('the transports are tried in their order, each in a session of its own, with the query', async (t) => {
  const server = await serve(t, {});
  const client = connect(t, Sockjs, `${server.url}?token=a%20b`, { strategy: false });
  const [error] = await next(client, 'error');
  assert.equal(error.status, 404);
  assert.deepEqual(client.told, ['error', 'close', 'end']);
  assert.deepEqual(server.asked, ['info', 'websocket', 'xhr_streaming', 'eventsource', 'xhr']);
  const parts = server.paths.slice(1).map((path) => /^\/primus\/(\d{3})\/([a-z0-9]{8,})\/\w+\?(token=a%20b&_primuscb=\w+)$/.exec(path));
  assert.equal(new Set(parts.map(([, number]) => number)).size, 1);
  assert.equal(new Set(parts.map(([, , session]) => session)).size, 4);
  assert.deepEqual(new Set(server.paths.map((path) => path.split('?')[1])), new Set([parts[0][3]]));
});

const choices = [
  ['what the server has no WebSocket for', '{"websocket":false}', {}, ['xhr_streaming', 'eventsource', 'xhr']],
  ['no WebSocket where the application wants none', '{"websocket":true}', { websockets: false }, ['xhr_streaming', 'eventsource', 'xhr']],
  ['those that are asked for, as a list', '{"websocket":true}', forced(['xhr-polling', 'websocket']), ['websocket', 'xhr']],
  ['those that are asked for, as a text', '{}', forced('xhr-streaming'), ['xhr_streaming']],
  ['none that is not there', '{"websocket":false}', forced('websocket,jsonp-polling'), []],
  ['all when the server says nothing of them', 'null', {}, ['websocket', 'xhr_streaming', 'eventsource', 'xhr']],
  ['all when it says what it should not', '<!doctype html>', {}, ['websocket', 'xhr_streaming', 'eventsource', 'xhr']],
  ['all when it says it in another way', '[{"websocket":false}]', {}, ['websocket', 'xhr_streaming', 'eventsource', 'xhr']]
];

for (const [what, info, options, routes] of choices) {
  test(`tried is ${what}`, async (t) => {
    const server = await serve(t, { info: (response) => response.end(info) });
    const client = connect(t, Sockjs, server.url, { ...options, strategy: false });
    const [error] = await next(client, 'error');
    assert.ok(error instanceof Error && error.message);
    assert.deepEqual(server.asked, ['info', ...routes]);
  });
}

test('where there is no WebSocket at all, a stream is left', async (t) => {
  if (globalThis.WebSocket) return t.skip('the platform has one');
  const { url } = await start(t, servers[0], { transformer: 'sockjs' });
  const script = (options) => `
    const Primus = require(${JSON.stringify(file('sockjs-json'))});
    const client = new Primus(${JSON.stringify(url)}, ${JSON.stringify(options)});
    client.on('open', () => console.log(client.socket.transport)).on('open', () => client.destroy());
    client.on('error', (error) => console.log(error.message));
  `;
  const env = { ...process.env, NODE_PATH: '' };
  const run = (options) => promisify(execFile)(process.execPath, ['-e', script(options)], { env });
  assert.equal((await run({})).stdout, 'xhr-streaming\n');
  assert.match((await run(forced('websocket', { strategy: false }))).stdout, /Install the package `ws`/);
});

test('a transport that does not open in time is given up, and its request', async (t) => {
  const gone = [];
  const hold = (name) => (response, request) => request.socket.on('close', () => gone.push(name));
  const server = await serve(t, {
    websocket: (socket) => socket.on('close', () => gone.push('websocket')),
    xhr_streaming: hold('xhr-streaming'),
    ...saying['xhr-polling']('a["1"]')
  });
  const begun = performance.now();
  const client = connect(t, Sockjs, server.url);
  assert.deepEqual(await messages(client, 1), [1]);
  // Twice 300 ms and more for each.
  const took = performance.now() - begun;
  assert.ok(took > 1200, `${took} ms`);
  assert.deepEqual([client.socket.transport, client.told], ['xhr-polling', ['open']]);
  await until('both are gone', () => gone.length === 2);
  assert.deepEqual(gone, ['websocket', 'xhr-streaming']);
});

test('a transport has at least the time that it is given', async (t) => {
  const server = await serve(t, {
    xhr_streaming: (response) => setTimeout(() => response.write('o\na["2"]\n'), 900)
  });
  const client = connect(t, Sockjs, server.url, { transport: { transports: 'xhr-streaming', timeout: 20000 } });
  assert.deepEqual(await messages(client, 1), [2]);
  assert.deepEqual(server.asked, ['info', 'xhr_streaming']);
});

// Makes timers of so many milliseconds run out soon.
function shorten(t, long) {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (fn, span, ...more) => setTimeout(fn, long === span ? 50 : span, ...more);
  t.after(() => { globalThis.setTimeout = setTimeout; });
}

test('a server that takes too long to say what it has is given up', async (t) => {
  shorten(t, 8000);
  const server = await raw(t, () => {});
  const client = connect(t, Sockjs, server.url, { strategy: false, timeout: false });
  const [error] = await next(client, 'error');
  assert.match(error.message, /in time/);
  assert.deepEqual(client.told, ['error', 'close', 'end']);
  assert.equal(server.count, 1);
});

test('a stranger is refused for good', async (t) => {
  for (const status of [401, 403]) {
    const server = await serve(t, { info: (response) => response.writeHead(status).end('{"error":"no"}') });
    const client = connect(t, Sockjs, server.url);
    const [error] = await next(client, 'error');
    assert.equal(error.status, status);
    assert.match(error.message, /\{"error":"no"\}/);
    assert.deepEqual(client.told, ['error', 'close', 'end']);
    assert.deepEqual(server.asked, ['info']);
  }
});

test('the name in the address and more header fields go with each request', async (t) => {
  const server = await serve(t, { ...saying['xhr-polling']('a[1]'), xhr_send: (response) => response.writeHead(204).end() });
  const client = connect(t, Sockjs, server.url.replace('//', '//me:secret@'), { transport: { extraHeaders: { 'X-More': '1' } } });
  client.write('x');
  await next(client, 'data');
  while (!server.asked.includes('xhr_send')) await once(server, 'asked');
  server.heads.forEach((head, at) => {
    if (!globalThis.WebSocket || 'websocket' !== server.asked[at]) assert.equal(head.authorization, `Basic ${btoa('me:secret')}`);
    if ('websocket' !== server.asked[at]) assert.equal(head['x-more'], '1');
  });
});

test('one request sends at a time; what is written meanwhile goes together, in its order', async (t) => {
  const bodies = [];
  let sending = 0;
  const server = await serve(t, {
    ...saying['xhr-streaming'](),
    xhr_send: (response, request, body) => {
      assert.equal(sending++, 0);
      bodies.push(JSON.parse(body).map(JSON.parse));
      assert.match(request.headers['content-type'], /^text\/plain/);
      setTimeout(() => {
        sending = 0;
        response.writeHead(bodies.length % 2 ? 204 : 200).end();
        server.emit('sent');
      }, 20);
    }
  });
  const client = connect(t, Sockjs, server.url, forced('xhr-streaming'));
  await next(client, 'open');
  client.write('a');
  client.write('b\u2028');
  await once(server, 'asked');
  for (const text of ['c', 'd', 'e']) client.write(text);
  await once(server, 'sent');
  await once(server, 'sent');
  assert.deepEqual(bodies, [['a', 'b\u2028'], ['c', 'd', 'e']]);
});

test('a request carries one MiB or one message', async (t) => {
  const sizes = [];
  let all = 0;
  const server = await serve(t, {
    ...saying['xhr-streaming'](),
    xhr_send: (response, request, body) => {
      const texts = JSON.parse(body);
      assert.ok(body.length < 2 ** 20 || 1 === texts.length, `${body.length} bytes, ${texts.length} messages`);
      sizes.push(texts.length);
      all += texts.length;
      response.writeHead(204).end();
      server.emit('sent');
    }
  });
  const client = connect(t, Sockjs, server.url, forced('xhr-streaming'));
  await next(client, 'open');
  for (let n = 0; n < 30; n++) client.write('x'.repeat(100000));
  client.write('x'.repeat(3e6));
  client.write('last');
  while (all < 32) await once(server, 'sent');
  assert.ok(sizes.length < 15, sizes);
});

test('a request that is refused ends the session, which comes back', async (t) => {
  for (const status of [404, 500, 413]) {
    const server = await serve(t, { ...saying['xhr-streaming'](), xhr_send: (response) => response.writeHead(status).end('Payload expected.') });
    const client = connect(t, Sockjs, server.url, forced('xhr-streaming'));
    client.write('x');
    const [error] = await next(client, 'error');
    assert.equal(error.status, status);
    await next(client, 'reconnected');
    client.destroy();
  }
});

test('a poll that is refused ends the session, which comes back', async (t) => {
  let first = true;
  const server = await serve(t, {
    xhr: (response) => {
      if (!first) return response.writeHead(503).end();
      first = false;
      response.end('o\n');
    }
  });
  const client = connect(t, Sockjs, server.url, forced('xhr-polling', BRIEF));
  const [error] = await next(client, 'error');
  assert.equal(error.status, 503);
  await next(client, 'reconnect failed');
  assert.ok(server.asked.length < 20, server.asked);
});

test('what was written goes out before the end, after what is on its way', async (t) => {
  const order = [];
  const server = await serve(t, {
    xhr_streaming: (response) => response.on('close', () => { order.push('gone'); server.emit('gone'); }).write('o\n'),
    xhr_send: (response, request, body) => setTimeout(() => {
      order.push(...JSON.parse(body).map(JSON.parse));
      response.writeHead(204).end();
    }, 30)
  });
  const client = connect(t, Sockjs, server.url, forced('xhr-streaming'));
  await next(client, 'open');
  client.write(1);
  await once(server, 'asked');
  client.write(2);
  const gone = once(server, 'gone');
  client.end(3);
  await gone;
  assert.deepEqual(order, [1, 2, 3, 'gone']);
});

test('a server that never takes what was written last does not keep the rest', async (t) => {
  shorten(t, 30000);
  let stream;
  const server = await serve(t, {
    xhr_streaming: (response) => { stream = response; response.write('o\n'); },
    xhr_send: () => {}
  });
  const client = connect(t, Sockjs, server.url, forced('xhr-streaming'));
  await next(client, 'open');
  const gone = once(stream, 'close');
  client.end('last');
  await gone;
  assert.deepEqual(client.told, ['open', 'close', 'end']);
});

test('a WebSocket that ends with a code of its own is an error with that code; a usual end is none', async (t) => {
  for (const [code, events] of [[1000, ['open', 'close']], [3000, ['open', 'error', 'close']], [1011, ['open', 'error', 'close']]]) {
    const server = await serve(t, { websocket: (socket) => { socket.send('o'); socket.close(code, 'Broken framing.'); } });
    const client = connect(t, Sockjs, server.url, { strategy: 'online', transport: { transports: 'websocket' } });
    const failed = events[1] === 'error' && next(client, 'error');
    await next(client, 'end');
    assert.deepEqual(client.told, [...events, 'end']);
    if (failed) assert.equal((await failed)[0].code, code);
  }
});
