'use strict';

//
// The client halves of npm plugins, as they are, in our client; the JavaScript
// server has the other halves.
//

const assert = require('node:assert/strict');
const http = require('node:http');
const test = require('node:test');
const { connect, file, next, wait } = require('./support');
const { sets } = require('./halves');
const Server = require('primus');

// A server with a set of plugins; `connected` is called with each spark.
async function serve(t, set, connected, prepare = () => {}) {
  const server = http.createServer();
  const primus = new Server(server, { transformer: 'websockets' });
  for (const [name, module] of Object.entries(sets[set])) primus.plugin(name, require(module));
  prepare(primus);
  primus.on('connection', (spark) => connected(spark, primus));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => new Promise((done) => primus.destroy({ close: true }, done)));
  return `http://127.0.0.1:${server.address().port}`;
}

const load = (set) => require(file(`plugins-${set}`));

test('primus-emit: events go both ways', async (t) => {
  const url = await serve(t, 'emit', (spark) => spark.on('there', (a, b) => spark.emit('back', b, a)));
  const client = connect(t, load('emit'), url);
  client.emit('there', 1, { two: 2 });
  assert.deepEqual(await next(client, 'back'), [{ two: 2 }, 1]);
  assert.deepEqual(client.told, ['open']);
});

// Before `primus-emitter`, which changes the sparks of every server in the process.
test('mirage: the id of the session comes back after a reconnection', async (t) => {
  const url = await serve(t, 'mirage', (spark) => spark.on('data', () => spark.end(undefined, { reconnect: true })));
  const client = connect(t, load('mirage'), url);
  const [first] = await next(client, 'mirage');
  assert.ok(first);
  client.write('again');
  await next(client, 'reconnected');
  assert.equal(client.mirage, first);
});

test('primus-emitter: events go both ways, with acknowledgements', async (t) => {
  const url = await serve(t, 'emitter', (spark) => {
    spark.on('there', (a, done) => done(a + 1));
    spark.send('hello', 'you', (answer) => spark.send('heard', answer));
  });
  const client = connect(t, load('emitter'), url);
  client.on('hello', (name, done) => done(`${name} too`));
  assert.deepEqual(await next(client, 'heard'), ['you too']);
  assert.equal(await new Promise((done) => client.send('there', 1, done)), 2);
});

test('substream: streams share the connection', async (t) => {
  const url = await serve(t, 'substream', (spark) => {
    for (const name of ['a', 'b']) {
      const stream = spark.substream(name);
      stream.on('data', (data) => stream.write(`${name}: ${data}`));
    }
  });
  const client = connect(t, load('substream'), url);
  await next(client, 'open');
  const [a, b] = [client.substream('a'), client.substream('b')];
  a.write('one');
  assert.deepEqual((await next(a, 'data'))[0], 'a: one');
  b.write('two');
  assert.deepEqual((await next(b, 'data'))[0], 'b: two');
  a.end();
  client.write('plain');
  assert.deepEqual(client.told, ['open']);
});

test('primus-responder: requests are answered, both ways', async (t) => {
  const url = await serve(t, 'responder', (spark) => {
    spark.on('request', (data, done) => done({ got: data }));
    spark.writeAndWait('who?', (answer) => spark.write(answer));
  });
  const client = connect(t, load('responder'), url);
  client.on('request', (data, done) => done(`${data} me`));
  assert.deepEqual((await next(client, 'data'))[0], 'who? me');
  assert.deepEqual(await new Promise((done) => client.writeAndWait('x', done)), { got: 'x' });
});

test('primus-multiplex: channels share the connection', async (t) => {
  const url = await serve(t, 'multiplex', () => {}, (primus) => {
    primus.channel('news').on('connection', (spark) => spark.on('data', (data) => spark.write(`news of ${data}`)));
  });
  const client = connect(t, load('multiplex'), url);
  const news = client.channel('news');
  news.write('today');
  assert.deepEqual((await next(news, 'data'))[0], 'news of today');
});

test('primus-resource: methods of the server are called', async (t) => {
  const url = await serve(t, 'resource', () => {}, (primus) => {
    // Methods of classes cannot be enumerated, which the plugin does.
    function Sums() {}
    Sums.prototype.onadd = (spark, a, b, done) => done(a + b);
    primus.resource('sums', new Sums());
  });
  const client = connect(t, load('resource'), url);
  await next(client, 'open');
  const sums = client.resource('sums');
  await next(sums, 'ready');
  assert.equal(await new Promise((done) => sums.add(1, 2, done)), 3);
});

test('primus-rooms: what goes to a room arrives', async (t) => {
  const url = await serve(t, 'rooms', (spark, primus) => spark.on('data', (room) => spark.join(room, () => primus.room(room).write(`in ${room}`))));
  const client = connect(t, load('rooms'), url);
  client.write('hall');
  assert.equal((await next(client, 'data'))[0], 'in hall');
});

test('primus-spark-latency and primus-analytics load, and leave the connection alone', async (t) => {
  globalThis.ga = () => {};
  t.after(() => { delete globalThis.ga; });
  for (const set of ['latency', 'analytics']) {
    const url = await serve(t, 'analytics' === set ? 'rooms' : set, (spark) => spark.on('data', (data) => spark.write(data)));
    const client = connect(t, load(set), url, { analytics: { category: 'test' } });
    client.write('echo');
    assert.equal((await next(client, 'data'))[0], 'echo');
    await wait(10);
    assert.ok(client.told.every((event) => 'open' === event));
  }
});
