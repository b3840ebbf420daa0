'use strict';

//
// This crate's client halves over every carrier and with every parser, against
// JavaScript servers with the npm plugins.
//

const assert = require('node:assert/strict');
const test = require('node:test');
const { carriers, connect, file, next } = require('./support');
const { serve } = require('./own');

const ways = [
  ...['ejson', 'binary', 'msgpack'].map((parser) => ({ name: `websockets, ${parser}`, transformer: 'websockets', parser, transport: {} })),
  ...carriers.filter(({ transport }) => transport.protocol !== 3).map((carrier) => ({ ...carrier, parser: 'json' }))
];

const VALUE = { list: [1, 'é😀', null, { a: true }] };

function start(t, { transformer, parser, transport }, plugins, server) {
  const Primus = require(file(`plugins-own-all-${transformer}-${parser}`));
  return serve(t, plugins, { ...server, options: { transformer, parser } }).then((url) => connect(t, Primus, url, { mirage: 'known id', transport }));
}

for (const way of ways) test(`emit and mirage: ${way.name}`, async (t) => {
  let seen;
  const client = await start(t, way, 'mirage', { connected(spark) {
    seen = spark.mirage;
    spark.on('there', (...args) => spark.emit('back', ...args));
  } });
  client.emit('there', 1, VALUE);
  assert.deepEqual(await next(client, 'back'), [1, VALUE]);
  assert.equal(seen, 'known id');
});

for (const way of ways) test(`emitter, responder, substream, multiplex and resource: ${way.name}`, async (t) => {
  const plugins = { emitter: 'primus-emitter', responder: 'primus-responder', substream: 'substream', multiplex: 'primus-multiplex', resource: 'primus-resource' };
  const client = await start(t, way, plugins, {
    prepare(primus) {
      primus.channel('news').on('connection', (spark) => spark.on('data', (data) => spark.write(data)));
      primus.resource('sums', { onadd: (spark, a, b, done) => done(a + b) });
    },
    connected(spark) {
      spark.on('ask', (value, ack) => ack(value, 2));
      spark.on('tell', (ack) => ack());
      spark.on('request', (data, done) => done(data));
      const stream = spark.substream('foo');
      stream.on('data', (data) => stream.write(data));
    }
  });
  const [stream, news, sums] = [client.substream('foo'), client.channel('news'), client.resource('sums')];
  const got = [next(stream, 'data'), next(news, 'data'), client.sendAck('ask', VALUE), client.request(VALUE), sums.call('add', 1, 2)];
  await next(client, 'open');
  stream.write(VALUE);
  news.write(VALUE);
  const [streamed, told, acked, answered, sum] = await Promise.all(got);
  assert.deepEqual([streamed[0], told[0], acked, answered, sum], [VALUE, VALUE, [VALUE, 2], VALUE, [3]]);
  // Without a value there is none, and not one that is undefined.
  assert.deepEqual(await client.sendAck('tell'), []);
});
