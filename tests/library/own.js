'use strict';

//
// What the tests of this crate's client halves share: clients that have them, servers
// that have those of npm, and what was recorded between the npm ones.
//

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { connect, file } = require('./support');
const { half, own, sets } = require('./halves');
const Server = require('primus');

// The client of the npm package with the halves of a set.
function npmClient(set) {
  const primus = new Server(http.createServer(), { transformer: 'websockets' });
  for (const { name, client, library } of own[set].map(half)) {
    // Its source is what is wanted.
    primus.plugin(name, { client: new Function(`return (${client})`)(), library });
  }
  const text = primus.library(true);
  primus.destroy();
  const module = { exports: {} };
  new Function('module', 'exports', 'require', text)(module, module.exports, require);
  return module.exports;
}

// In which clients the halves are tested: ours, ours with all of them, and that of npm.
exports.clients = {
  'our client': (set) => require(file(`plugins-own-${set}`)),
  'our client with all plugins': () => require(file('plugins-own-all')),
  'the npm client': npmClient
};

// A JavaScript server with the npm plugins of a set; `connected` is called with each
// spark, `prepare` before that with the server.
exports.serve = async function serve(t, plugins, { connected = () => {}, prepare = () => {}, options } = {}) {
  const server = http.createServer();
  const primus = new Server(server, { transformer: 'websockets', ...options });
  for (const [name, module] of Object.entries(sets[plugins] || plugins)) primus.plugin(name, require(module));
  prepare(primus);
  primus.on('connection', (spark) => connected(spark, primus));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => new Promise((done) => primus.destroy({ close: true }, done)));
  return `http://127.0.0.1:${server.address().port}`;
};

// A client that keeps its frames, but for those of the heartbeat.
exports.record = function record(t, Primus, url, options) {
  // With an id, that of mirage does not hold back.
  const client = connect(t, Primus, url, { mirage: 'known', ...options });
  client.frames = [];
  for (const [event, dir] of [['outgoing::data', 'c2s'], ['incoming::data', 's2c']]) client.on(event, (text) => {
    if (!/^"primus::p/.test(text)) client.frames.push({ dir, text });
  });
  return client;
};

// What differs from run to run, by its order.
const RANDOM = /(?<=^\[\d,")[^"]+|(?<=Id":")[\da-f]{8}-[-\da-f]{27}/;

function named(frames, dir) {
  const names = new Map();
  const texts = frames.map((frame) => ({ ...frame, text: frame.text.replace(RANDOM, (id) => {
    if (!names.has(id)) names.set(id, `id ${names.size}`);
    return names.get(id);
  }) }));
  return texts.filter((frame) => frame.dir === dir).map(({ text }) => text);
}

exports.recorded = (name, conn) => {
  const frames = JSON.parse(fs.readFileSync(path.join(process.env.PRIMUS_VECTORS, 'plugins', `${name}.json`), 'utf8'));
  return conn ? frames.filter((frame) => frame.conn === conn) : frames;
};

// Whether the client sent and got what was recorded, in each direction in this order;
// `change` makes of the recorded frames what ours are.
exports.agrees = function agrees(client, frames, change = (each) => each) {
  const wanted = change(frames);
  for (const dir of ['c2s', 's2c']) assert.deepEqual(named(client.frames, dir), named(wanted, dir));
};
