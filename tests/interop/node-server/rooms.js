'use strict';

//
// A JavaScript server whose rooms Redis joins to those of others, for the tests of our
// servers beside it.
//
//   node rooms.js NAME REDIS_PORT primus-cluster|primus-rooms-redis-adapter|primus-redis-rooms PASSWORD
//
// Prints `listening on http://127.0.0.1:PORT` when others reach it. Its sparks are called
// NAME-1, NAME-2 and so on; each joins the rooms that its address names (`?rooms=a,b`) and is
// then told `joined`. Each line that it is given is JSON: `{"write":..}` is for everybody, with
// `rooms` for those, with `except` without these ids. What it has done it says with `done`.
//

const [name, port, mode, password] = process.argv.slice(2);

const http = require('http');
const readline = require('readline');
const Primus = require('primus');

const server = http.createServer();
let count = 0;
let ready = Promise.resolve();

const options = {
  transformer: 'websockets',
  idGenerator: () => `${name}-${++count}`
};

function join(spark, room) {
  return new Promise((done) => spark.join(room, done));
}

const modes = {
  'primus-cluster': () => {
    const primus = new Primus(server, { ...options, cluster: { redis: { host: '127.0.0.1', port: Number(port) } } });

    primus.plugin('rooms', require('primus-rooms'));
    primus.plugin('emitter', require('primus-emitter'));
    primus.plugin('cluster', require('primus-cluster'));
    return primus;
  },

  'primus-rooms-redis-adapter': () => {
    const Redis = require('ioredis');
    const Adapter = require('primus-rooms-redis-adapter');
    const adapter = new Adapter(new Redis(Number(port), '127.0.0.1'), { metroplexOmegaSupreme: true });
    const primus = new Primus(server, {
      ...options,
      username: 'omega',
      password,
      redis: new Redis(Number(port), '127.0.0.1'),
      rooms: { adapter }
    });

    primus.plugin('omega-supreme', require('omega-supreme'));
    primus.plugin('metroplex', require('metroplex'));
    primus.plugin('rooms', require('primus-rooms'));
    primus.plugin('emitter', require('primus-emitter'));
    ready = new Promise((done) => primus.on('register', done));
    // What it is to call comes with the end of the process.
    adapter.config({ metroplexOmegaSupreme: true, primus }, () => {});
    return primus;
  },

  'primus-redis-rooms': () => {
    const primus = new Primus(server, { ...options, redis: { host: '127.0.0.1', port: Number(port) } });

    primus.plugin('redis-rooms', require('primus-redis-rooms'));
    return primus;
  }
};

const primus = modes[mode]();
const isLocal = mode === 'primus-redis-rooms';

primus.on('connection', async (spark) => {
  for (const room of (spark.query.rooms ?? '').split(',').filter(Boolean)) {
    if (isLocal) primus.room(room).join(spark);
    else await join(spark, room);
  }
  spark.write('joined');
});

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { rooms, ids, except = [], write } = JSON.parse(line);
  const done = (error) => console.log(error ? error.message : 'done');

  if (ids) return void primus.forward.sparks(ids, write, done);
  if (!rooms && primus.forward) return void primus.forward.broadcast(write, done);
  if (!rooms) primus.write(write);
  else if (isLocal) rooms.forEach((room) => primus.room(room).write(write));
  else primus.room(rooms).except(except).write(write);
  done();
}).on('close', () => process.exit(0));

primus.on('error', (error) => console.error(error));

server.listen(0, '127.0.0.1', async () => {
  await ready;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
