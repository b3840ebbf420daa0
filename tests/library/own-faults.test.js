'use strict';

//
// This crate's client halves when something is odd or goes wrong: what servers send
// that none should, answers that never come, connections that end.
//

const assert = require('node:assert/strict');
const test = require('node:test');
const { next, thrown, until } = require('./support');
const { clients, recorded, record, serve } = require('./own');

const ALL = Object.fromEntries(['emit', 'emitter', 'responder', 'substream', 'multiplex', 'resource', 'mirage', 'analytics'].map((name) => [name, name]));

const ODD = [null, 0, 1, -1.5, true, '', 'text', '__proto__', 'constructor', 'data', [], [[]], {}, { emit: {} }];
const LARGE = ['x'.repeat(65536), Array(20000).fill(0)];

// Everything that was recorded, with each of its parts replaced and left out.
function variations() {
  const all = [...ODD, ...LARGE, [0], [1], [2], [0, null, null], [9, 'a', 'b'], { toString: 1, valueOf: null }];
  const vary = (value, make) => {
    for (const odd of ODD) all.push(make(odd));
    if (!value || typeof value !== 'object') return;
    for (const key of Object.keys(value)) {
      const copy = () => (Array.isArray(value) ? [...value] : { ...value });
      const without = copy();
      if (Array.isArray(value)) without.splice(key, 1);
      else delete without[key];
      all.push(make(without));
      vary(value[key], (changed) => make(Object.assign(copy(), { [key]: changed })));
    }
  };
  const files = ['primus-emit/basic', 'primus-emitter/basic', 'primus-responder/basic', 'substream/basic', 'primus-multiplex/basic', 'primus-resource/multiplexed', 'primus-resource/flat'];
  for (const file of files) {
    const kinds = new Map(recorded(file).map(({ text }) => [text.replace(/"[^"]{3,}"(?!:)|\d+/g, ''), JSON.parse(text)]));
    for (const value of kinds.values()) vary(value, (changed) => changed);
    // What is a list, or a name, is long.
    const [first] = kinds.values();
    for (const key of Object.keys(first)) for (const large of LARGE) all.push(Object.assign(Array.isArray(first) ? [...first] : { ...first }, { [key]: large }));
  }
  all.push({ emit: ['hi', ...LARGE[1]] }, { type: 0, data: ['hi', ...LARGE[1]], id: 1 }, { type: 1, data: LARGE[1], id: 1 });
  return [...new Set(all.map((message) => JSON.stringify(message)))].map((text) => JSON.parse(text));
}

for (const [name, load] of Object.entries(clients).slice(1)) {
  const Primus = load('all');

  test(`what is odd does no harm: ${name}`, async (t) => {
    const sent = variations();
    assert.ok(sent.length > 500, `${sent.length} variations`);
    const errors = thrown(t);
    const url = await serve(t, {}, { connected: (spark) => spark.on('data', (data) => {
      if (!Array.isArray(data) || data[0] !== 1) return;
      // What was for a channel is for that of the client.
      for (const message of sent) spark.write(typeof message?.[1] === 'string' && message[1].length > 8 ? [message[0], data[1], ...message.slice(2)] : message);
      spark.write({ done: true });
    }) });
    const client = record(t, Primus, url);
    const stream = client.substream('foo');
    const news = client.channel('news');
    const creature = client.resource('creature', false);
    client.sendAck('ask').catch(() => {});
    client.request('ask').catch(() => {});
    for (const emitter of [client, stream, news, creature]) for (const event of ['hi', 'news', 'request', 'text', 'ready']) {
      emitter.on(event, (...args) => {
        const answer = args[args.length - 1];
        if (typeof answer === 'function') answer(1, answer(2));
      });
    }
    let done = 0;
    client.on('data', (data) => { done += data?.done === true; });
    await until('all came', () => done === 1, 60000);
    assert.deepEqual(errors, []);
    assert.equal(client.readyState, Primus.OPEN);
    assert.ok(client.told.every((event) => event === 'open'), `${client.told}`);
    assert.equal({}.polluted, undefined);
    assert.equal(Object.getPrototypeOf(creature).constructor.name, 'Resource');
  });

  test(`names of the client's own stay its own: ${name}`, async (t) => {
    const names = ['open', 'close', 'end', 'error', 'data', 'destroy', 'reconnect', 'request', 'readyStateChange', 'outgoing::end', 'incoming::data', 'toString', '__proto__', 'constructor'];
    const url = await serve(t, {}, { connected: (spark) => {
      for (const event of names) spark.write({ emit: [event, 'evil'] });
      for (const event of names) spark.write({ type: 0, data: [event, 'evil'], id: 1 });
      spark.write('done');
    } });
    const client = record(t, Primus, url);
    const heard = [];
    for (const event of names) if (event !== 'incoming::data') client.on(event, (argument) => heard.push([event, argument]));
    await until('the last', () => heard.some(([, argument]) => argument === 'done'));
    assert.deepEqual(heard.filter(([, argument]) => argument === 'evil'), []);
    assert.deepEqual(client.frames.filter(({ dir }) => dir === 'c2s'), []);
  });

  test(`who waits is told that it takes too long, and that the connection ends: ${name}`, async (t) => {
    const url = await serve(t, {}, { connected: (spark) => spark.on('data', (data) => data === 'away' && spark.end(undefined, { reconnect: true })) });
    const client = record(t, Primus, url, { ackTimeout: 20, requestTimeout: 20 });
    await next(client, 'open');
    const channels = () => [client, client.substream('foo'), client.channel('news')];
    for (const channel of channels()) {
      await assert.rejects(channel.sendAck('ask'), /No answer in 20 ms/);
      await assert.rejects(channel.request('ask'), /No answer in 20 ms/);
      await assert.rejects(channel.request('ask', 10), /No answer in 10 ms/);
    }
    await assert.rejects(client.resource('sums').call('add', 1), /No answer/);
    for (const options of [{ ackTimeout: false }, { ackTimeout: Infinity }, { ackTimeout: 2 ** 40 }]) {
      Object.assign(client.options, options, { requestTimeout: options.ackTimeout });
      const waiting = channels().flatMap((channel) => [channel.sendAck('ask'), channel.request('ask'), channel.request('ask', 0)]);
      const all = Promise.allSettled(waiting);
      client.write('away');
      for (const { reason } of await all) assert.match(reason.message, /has ended/);
      if (client.readyState !== Primus.OPEN) await next(client, 'open');
    }
    // A channel, and a connection that is not there yet.
    const [, stream, news] = channels();
    const waiting = [stream, news].map((channel) => assert.rejects(channel.sendAck('ask'), /has ended/));
    stream.end();
    news.end();
    await Promise.all(waiting);
    await assert.rejects(stream.request('x'), /has ended/);
    await assert.rejects(news.sendAck('x'), /has ended/);
    client.end();
    const last = assert.rejects(client.sendAck('ask'), /has ended/);
    client.open();
    client.destroy();
    await last;
    await assert.rejects(client.sendAck('x'), /has ended/);
    await assert.rejects(client.request('x'), /has ended/);
  });

  test(`what is not an event is told so: ${name}`, async (t) => {
    const url = await serve(t, {});
    const client = record(t, Primus, url);
    for (const event of [null, 5, 'constructor', '__proto__', undefined, {}]) {
      await assert.rejects(client.sendAck(event), /Not an event/);
      client.send(event);
    }
    // Those stay here.
    for (const event of [Symbol('s'), 'toString', '__proto__', 'open', 'newListener']) client.emit(event, 1);
    await next(client, 'open');
    client.write('x');
    assert.deepEqual(client.frames.map(({ text }) => text), ['"x"']);
  });

  test(`no more wait than there is room for: ${name}`, async (t) => {
    const url = await serve(t, {});
    const client = record(t, Primus, url, { manual: true, ackTimeout: false });
    const first = assert.rejects(client.sendAck('ask'), /Too many/);
    const others = Array.from({ length: 10000 }, () => client.sendAck('ask'));
    await first;
    const all = Promise.allSettled(others);
    client.destroy();
    assert.ok((await all).every(({ reason }) => /has ended/.test(reason.message)));
  });

  test(`an acknowledgement goes where the event came from, or nowhere: ${name}`, async (t) => {
    const sparks = [];
    const url = await serve(t, {}, { connected: (spark) => {
      sparks.push(spark);
      spark.write({ type: 0, data: ['hello'], id: 1 });
      spark.write({ plugin: 'primus-responder', requestId: 'a', data: 1 });
    } });
    const client = record(t, Primus, url);
    const answers = [];
    client.on('hello', (ack) => answers.push(ack));
    client.on('request', (data, done) => answers.push(done));
    await until('the first event', () => answers.length === 2);
    sparks[0].end(undefined, { reconnect: true });
    await until('the second event', () => answers.length === 4);
    answers.forEach((answer, at) => answer(at));
    const sent = client.frames.filter(({ dir }) => dir === 'c2s').map(({ text }) => text);
    assert.deepEqual(sent, ['{"id":1,"type":1,"data":[2]}', '{"plugin":"primus-responder","responseId":"a","data":3}']);
  });

  test(`mirage waits for its id, but answers pings: ${name}`, async (t) => {
    const got = [];
    let pongs = 0;
    let id;
    const url = await serve(t, {}, {
      options: { pingInterval: 100 },
      connected(spark) {
        spark.on('data', (data) => got.push(data));
        [null, 5, '', {}].forEach((wrong) => spark.write({ emit: ['mirage', wrong] }));
        spark.on('incoming::pong', () => {
          pongs += 1;
          if (id) spark.write({ emit: ['mirage', id] });
        });
      }
    });
    const client = record(t, Primus, url, { mirage: undefined, queueSize: 2, pingTimeout: 60000 });
    ['a', 'b', 'c'].forEach((message) => client.write(message));
    await next(client, 'open');
    client.write('d');
    await until('pings are answered', () => pongs >= 2);
    assert.deepEqual(got, []);
    assert.equal(client.mirage, undefined);
    id = '\ud800 id';
    await until('what waited', () => got.length >= 2);
    assert.deepEqual(got, ['c', 'd']);
    const address = { query: 'a=b' };
    client.emit('outgoing::url', address);
    assert.equal(address.query, 'a=b&_mirage=%EF%BF%BD%20id');
  });

  test(`analytics tells what happens: ${name}`, async (t) => {
    const hits = [];
    const url = await serve(t, {}, { connected: (spark) => spark.on('data', (data) => data === 'away' && spark.end(undefined, { reconnect: true })) });
    const analytics = { category: 'test', app: 'it', events: { open: 'opened', close: false }, report: (hit) => hits.push(hit) };
    const client = record(t, Primus, url, { analytics });
    await next(client, 'open');
    client.emit('error', new Error('broken'));
    client.emit('hello', 1);
    client.send('more');
    [null, 5, { emit: 1 }, { type: 0, data: [{}] }].forEach((message) => client.write(message));
    client.write('away');
    await next(client, 'open');
    const event = (eventAction) => ({ eventAction, eventCategory: 'test', hitType: 'event', nonInteraction: 1 });
    const names = ['opened', 'hello', 'more', 'write', 'write', 'write', 'write', 'write', 'reconnect-start', 'reconnected', 'opened'];
    assert.deepEqual(hits.filter(({ hitType }) => hitType === 'event'), names.map(event));
    assert.deepEqual(hits.filter(({ hitType }) => hitType !== 'event'), [{ hitType: 'exception', exDescription: 'broken', exFatal: true, appName: 'it' }]);

    const told = [];
    globalThis.ga = (...hit) => told.push(hit);
    t.after(() => { delete globalThis.ga; });
    const other = record(t, Primus, url, { analytics: null });
    await next(other, 'open');
    assert.deepEqual(told, [['send', { eventAction: 'open', eventCategory: 'primus', hitType: 'event', nonInteraction: 1 }]]);
  });
}
