'use strict';

//
// A JavaScript server with omega-supreme and metroplex, for the tests of their
// counterparts here.
//
//   node metroplex.js NAME REDIS_PORT PASSWORD INTERVAL LATENCY [SKEW]
//
// Its clock is SKEW milliseconds ahead. Prints `listening on http://127.0.0.1:PORT` when it
// is registered. Its sparks are called NAME-1, NAME-2 and so on. Each line that it is given
// is JSON, `{"call":..,"args":[..]}`, and what comes of it is printed as
// `{"error":..,"result":..}`.
//

const [name, port, password, interval, latency, skew = 0] = process.argv.slice(2);
const now = Date.now;

Date.now = () => now() + Number(skew);

const http = require('http');
const readline = require('readline');
const Redis = require('ioredis');
const Primus = require('primus');

const server = http.createServer();
const redis = new Redis(Number(port), '127.0.0.1');
let count = 0;

const primus = new Primus(server, {
  transformer: 'websockets',
  idGenerator: () => `${name}-${++count}`,
  username: 'omega',
  password,
  redis,
  interval: Number(interval),
  latency: Number(latency)
});

primus.plugin('omega-supreme', require('omega-supreme'));
primus.plugin('metroplex', require('metroplex'));

const calls = {
  broadcast: (message, done) => primus.forward.broadcast(message, done),
  spark: (id, message, done) => primus.forward.spark(id, message, done),
  sparks: (ids, message, done) => primus.forward.sparks(ids, message, done),
  servers: (done) => primus.metroplex.servers(true, done),
  where: (id, done) => primus.metroplex.spark(id, done),
  destroy: (done) => primus.destroy({ timeout: 100 }, () => done())
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { call, args } = JSON.parse(line);

  calls[call](...args, (error, result) => {
    console.log(JSON.stringify({ error: error?.message, result }));
  });
}).on('close', () => process.exit(0));

redis.on('error', () => {});
primus.on('error', (error) => console.error(error));
primus.on('register', (address) => console.log(`listening on ${address}`));

server.listen(0, '127.0.0.1');
