'use strict';

//
// The client of the npm package with the client halves of the npm plugins, all as they
// are, against a server of this crate with all plugins.
//

const assert = require('node:assert/strict');
const test = require('node:test');
const { id, messages, next, thrown, until } = require('./support');
const { acked, open, said, urls } = require('./plugged');
const { sets } = require('./halves');
const Server = require('primus');

// Its client has objects of a realm of its own.
const agree = (got, wanted) => assert.deepEqual(JSON.parse(JSON.stringify(got)), wanted);

const VALUE = { list: [1, 'é😀', null, { a: true }] };
const TRANSFORMERS = ['websockets', 'engine.io', 'sockjs'];

function load(set, transformer = 'websockets') {
  const plugin = Object.fromEntries(Object.entries(sets[set] || {}).map(([name, module]) => [name, require(module)]));
  return Server.createSocket({ transformer, plugin });
}

// One that has an id already: a new one would be an event that it does not know.
const start = (t, set, { transformer = 'websockets', ...options } = {}) =>
  open(t, load(set, transformer), `${urls[`all-${transformer}`]}?_mirage=known`, options);

for (const transformer of TRANSFORMERS) {
  test(`a client without plugins has what it would have without them: ${transformer}`, async (t) => {
    const client = await start(t, 'none', { transformer });
    const sent = [VALUE, 0, '', false, null, [1, 'x'], { type: 7, data: [] }, { emit: 'x' }, { substream: 'nobody', args: 1 }, { plugin: 'other', requestId: 1 }, [3, 'a', 'news'], 'x'.repeat(70000)];
    sent.forEach((message) => client.write(message));
    await until('all messages', () => client.got.length === sent.length);
    agree(client.got, sent);
    assert.match(await id(client), /\w{8}/);
    const back = next(client, 'reconnected');
    client.write({ do: 'away' });
    await back;
    client.write('again');
    assert.equal(await said(client), 'again');
    client.end();
    agree([...new Set(client.told)], ['open', 'close', 'reconnect scheduled', 'reconnect', 'reconnected', 'end']);
  });

  test(`a client without an id hears of one as of a message: ${transformer}`, async (t) => {
    const client = await open(t, load('none', transformer), urls[`all-${transformer}`]);
    await until('the id', () => client.got.length === 1);
    agree(Object.keys(client.got[0]), ['emit']);
  });

  test(`primus-emit: ${transformer}`, async (t) => {
    const client = await start(t, 'emit', { transformer });
    client.emit('there', 1, VALUE);
    agree(await next(client, 'back'), [1, VALUE]);
    client.emit('there');
    agree(await next(client, 'back'), []);
    agree(client.got, []);
  });

  test(`primus-emitter: ${transformer}`, async (t) => {
    const client = await start(t, 'emitter', { transformer });
    agree(await acked(client, 'ask', VALUE, 2), [VALUE, 2]);
    agree(await acked(client, 'tell'), []);
    client.on('question', (...args) => args.pop()('answer', ...args));
    client.send('call me', VALUE);
    agree(await next(client, 'heard'), ['answer', VALUE]);
  });

  test(`primus-responder: ${transformer}`, async (t) => {
    const client = await start(t, 'responder', { transformer });
    const ask = (data) => new Promise((done) => client.writeAndWait(data, done));
    for (const data of [VALUE, null, 0, [1]]) agree(await ask(data), { got: data });
    client.on('request', (data, done) => done(`${data}!`));
    const heard = said(client);
    agree(await ask('ask me'), { got: 'ask me' });
    agree(await heard, { heard: 'question!' });
  });

  test(`substream: ${transformer}`, async (t) => {
    const client = await start(t, 'substream', { transformer });
    const foo = client.substream('foo');
    const echoes = messages(foo, 4);
    [VALUE, [1], 0, null].forEach((data) => foo.write(data));
    agree(await echoes, [VALUE, [1], 0, null].map((echo) => ({ echo })));
    const last = said(foo);
    const ended = next(foo, 'end');
    foo.write('end it');
    assert.equal(await last, 'bye');
    await ended;
    const again = client.substream('foo');
    again.write('nobody');
    assert.equal(await said(again), 'nobody');
    agree(client.got, []);
  });

  test(`primus-multiplex with primus-emitter: ${transformer}`, async (t) => {
    const client = await start(t, 'multiplex', { transformer });
    const [a, b] = [client.channel('news'), client.channel('news')];
    agree(await Promise.all([said(a), said(b)]), ['hi', 'hi']);
    const echoes = messages(a, 2);
    [VALUE, 'text'].forEach((data) => a.write(data));
    agree(await echoes, [{ echo: VALUE }, { echo: 'text' }]);
    agree(await acked(b, 'ask', VALUE), [VALUE]);
    b.on('question', (ack) => ack('from the channel'));
    b.send('call me');
    agree(await next(b, 'heard'), ['from the channel']);
    const news = [next(a, 'news'), next(b, 'news')];
    a.write('all');
    agree(await Promise.all(news), [['for all'], ['for all']]);
    const ended = next(a, 'end');
    a.write('end it');
    await ended;
    b.end();
    await next(b, 'close');
  });

  test(`primus-resource: ${transformer}`, async (t) => {
    const client = await start(t, 'resource', { transformer });
    const sums = client.resource('sums');
    agree(await next(sums, 'ready'), ['sums', ['add']]);
    assert.equal(await new Promise((done) => sums.add(1, 2, done)), 3);
  });

  test(`primus-rooms, which has no client half: ${transformer}`, async (t) => {
    const clients = [await start(t, 'rooms', { transformer }), await start(t, 'rooms', { transformer })];
    const room = `npm room of ${transformer}`;
    clients[0].write({ do: 'join', room });
    assert.equal(await said(clients[0]), 'joined');
    clients[1].write({ do: 'write', room, what: VALUE });
    agree(await said(clients[0]), VALUE);
    agree(clients[1].got, []);
  });

  test(`mirage: ${transformer}`, async (t) => {
    const client = await open(t, load('mirage', transformer), urls[`all-${transformer}`]);
    await until('the id', () => client.mirage);
    const given = client.mirage;
    assert.match(given, /^[\da-f]{16}$/);
    const back = next(client, 'reconnected');
    client.write({ do: 'away' });
    await back;
    client.emit('there', 'again');
    agree(await next(client, 'back'), ['again']);
    assert.equal(client.mirage, given);
  });

  test(`fortress-maximus, which has no client half: ${transformer}`, async (t) => {
    const client = await start(t, 'emit', { transformer });
    client.emit('forbidden', 1);
    client.write('forbidden');
    client.emit('there', 'last');
    agree(await next(client, 'back'), ['last']);
    agree(client.got, []);
  });

  test(`primus-spark-latency: ${transformer}`, async (t) => {
    const client = await start(t, 'latency', { transformer, use_clock_offset: true });
    client.write({ do: 'clock' });
    assert.equal(await said(client), true);
    agree(client.got, [true]);
  });

  test(`primus-analytics: ${transformer}`, async (t) => {
    const hits = [];
    globalThis.ga = (_, { eventAction }) => hits.push(eventAction);
    t.after(() => { delete globalThis.ga; });
    const client = await start(t, 'analytics', { transformer, analytics: { category: 'test' } });
    client.write('echo');
    assert.equal(await said(client), 'echo');
    agree(hits, ['open', 'write']);
  });
}

test('mirage by primus-emitter, and a flat resource', async (t) => {
  const plugin = { mirage: require('mirage'), emitter: require('primus-emitter'), resource: require('primus-resource') };
  const client = await open(t, Server.createSocket({ transformer: 'websockets', plugin }), urls.emitter);
  const sums = client.resource('flat', false);
  await until('the id', () => client.mirage);
  agree(await acked(client, 'who am i'), [client.mirage]);
  assert.equal(await new Promise((done) => client.send('flat::add', 1, 2, done)), 3);
  assert.equal(sums.name, 'flat');
});

test('primus-multiplex without primus-emitter, over a reconnect', async (t) => {
  const plugin = { multiplex: require('primus-multiplex') };
  const client = await open(t, Server.createSocket({ transformer: 'websockets', plugin }), `${urls['all-websockets']}?_mirage=known`);
  const news = client.channel('news');
  assert.equal(await said(news), 'hi');
  news.write({ a: 1 });
  agree(await said(news), { echo: { a: 1 } });
  const [greeted, back] = [said(news), next(client, 'reconnected')];
  client.write({ do: 'away' });
  await back;
  // It subscribes again by itself, with the same id.
  assert.equal(await greeted, 'hi');
  news.write('then');
  agree(await said(news), { echo: 'then' });
  news.end('bye');
  await next(news, 'close');
});

// What the halves of npm cannot bear is nothing that this server does by itself.
test('what is no message for the plugins is data, and throws nothing', async (t) => {
  const errors = thrown(t);
  const client = await start(t, 'emit');
  [{ emit: 1 }, ['emit'], 'x'].forEach((message) => client.write(message));
  await until('all messages', () => client.got.length === 3);
  agree(errors, []);
});
