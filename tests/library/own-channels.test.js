'use strict';

//
// As `own-vectors.test.js`: the halves of multiplex, and of resource, which is made of
// it and of emitter.
//

const assert = require('node:assert/strict');
const test = require('node:test');
const { messages, next, until } = require('./support');
const { agrees, clients, recorded, record, serve } = require('./own');

const packet = (dir, ...list) => ({ dir, text: JSON.stringify(list) });

for (const [name, load] of Object.entries(clients)) {
  test(`multiplex, basic: ${name}`, async (t) => {
    const got = [];
    const channels = {};
    const url = await serve(t, { multiplex: 'primus-multiplex' }, {
      prepare(primus) {
        for (const channel of ['news', 'sport']) channels[channel] = primus.channel(channel).on('connection', (spark) => {
          spark.write(`hi from ${channel}`);
          spark.on('data', (data) => got.push(data));
          spark.on('end', () => got.push(`the end of ${channel}`));
        });
      },
      connected: (spark) => spark.on('data', (data) => Array.isArray(data) || got.push(data))
    });
    const client = record(t, load('multiplex'), url);
    client.on('data', () => assert.fail('it is for a channel'));
    const [news, sport, other] = ['news', 'sport', 'news'].map((channel) => client.channel(channel));
    const events = [];
    for (const event of ['readyStateChange', 'open', 'close', 'end']) sport.on(event, () => events.push(event));
    const greetings = [news, sport, other].map((channel) => next(channel, 'data'));
    assert.equal(client.channel(''), client);
    news.write('before open');
    for (const [at, greeting] of greetings.entries()) assert.deepEqual(await greeting, [`hi from ${at === 1 ? 'sport' : 'news'}`]);
    news.write({ a: 1 });
    other.write([1, 2]);
    [0, '', false, null, undefined].forEach((data) => news.write(data));
    await until('the messages to news', () => got.length === 8);
    const broadcasts = [news, other, sport].map((channel) => next(channel, 'data'));
    channels.news.write('broadcast to channel');
    channels.sport.forEach((spark) => spark.write('forEach'));
    assert.deepEqual(await Promise.all(broadcasts), [['broadcast to channel'], ['broadcast to channel'], ['forEach']]);
    client.write('plain');
    sport.end('closing data');
    assert.equal(sport.write('after end'), false);
    assert.equal(sport.end(), sport);
    await until('the end of sport', () => got.includes('the end of sport'));
    // What is falsy is there.
    assert.deepEqual(got, ['before open', { a: 1 }, [1, 2], 0, '', false, null, undefined, 'plain', 'closing data', 'the end of sport']);
    assert.deepEqual(events.slice(-3), ['open', 'close', 'end']);
    await until('the answer of the server', () => client.frames.length === 21);
    agrees(client, recorded('primus-multiplex/basic'), (frames) => {
      // Falsy messages are sent, and nothing after the end.
      const falsy = frames.findIndex(({ dir, text }) => dir === 'c2s' && text === '[0,"wxbr957cvh","news"]');
      const ours = frames.filter(({ text }) => !/after end/.test(text));
      [0, '', false, null].forEach((data, at) => { ours[falsy + at] = packet('c2s', 0, 'wxbr957cvh', 'news', data); });
      return ours;
    });
  });

  test(`multiplex, the server ends a channel: ${name}`, async (t) => {
    const url = await serve(t, { multiplex: 'primus-multiplex' }, { prepare(primus) {
      const news = primus.channel('news');
      news.on('connection', (spark) => spark.on('data', (data) => {
        if (data === 'kick me') spark.end('bye');
        else news.destroy();
      }));
    } });
    const client = record(t, load('multiplex'), url);
    for (const data of ['kick me', 'destroy']) {
      const news = client.channel('news');
      const events = [];
      for (const event of ['data', 'close', 'end']) news.on(event, () => events.push(event));
      news.write(data);
      await next(news, 'end');
      assert.deepEqual(events, data === 'destroy' ? ['close', 'end'] : ['data', 'close', 'end']);
      assert.equal(news.write('more'), false);
      await until('both ends of it', () => client.frames.slice(-2).every(({ text }) => /^\[2/.test(text)));
    }
    agrees(client, recorded('primus-multiplex/server-end'));
  });

  test(`multiplex, reconnect: ${name}`, async (t) => {
    const got = [];
    const url = await serve(t, { multiplex: 'primus-multiplex' }, {
      prepare(primus) {
        primus.channel('news').on('connection', (spark) => spark.on('data', (data) => {
          got.push(data);
          if (data === 'one') spark.conn.end(undefined, { reconnect: true });
        }));
      }
    });
    const client = record(t, load('multiplex'), url);
    const news = client.channel('news');
    news.on('close', () => got.length === 1 && news.write('while down'));
    news.on('reconnected', () => news.write('two'));
    news.write('one');
    await until('what was written meanwhile', () => got.length === 3);
    client.end();
    client.open();
    news.write('three');
    await until('the last', () => got.length === 4);
    assert.equal(got.pop(), 'three');
    // The event comes before or after what waits is sent, as the client has it.
    assert.deepEqual(got.sort(), ['one', 'two', 'while down']);
    // The server is told of the channel first, on each connection.
    const kinds = client.frames.map(({ text }) => JSON.parse(text)).map(([type, , , data]) => (type ? 'subscribe' : data));
    assert.deepEqual(kinds.filter((kind) => kind !== 'two'), ['subscribe', 'one', 'subscribe', 'while down', 'subscribe', 'three']);
  });

  test(`multiplex, what a channel that has ended still has to say arrives: ${name}`, async (t) => {
    const got = [];
    const url = await serve(t, { multiplex: 'primus-multiplex' }, { prepare(primus) {
      primus.channel('news').on('connection', (spark) => {
        spark.on('data', (data) => got.push(data));
        spark.on('end', () => got.push('end'));
      });
    } });
    const client = record(t, load('multiplex'), url);
    client.channel('news').end();
    client.channel('news').end('bye');
    client.write('plain');
    await until('the end', () => got.length === 2 && client.frames.length === 5);
    assert.deepEqual(got, ['bye', 'end']);
    agrees(client, [packet('c2s', 1, 'x', 'news'), packet('c2s', 0, 'x', 'news', 'bye'), packet('c2s', 2, 'x', 'news'), { dir: 'c2s', text: '"plain"' }, packet('s2c', 2, 'x', 'news')]);
  });
}

for (const [name, load] of Object.entries(clients)) {
  test(`multiplex with emitter: ${name}`, async (t) => {
    const url = await serve(t, 'multiplex', { prepare(primus) {
      const chat = primus.channel('chat');
      chat.on('connection', (spark) => {
        spark.on('hello', (who, ack) => ack('hello to you'));
        spark.on('all', () => {
          spark.write('to room');
          spark.write('from a spark');
          chat.send('news', 'all');
        });
      });
    } });
    const client = record(t, load('multiplex'), url);
    const chat = client.channel('chat');
    assert.deepEqual(await chat.sendAck('hello', 'me'), ['hello to you']);
    const written = messages(chat, 2);
    const news = next(chat, 'news');
    chat.send('all');
    assert.deepEqual(await written, ['to room', 'from a spark']);
    assert.deepEqual(await news, ['all']);
    agrees(client, recorded('primus-multiplex/with-emitter-and-rooms', 'a'), (frames) => {
      const all = frames.findIndex(({ text }) => /to room/.test(text));
      return [...frames.slice(0, all), packet('c2s', 0, 'msqienepth', 'chat', { type: 0, data: ['all'] }), ...frames.slice(all)];
    });
  });

  // With `emit` on the server, and a client that has more: events have their channel.
  test(`resource, multiplexed: ${name}`, async (t) => {
    const sparks = [];
    let creature;
    const url = await serve(t, 'resource', { prepare(primus) {
      creature = primus.resource('creature', {
        oncommand: (spark, command, fn) => fn(`Creature just got command: ${command}`),
        onwalk: (spark, fn) => fn('walking'),
        onFooBar: () => creature.broadcast('news', 1, { two: 2 }),
        once() {}, onready() {}, onconnection() {}
      });
    }, connected: (spark) => sparks.push(spark) });
    const client = record(t, load('resource'), url);
    const res = client.resource('creature');
    let ready = 0;
    res.on('ready', () => { ready += 1; });
    assert.deepEqual(await next(res, 'ready'), ['creature', ['command', 'walk', 'FooBar']]);
    const slept = new Promise((done) => res.command('sleep', done));
    const walked = res.call('walk');
    const news = next(res, 'news');
    res.FooBar();
    assert.equal(await slept, 'Creature just got command: sleep');
    assert.deepEqual(await walked, ['walking']);
    assert.deepEqual(await news, [1, { two: 2 }]);
    sparks[0].end(undefined, { reconnect: true });
    await next(client, 'reconnected');
    assert.deepEqual(await res.call('command', 'after reconnect'), ['Creature just got command: after reconnect']);
    assert.equal(ready, 1);
    agrees(client, recorded('primus-resource/multiplexed'));
  });

  test(`resource, flat: ${name}`, async (t) => {
    let creature;
    const url = await serve(t, 'resource', { prepare(primus) {
      creature = primus.resource('creature', {
        oncommand: (spark, command, fn) => fn(`Creature just got command: ${command}`),
        onwalk(spark, fn) {
          fn('walking');
          creature.broadcast('news', 1);
        },
        onFooBar() {}
      }, false);
    } });
    const client = record(t, load('resource'), url);
    const res = client.resource('creature', false);
    await next(res, 'ready');
    const slept = new Promise((done) => res.command('sleep', done));
    const news = next(res, 'news');
    assert.deepEqual(await res.call('walk'), ['walking']);
    assert.equal(await slept, 'Creature just got command: sleep');
    assert.deepEqual(await news, [1]);
    agrees(client, recorded('primus-resource/flat'));
  });
}
