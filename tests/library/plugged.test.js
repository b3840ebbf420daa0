'use strict';

//
// The client of this crate with its halves of plugins, as its own server with all
// plugins gives it to pages, against that server.
//

const assert = require('node:assert/strict');
const test = require('node:test');
const { connect, messages, next } = require('./support');
const { acked, library, open, said, urls } = require('./plugged');

const VALUE = { list: [1, 'é😀', null, { a: true }] };

for (const transformer of ['websockets', 'engine.io', 'sockjs', 'socket.io']) {
  const url = urls[`all-${transformer}`];
  const start = async (t, options) => open(t, await library(url), url, options);

  test(`events, acknowledgements and requests go both ways: ${transformer}`, async (t) => {
    const client = await start(t);
    client.emit('there', 1, VALUE);
    assert.deepEqual(await next(client, 'back'), [1, VALUE]);
    assert.deepEqual(await client.sendAck('ask', VALUE, [2]), [VALUE, [2]]);
    assert.deepEqual(await acked(client, 'ask', 1), [1]);
    assert.deepEqual(await client.sendAck('tell'), []);
    client.on('question', (...args) => args.pop()('answer', ...args));
    client.send('call me', VALUE, 0);
    assert.deepEqual(await next(client, 'heard'), ['answer', VALUE, 0]);
    client.on('request', (data, done) => done(`${data}!`));
    const heard = said(client);
    assert.deepEqual(await client.request('ask me'), { got: 'ask me' });
    assert.deepEqual(await heard, { heard: 'question!' });
    for (const data of [VALUE, null, 0, '', false]) assert.deepEqual(await client.request(data), { got: data });
    assert.equal(client.got.length, 1);
  });

  test(`a stream has messages, events and an end: ${transformer}`, async (t) => {
    const client = await start(t);
    const foo = client.substream('foo');
    const echoes = messages(foo, 4);
    [VALUE, [1], 0, null].forEach((data) => foo.write(data));
    assert.deepEqual(await echoes, [VALUE, [1], 0, null].map((echo) => ({ echo })));
    foo.emit('there', 'inside');
    assert.deepEqual(await next(foo, 'back'), ['inside']);
    assert.deepEqual(await foo.sendAck('ask', VALUE), [VALUE]);
    foo.on('question', (ack) => ack('from the stream'));
    foo.send('call me');
    assert.deepEqual(await next(foo, 'heard'), ['from the stream']);
    assert.deepEqual(await foo.request('x'), { got: 'x' });
    const last = said(foo);
    const ended = next(foo, 'end');
    foo.write('end it');
    assert.equal(await last, 'bye');
    await ended;
    assert.equal(foo.write('late'), false);
    // The server has none of its name now: what comes is data to it, and it says it again.
    const again = client.substream('foo');
    again.write('nobody');
    assert.equal(await said(again), 'nobody');
    assert.deepEqual(client.got, []);
  });

  test(`a channel has messages, events, a broadcast and an end: ${transformer}`, async (t) => {
    const client = await start(t);
    const [a, b] = [client.channel('news'), client.channel('news')];
    assert.deepEqual(await Promise.all([said(a), said(b)]), ['hi', 'hi']);
    const echoes = messages(a, 5);
    [VALUE, 0, '', false, null].forEach((data) => a.write(data));
    assert.deepEqual(await echoes, [VALUE, 0, '', false, null].map((echo) => ({ echo })));
    a.emit('there', 'inside');
    assert.deepEqual(await next(a, 'back'), ['inside']);
    assert.deepEqual(await b.sendAck('ask', VALUE), [VALUE]);
    b.on('question', (ack) => ack('from the channel'));
    b.send('call me');
    assert.deepEqual(await next(b, 'heard'), ['from the channel']);
    assert.deepEqual(await b.request('x'), { got: 'x' });
    const news = [next(a, 'news'), next(b, 'news')];
    a.write('all');
    assert.deepEqual(await Promise.all(news), [['for all'], ['for all']]);
    const last = said(a);
    const ended = next(a, 'end');
    a.write('end it');
    assert.equal(await last, 'bye');
    await ended;
    assert.equal(a.write('late'), false);
    b.end();
    assert.deepEqual(client.got, []);
  });

  test(`a resource has methods: ${transformer}`, async (t) => {
    const client = await start(t);
    const sums = client.resource('sums');
    assert.deepEqual(await next(sums, 'ready'), ['sums', ['add']]);
    assert.deepEqual(await sums.call('add', 1, 2), [3]);
    assert.deepEqual(await new Promise((done) => sums.add(2, 3, done)), 5);
    assert.deepEqual(client.got, []);
  });

  test(`what goes to a room comes to its members: ${transformer}`, async (t) => {
    const clients = [await start(t), await start(t), await start(t)];
    const [a, b, c] = clients;
    const room = `room of ${transformer}`;
    for (const client of [a, b]) {
      client.write({ do: 'join', room });
      assert.equal(await said(client), 'joined');
    }
    const heard = [said(a), said(b)];
    c.write({ do: 'write', room, what: VALUE });
    assert.deepEqual(await Promise.all(heard), [VALUE, VALUE]);
    for (const how of ['emit', 'send']) {
      const news = [next(a, 'news'), next(b, 'news')];
      a.write({ do: how, room, what: [how] });
      assert.deepEqual(await Promise.all(news), [[[how]], [[how]]]);
    }
    assert.deepEqual(clients.map(({ got }) => got.length), [2, 2, 0]);
  });

  test(`an id outlives the connection, and a reconnect the channels: ${transformer}`, async (t) => {
    const Primus = await library(url);
    const client = connect(t, Primus, url);
    const [id] = await next(client, 'mirage');
    assert.match(id, /^[\da-f]{16}$/);
    assert.deepEqual(await client.sendAck('who am i'), [id]);
    const news = client.channel('news');
    await said(news);
    const failed = assert.rejects(client.sendAck('nobody hears it'), /has ended/);
    const greeted = said(news);
    const back = next(client, 'reconnected');
    client.write({ do: 'away' });
    await failed;
    await back;
    assert.equal(await greeted, 'hi');
    assert.deepEqual(await client.sendAck('who am i'), [id]);
    assert.equal(client.mirage, id);
    const known = await open(t, Primus, url, { mirage: 'known é' });
    assert.deepEqual(await known.sendAck('who am i'), ['known é']);
  });

  test(`what the fortress refuses raises nothing, and analytics reports what there is: ${transformer}`, async (t) => {
    const hits = [];
    const client = await start(t, { analytics: { report: ({ eventAction }) => hits.push(eventAction) } });
    client.emit('forbidden', 1);
    client.write('forbidden');
    client.emit('there', 'last');
    await next(client, 'back');
    assert.deepEqual(client.got, []);
    assert.deepEqual(hits, ['open', 'forbidden', 'write', 'there']);
  });
}

// Without that of the other events, this one carries the ids.
test('an id comes by emitter, and a flat resource has its methods', async (t) => {
  const Primus = await library(urls.emitter);
  const client = connect(t, Primus, urls.emitter);
  const sums = client.resource('flat', false);
  const ready = next(sums, 'ready');
  const [id] = await next(client, 'mirage');
  assert.deepEqual(await ready, ['flat', ['add']]);
  assert.deepEqual(await client.sendAck('who am i'), [id]);
  assert.deepEqual(await sums.call('add', 1, 2), [3]);
});
