'use strict';

//
// What happens to a page: it is put away and comes back, its timers sleep, the
// network goes and comes. The platform's events are made up.
//

const assert = require('node:assert/strict');
const test = require('node:test');
const { carriers, connect, load, messages, next, raw, servers, start, wait, web } = require('./support');

const page = new EventTarget();
globalThis.addEventListener = page.addEventListener.bind(page);
globalThis.removeEventListener = page.removeEventListener.bind(page);

const happens = (name, more) => page.dispatchEvent(Object.assign(new Event(name), more));

for (const carrier of carriers.filter(({ name }) => !/engine.io 3/.test(name))) {
  const { transformer, transport } = carrier;
  const Primus = load(transformer);

  test(`${carrier.name}: put away, it is closed for the server; back again, it is open within a second`, async (t) => {
    const { url } = await start(t, servers[0], { transformer });
    const client = connect(t, Primus, url, { transport, reconnect: { min: 10000 } });
    await next(client, 'open');
    happens('pagehide', { persisted: true });
    assert.equal(client.readyState, Primus.CLOSED);
    client.write('while away');
    await wait(100);
    const begun = performance.now();
    happens('pageshow', { persisted: true });
    assert.deepEqual(await messages(client, 1), ['while away']);
    assert.ok(performance.now() - begun < 1000);
    assert.deepEqual(client.told, ['open', 'close', 'reconnect scheduled', 'reconnect', 'reconnected', 'open']);
  });

  test(`${carrier.name}: put away while it opens, it opens when it is back`, async (t) => {
    const { url } = await start(t, servers[0], { transformer });
    const client = connect(t, Primus, url, { transport });
    await next(client, 'outgoing::open');
    happens('pagehide', { persisted: true });
    await wait(200);
    assert.equal(client.readyState, Primus.OPENING);
    happens('pageshow', { persisted: true });
    await next(client, 'open');
    assert.deepEqual(client.told, ['open']);
  });

  test(`${carrier.name}: nothing begins with a page that was not away`, async (t) => {
    const client = connect(t, Primus, 'http://127.0.0.1:1', { transport, manual: true });
    happens('pageshow', { persisted: false });
    happens('pageshow', { persisted: true });
    assert.equal(client.readyState, Primus.CLOSED);
    client.open();
    client.end();
    happens('pagehide', { persisted: true });
    happens('pageshow', { persisted: true });
    assert.equal(client.readyState, Primus.CLOSED);
  });

  test(`${carrier.name}: without the network it ends, with it it is there again`, async (t) => {
    const { url } = await start(t, servers[0], { transformer });
    const client = connect(t, Primus, url, { transport });
    await next(client, 'open');
    happens('offline');
    assert.deepEqual(client.told, ['open', 'offline', 'close', 'end']);
    assert.equal(client.isOnline(), false);
    happens('online');
    await next(client, 'open');
    assert.deepEqual(client.told.slice(4), ['online', 'reconnect scheduled', 'reconnect', 'reconnected', 'open']);
  });

  test(`${carrier.name}: a late timer does not judge what has come meanwhile`, async (t) => {
    const { url } = await start(t, servers[0], { transformer, args: ['--ping-interval', '400'] });
    const client = connect(t, Primus, url, { transport, pingTimeout: 900 });
    await next(client, 'incoming::ping');
    // Longer than the patience, and than what is called late.
    const end = performance.now() + 2300;
    while (performance.now() < end);
    await wait(300);
    assert.equal(client.told.includes('offline'), false);
  });
}

test('the network is not heeded if it is not to be', async (t) => {
  const { url } = await start(t, servers[0]);
  const client = connect(t, load(), url, { network: false });
  await next(client, 'open');
  happens('offline');
  assert.deepEqual(client.told, ['open']);
});

test('what was ended stays so when the network comes back', async (t) => {
  const { url } = await start(t, servers[0]);
  const client = connect(t, load(), url);
  await next(client, 'open');
  client.end();
  happens('offline');
  happens('online');
  assert.deepEqual(client.told, ['open', 'close', 'end', 'offline', 'online']);
  assert.equal(client.writable, false);
});

test('without the strategy it does not come back with the network', async (t) => {
  const { url } = await start(t, servers[0]);
  const client = connect(t, load(), url, { strategy: 'disconnect' });
  await next(client, 'open');
  happens('offline');
  happens('online');
  assert.deepEqual(client.told, ['open', 'offline', 'close', 'end', 'online']);
});

test('a destroyed client hears no more of the page', async (t) => {
  const client = connect(t, load(), 'http://127.0.0.1:1', { manual: true });
  const heard = [];
  const input = client._input;
  client._input = (kind, what) => {
    heard.push(kind);
    return input(kind, what);
  };
  happens('offline');
  happens('pagehide');
  client.destroy();
  happens('online');
  assert.deepEqual(heard, ['network', 'hide', 'destroy']);
});

test('the last request of a page outlives it', async (t) => {
  const seen = [];
  const { fetch } = globalThis;
  globalThis.fetch = (url, options) => {
    seen.push([options.method, options.body, options.keepalive]);
    return fetch(url, options);
  };
  t.after(() => { globalThis.fetch = fetch; });
  for (const [transformer, transports, message, body] of [
    ['engine.io', 'polling', undefined, '1'],
    ['engine.io', 'polling', 7, '47\x1e1'],
    ['sockjs', 'xhr-streaming', 7, '["7"]']
  ]) {
    const { url } = await start(t, servers[0], { transformer });
    const client = connect(t, load(transformer), url, { transport: { transports } });
    await next(client, 'open');
    client.write(message);
    happens('pagehide');
    assert.deepEqual(seen.at(-1), ['POST', body, true]);
    client.destroy();
  }
  // Longer ones no browser would let it leave behind.
  const { url } = await start(t, servers[0], { transformer: 'sockjs' });
  const client = connect(t, load('sockjs'), url, { transport: { transports: 'xhr-streaming' } });
  await next(client, 'open');
  client.write('x'.repeat(30000));
  happens('pagehide');
  assert.equal(seen.at(-1)[2], false);
});

test('engine.io: no two requests are alike', async (t) => {
  const asked = [];
  const server = await web(t, (request, response) => {
    asked.push(request.url);
    if ('POST' === request.method) request.resume().on('end', () => response.end('ok'));
    else if (!/sid=/.test(request.url)) response.end('0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000}');
    else setTimeout(() => response.end('4"x"'), 5);
  });
  const client = connect(t, load('engine.io'), server.url);
  await next(client, 'open');
  for (let n = 0; n < 5; n++) {
    client.write(n);
    await next(client, 'data');
  }
  assert.ok(asked.length > 8);
  assert.equal(new Set(asked.map((url) => /[?&]t=([^&]+)/.exec(url)[1])).size, asked.length);
});

// What Node.js 20 to 22 have for a WebSocket.
test('a WebSocket that reports an error and never closes has failed', async (t) => {
  class Silent extends EventTarget {
    constructor() {
      super();
      setTimeout(() => this.onerror({ type: 'error', message: 'Received network error or non-101 status code.' }));
    }
    close() {}
  }
  const client = connect(t, load(), 'http://127.0.0.1:1', { strategy: false, transport: { WebSocket: Silent } });
  const [error] = await next(client, 'error');
  assert.match(error.message, /non-101/);
  assert.deepEqual(client.told, ['error', 'close', 'end']);
});

// A browser with too many of them.
test('a WebSocket that cannot be made has failed', async (t) => {
  for (const WebSocket of [
    class { constructor() { throw new DOMException('no', 'SecurityError'); } },
    class { constructor() { setTimeout(() => { this.onerror({}); this.onclose?.({ code: 1006 }); }); } close() {} }
  ]) {
    const client = connect(t, load(), 'http://127.0.0.1:1', { transport: { WebSocket }, reconnect: { min: 5, max: 5, retries: 2 } });
    await next(client, 'reconnect failed');
    assert.deepEqual(client.told.filter((event) => 'error' === event).length, 1);
  }
});
