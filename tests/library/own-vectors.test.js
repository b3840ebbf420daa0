'use strict';

//
// This crate's client halves against JavaScript servers with the npm plugins: what was
// recorded between the halves of npm is done again, and the frames are the same.
//

const assert = require('node:assert/strict');
const test = require('node:test');
const { messages, next, until } = require('./support');
const { agrees, clients, recorded, record, serve } = require('./own');

// Heard here, in order.
function hear(emitter, ...events) {
  const heard = [];
  for (const event of events) emitter.on(event, (...args) => heard.push([event, ...args]));
  return heard;
}

const settled = (client, count) => until(`${count} frames: ${JSON.stringify(client.frames)}`, () => client.frames.length >= count);

// The last of these changes the sparks of all servers in the process.
for (const [name, load] of Object.entries(clients)) {
  test(`emit, basic: ${name}`, async (t) => {
    const got = [];
    const url = await serve(t, 'emit', { connected(spark) {
      spark.emit('event-name', 'arguments');
      spark.on('custom-event', () => spark.emit('foo', 'bar'));
      spark.on('odd', (...args) => got.push(args));
      spark.on('data', (data) => got.push(data));
    } });
    const client = record(t, load('emit'), url);
    client.on('event-name', (argument) => {
      assert.equal(argument, 'arguments');
      client.emit('custom-event', { foo: 'foo' }, 1, 'bar');
    });
    assert.deepEqual(await next(client, 'foo'), ['bar']);
    client.emit('noargs');
    client.emit('odd', undefined, null, () => {}, NaN, [1, [2]], { a: undefined });
    assert.equal(client.emit('ret-value'), true);
    ['plain', { emit: 'not-an-array' }, ['emit']].forEach((message) => client.write(message));
    await until('all came', () => got.length === 4);
    assert.deepEqual(got, [[null, null, null, null, [1, [2]], {}], 'plain', { emit: 'not-an-array' }, ['emit']]);
    agrees(client, recorded('primus-emit/basic'));
  });

  test(`emit, reserved: ${name}`, async (t) => {
    const frames = recorded('primus-emit/reserved').filter(({ dir }) => dir === 's2c').map(({ text }) => JSON.parse(text));
    const url = await serve(t, {}, { connected: (spark) => [...frames, 'done'].forEach((frame) => spark.write(frame)) });
    const client = record(t, load('emit'), url);
    const heard = hear(client, ...frames.map(({ emit }) => emit[0]).filter((event) => event !== 'outgoing::end'));
    await until('the last', () => heard.some(([, data]) => data === 'done'));
    assert.deepEqual(heard.filter(([event]) => !['open', 'data'].includes(event)), [['connection', 'evil']]);
    assert.deepEqual(heard.filter(([event]) => event === 'data').map(([, data]) => data), ['done']);
  });

  test(`responder, basic: ${name}`, async (t) => {
    const answers = [];
    const url = await serve(t, 'responder', { connected(spark) {
      spark.on('request', (data, done) => done(data));
      spark.on('data', (data) => answers.push(data));
      spark.writeAndWait('request from server', (answer) => answers.push(answer));
      spark.writeAndWait({ n: 2 }, (answer) => answers.push(answer));
    } });
    const client = record(t, load('responder'), url);
    client.on('request', (data, done) => {
      if (typeof data !== 'string') return done();
      done({ res: 'from client' });
      done('twice');
    });
    await until('the requests of the server', () => answers.length === 2);
    const got = await Promise.all(['request from client', [1, 2], undefined, null].map((data) => client.request(data)));
    got.push(await new Promise((done) => client.writeAndWait(false, done)));
    client.write('plain');
    await until('the message', () => answers.length === 3);
    assert.deepEqual(answers, [{ res: 'from client' }, undefined, 'plain']);
    assert.deepEqual(got, ['request from client', [1, 2], undefined, null, false]);
    // Ours answers once.
    agrees(client, recorded('primus-responder/basic'), (frames) => frames.filter(({ text }) => !/twice/.test(text)));
  });

  test(`substream, basic: ${name}`, async (t) => {
    const got = [];
    const url = await serve(t, 'substream', { connected(spark) {
      const foo = spark.substream('foo');
      foo.on('data', (data) => foo.write({ echo: data }));
      spark.substream('bar').on('data', (data) => got.push(['bar', data]));
      spark.on('data', (data) => got.push(data));
    } });
    const client = record(t, load('substream'), url);
    const foo = client.substream('foo');
    const echoed = messages(foo, 6);
    const heard = hear(foo, 'readyStateChange');
    foo.write('before open');
    await next(foo, 'data');
    assert.equal(client.substream('foo'), foo);
    client.substream('bar').write({ a: 1 });
    [[1, 2], 0, null, undefined, ''].forEach((data) => foo.write(data));
    client.substream('/nested/../x y').write('odd name');
    client.write('plain');
    assert.deepEqual(await echoed, [{ echo: 'before open' }, { echo: [1, 2] }, { echo: 0 }, { echo: null }, {}, { echo: '' }]);
    await until('all came', () => got.length === 3);
    assert.deepEqual(got, [['bar', { a: 1 }], { substream: '/nested/../x y', args: 'odd name' }, 'plain']);
    assert.equal(heard[heard.length - 1][1], 'open');
    agrees(client, recorded('substream/basic'));
  });

  test(`substream, end: ${name}`, async (t) => {
    let second = false;
    const url = await serve(t, 'substream', { connected(spark) {
      const foo = spark.substream('foo');
      foo.on('end', () => spark.substream('foo').on('data', function () {
        second = true;
        this.end({ bye: true });
      }));
    } });
    const client = record(t, load('substream'), url);
    await next(client, 'open');
    const foo = client.substream('foo');
    const heard = hear(foo, 'close', 'end');
    foo.write('hi');
    foo.end('last words');
    assert.deepEqual(heard, [['close'], ['end']]);
    assert.equal(foo.write('more'), false);
    assert.equal(foo.end('more'), foo);
    const again = client.substream('foo');
    const bye = next(again, 'data');
    const ended = next(again, 'end');
    again.write('again');
    assert.deepEqual((await bye)[0], { bye: true });
    await ended;
    assert.ok(second);
    assert.deepEqual(Object.keys(client.streams), []);
    agrees(client, recorded('substream/end'));
  });

  test(`substream, the connection ends: ${name}`, async (t) => {
    const sparks = [];
    const url = await serve(t, 'substream', { connected(spark) {
      sparks.push(spark);
      spark.substream('foo').write('hello');
    } });
    const client = record(t, load('substream'), url);
    const foo = client.substream('foo');
    await next(foo, 'data');
    const heard = hear(foo, 'readyStateChange', 'close', 'end');
    sparks[0].end();
    await next(client, 'end');
    assert.deepEqual(heard.map(([event]) => event), ['readyStateChange', 'close', 'end']);
    assert.deepEqual(client.buffer, []);
    // The end of it, which npm's half sends now, would end the stream that is new.
    client.open();
    const again = client.substream('foo');
    await next(again, 'data');
    client.write('first');
    await settled(client, 4);
    agrees(client, [
      { dir: 's2c', text: '{"substream":"foo","args":"hello"}' },
      ...recorded('substream/connection-end', 'a'),
      { dir: 's2c', text: '{"substream":"foo","args":"hello"}' },
      { dir: 'c2s', text: '"first"' }
    ]);
  });

  test(`substream, reconnect: ${name}`, async (t) => {
    const got = [];
    const url = await serve(t, 'substream', { connected(spark) {
      spark.substream('foo').on('data', (data) => {
        got.push(data);
        if (data === 'one') spark.end(undefined, { reconnect: true });
      });
    } });
    const client = record(t, load('substream'), url);
    const foo = client.substream('foo');
    client.on('close', () => foo.write('while down'));
    foo.write('one');
    await next(client, 'reconnected');
    foo.write('two');
    await until('all came', () => got.length === 3);
    assert.deepEqual(got, ['one', 'while down', 'two']);
    agrees(client, recorded('substream/reconnect'));
  });

  test(`substream, transforms: ${name}`, async (t) => {
    const url = await serve(t, 'substream', {
      connected(spark) {
        const foo = spark.substream('foo');
        foo.on('data', (data) => assert.deepEqual(data, { m: 1, t: 'substream' }) || foo.write({ r: 1 }));
      }
    });
    const client = record(t, load('substream'), url);
    const foo = client.substream('foo');
    const seen = [];
    client.transform('outgoing', function (packet) {
      packet.data.t = this === foo ? 'substream' : 'primus';
    });
    client.transform('incoming', function (packet) {
      seen.push([this === foo, packet.data]);
    });
    foo.write({ m: 1 });
    assert.deepEqual((await next(foo, 'data'))[0], { r: 1 });
    client.write({ m: 2 });
    assert.deepEqual(seen, [[true, { r: 1 }]]);
    await settled(client, 3);
    agrees(client, recorded('substream/transformers'));
  });

  test(`mirage, ids: ${name}`, async (t) => {
    const asked = [];
    const url = await serve(t, 'mirage', {
      prepare(primus) {
        primus.id.generator((spark, done) => done(null, 'generated-id'));
        primus.id.validator((spark, done) => done(null, spark.mirage === 'old' ? 'new' : undefined));
      },
      connected(spark) {
        asked.push(spark.request.url);
        spark.on('hello', () => spark.end());
      }
    });
    for (const [conn, mirage, id] of [['a', undefined, 'generated-id'], ['b', 'known', 'known'], ['c', 'old', 'new'], ['f', 'a b&c=ü', 'a b&c=ü']]) {
      const client = record(t, load('mirage'), `${url}?x=1`, { mirage });
      client.write('early');
      client.on('open', () => client.emit('hello', mirage));
      await next(client, 'end');
      assert.equal(client.mirage, id);
      agrees(client, recorded('mirage/ids', conn), (frames) => [...frames, { dir: 's2c', text: '"primus::server::close"' }]);
    }
    assert.deepEqual(asked.map((path) => path.replace(/_primuscb=[\w-]+/, '_primuscb=<cb>')), [
      '/primus?x=1&_primuscb=<cb>', '/primus?x=1&_primuscb=<cb>&_mirage=known',
      '/primus?x=1&_primuscb=<cb>&_mirage=old', '/primus?x=1&_primuscb=<cb>&_mirage=a%20b%26c%3D%C3%BC'
    ]);
  });
}

for (const [name, load] of Object.entries(clients)) {
  test(`emitter, basic: ${name}`, async (t) => {
    const acked = [];
    const url = await serve(t, 'emitter', { connected(spark) {
      spark.send('hi', 'good morning');
      spark.send('news', 'good morning', (...answer) => acked.push(answer));
      spark.send('news', 'second', (...answer) => acked.push(answer));
      spark.on('ask', (question, ack) => {
        ack('answer', { n: 1 }, null);
        ack('again');
      });
    } });
    const client = record(t, load('emitter'), url);
    const heard = hear(client, 'hi', 'data');
    client.on('news', (text, ack) => {
      ack('by client');
      ack('again');
    });
    await until('the acknowledgements of the client', () => acked.length === 2);
    assert.deepEqual(acked, [['by client'], ['by client']]);
    assert.equal(client.send('sport', 'ping-pong', 2, { x: 1 }), client);
    client.send('bare');
    const first = new Promise((done) => client.send('ask', 'q?', (...answer) => done(answer)));
    client.send('noack', 1, () => assert.fail('nobody acknowledges it'));
    assert.deepEqual(await client.sendAck('ask', 'q2'), ['answer', { n: 1 }, null]);
    assert.deepEqual(await first, ['answer', { n: 1 }, null]);
    // What is a packet is no message.
    assert.deepEqual(heard, [['hi', 'good morning']]);
    agrees(client, recorded('primus-emitter/basic'));
  });

  test(`emitter, reconnect: ${name}`, async (t) => {
    const heard = [];
    const url = await serve(t, 'emitter', { connected(spark) {
      spark.on('slow', (n, ack) => {
        if (n === 1) return spark.end(undefined, { reconnect: true });
        ack(`late ${n}`);
      });
      spark.send('hello', (answer) => heard.push(answer));
    } });
    const client = record(t, load('emitter'), url);
    client.on('hello', (ack) => ack('hi'));
    await until('the first hello', () => heard.length === 1);
    const failed = assert.rejects(client.sendAck('slow', 1), /has ended/);
    await next(client, 'close');
    const late = client.sendAck('slow', 2);
    await failed;
    assert.deepEqual(await late, ['late 2']);
    await until('the second hello', () => heard.length === 2);
    agrees(client, recorded('primus-emitter/reconnect'));
  });

  test(`emitter, invalid: ${name}`, async (t) => {
    const packets = recorded('primus-emitter/invalid').map(({ text }) => JSON.parse(text));
    const url = await serve(t, {}, { connected: (spark) => [...packets, null, 'done'].forEach((packet) => spark.write(packet)) });
    const client = record(t, load('emitter'), url);
    const heard = hear(client, 'ev', 'data', 'undefined', '[object Object]');
    await until('the last', () => heard.some(([, data]) => data === 'done'));
    const acks = heard.filter(([event, , ack]) => event !== 'data' && ack);
    assert.deepEqual(heard.filter(([event]) => event !== 'data').map(([event, arg]) => [event, arg]), [['ev', 1], ['ev', 3]]);
    acks[0][2]('echo');
    const isData = ({ type, data, id }) => !Array.isArray(data) || ![0, 1].includes(type) || typeof (id || 0) !== 'number';
    assert.deepEqual(heard.filter(([event]) => event === 'data').map(([, data]) => data), [...packets.filter(isData), null, 'done']);
    client.send('newListenerFoo', 1).send('constructor', 1).send(null).send(5).send('end', 'x');
    agrees(client, recorded('primus-emitter/invalid'), (frames) => [
      ...frames.map((frame) => ({ ...frame, dir: 's2c' })), { dir: 's2c', text: 'null' }, { dir: 's2c', text: '"done"' },
      { dir: 'c2s', text: '{"id":-1.5,"type":1,"data":["echo"]}' }, { dir: 'c2s', text: '{"type":0,"data":["end","x"]}' }
    ]);
  });

  test(`mirage, reconnect with emitter: ${name}`, async (t) => {
    const seen = [];
    const url = await serve(t, { mirage: 'mirage', emitter: 'primus-emitter' }, { connected(spark) {
      seen.push(spark.mirage);
      spark.on('data', (data) => data === 'one' && spark.end(undefined, { reconnect: true }));
    } });
    const client = record(t, load('mirage-emitter'), url, { mirage: undefined });
    client.write('one');
    await next(client, 'mirage');
    await next(client, 'reconnected');
    client.write('two');
    await until('the second connection', () => seen.length === 2);
    assert.equal(seen[0], seen[1]);
    assert.equal(client.mirage, seen[0]);
    agrees(client, recorded('mirage/reconnect-with-emitter'), (frames) => frames.map((frame) => ({ ...frame, text: frame.text.replace('5ce757727f93b184', client.mirage) })));
  });
}
