'use strict';

//
// The client's half of the history of rooms, against a server of this crate, over wires
// that are cut.
//

const assert = require('node:assert/strict');
const http = require('node:http');
const net = require('node:net');
const test = require('node:test');
const { connect, id, next, until } = require('./support');
const { library, urls } = require('./plugged');
const Server = require('primus');

// A way to a server that can be cut.
async function wire(t, url) {
  const { hostname: host, port } = new URL(url);
  const sockets = new Set();
  let refuses = false;
  const server = net.createServer((near) => {
    if (refuses) return near.destroy();
    const far = net.connect({ host, port });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const cut = () => sockets.forEach((socket) => socket.resetAndDestroy());
  t.after(() => {
    cut();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut,
    refuse(does) { refuses = does; }
  };
}

const EAGER = { reconnect: { min: 1, max: 20, retries: Infinity, 'reconnect timeout': 5000 } };

// A client with what came to it.
async function come(t, url, options) {
  const Primus = await library(url);
  const way = await wire(t, url);
  const client = connect(t, Primus, way.url, { ...EAGER, ...options });
  Object.assign(client, { way, got: [], recovered: [] });
  client.on('data', (data) => client.got.push(data));
  client.on('recovered', (...told) => client.recovered.push(told));
  await next(client, 'open');
  // What is asked behind the first word is answered behind the answer.
  await id(client);
  return client;
}

for (const transformer of ['websockets', 'engine.io', 'sockjs', 'socket.io']) {
  const url = urls[`history-${transformer}`];

  test(`through any cuts everything comes once: ${transformer}`, async (t) => {
    const count = 400;
    const client = await come(t, url);
    client.write({ do: 'traffic', count });
    await until('the first come', () => client.got.length > 0);
    while (client.got.length < count) {
      const before = client.recovered.length;
      client.way.cut();
      await until('it is back', () => client.recovered.length > before + 1);
      if (client.got.at(-1) === count) break;
    }
    await until('all have come', () => client.got.length >= count);
    const of = (rest) => client.got.filter((n) => n % 3 === rest);
    for (const rest of [0, 1, 2]) assert.deepEqual(of(rest), [...of(rest)].sort((a, b) => a - b));
    assert.deepEqual([...client.got].sort((a, b) => a - b), Array.from({ length: count }, (_, n) => n + 1));
    assert.ok(client.recovered.every(([, whole]) => whole), JSON.stringify(client.recovered));
    assert.deepEqual([...new Set(client.recovered.map(([room]) => room))].sort(), ['news', 'sport']);
  });
}

const url = urls['history-websockets'];

test('events and transforms see what was missed as what comes by itself', async (t) => {
  const [client, other] = [await come(t, url), await come(t, url)];
  client.transform('incoming', (packet) => {
    if (typeof packet.data === 'string') packet.data += '?';
    return packet.data !== 'dropped?';
  });
  const news = [];
  client.on('news', (what) => news.push(what));
  for (const [times, away] of [false, true].entries()) {
    if (away) {
      client.way.refuse(true);
      client.way.cut();
      await next(client, 'close');
    }
    for (const what of ['text', 'dropped', { 'primus-history': ['left', ['news']] }]) other.write({ do: 'write', room: 'news', what });
    other.write({ do: 'emit', room: 'news', what: times });
    await until('the other has it', () => other.got.length === 3 * (times + 1));
    client.way.refuse(false);
    await until('it comes', () => news.length === times + 1);
    assert.deepEqual(client.got.splice(0), ['text?', { 'primus-history': ['left', ['news']] }]);
  }
  assert.deepEqual(news, [0, 1]);
  assert.deepEqual(client.recovered.filter(([room]) => room === 'news'), [['news', true, 4]]);
});

test('who writes does not get it back when it comes again', async (t) => {
  const [client, other] = [await come(t, url), await come(t, url)];
  client.write({ do: 'others', what: 1 });
  await until('the other has it', () => other.got.length === 1);
  client.way.cut();
  await until('it is back', () => client.recovered.length === 2);
  other.write({ do: 'others', what: 2 });
  await until('it has it', () => client.got.length === 1);
  assert.deepEqual([client.got, other.got], [[2], [1]]);
});

test('a room that was left is forgotten', async (t) => {
  const client = await come(t, url);
  client.write({ do: 'leave' });
  client.write('done');
  await until('it is left', () => client.got.length === 1);
  client.way.cut();
  await until('it is back', () => client.recovered.length === 1);
  await id(client);
  // It comes into the other one as for the first time.
  assert.deepEqual(client.recovered, [['news', true, 0]]);
});

test('what a server says that none should say does no harm', async (t) => {
  const Primus = await library(url);
  const web = http.createServer();
  const server = new Server(web, { transformer: 'websockets' });
  await new Promise((done) => web.listen(0, '127.0.0.1', done));
  t.after(() => new Promise((done) => server.destroy({}, done)));
  const said = (...list) => ({ 'primus-history': list });
  server.on('connection', (spark) => {
    const odd = [said('message'), said('message', 1, 2), said('message', null, [[1], null, ['r', 'e', -1], ['r', 'e', NaN]], 'a'),
      said('hello'), said('hello', {}, {}), said('rooms', 1), said('rooms', [['r']]), said('left'), said('left', [[], {}]), said('toString')];
    odd.forEach((message) => spark.write(message));
    for (const n of [1, 2, 2, 1, 4]) spark.write(said('message', null, [['r', 'e', n]], n));
    for (const at of [[['r', 'e', 5]], [['s', 'e', 1]], []]) spark.write(said('message', 'an id', at, 'once'));
    for (let n = 0; n < 3000; n++) spark.write(said('message', `id ${n}`, [[`room ${n}`, 'e', 1]], 'one of many'));
    spark.write('end');
  });
  const client = connect(t, Primus, `http://127.0.0.1:${web.address().port}`);
  const [got, recovered] = [[], []];
  client.on('recovered', (...told) => recovered.push(told));
  client.on('data', (data) => got.push(data));
  await until('the end', () => got.includes('end'));
  assert.deepEqual(got.filter((data) => data !== 'one of many'), ['a', said('toString'), 1, 2, 4, 'once', 'end']);
  assert.deepEqual(recovered[0], ['r', false, 0]);
});
