'use strict';

//
// Prints the client halves of npm plugins and of this crate's, as Primus takes them,
// for sets of plugins that are tested together: `{ set: [{ name, client, library,
// types }] }`.
//

const fs = require('node:fs');
const path = require('node:path');

exports.sets = {
  emit: { emit: 'primus-emit' },
  emitter: { emitter: 'primus-emitter' },
  substream: { substream: 'substream' },
  responder: { responder: 'primus-responder' },
  multiplex: { emitter: 'primus-emitter', multiplex: 'primus-multiplex' },
  resource: { multiplex: 'primus-multiplex', emitter: 'primus-emitter', resource: 'primus-resource' },
  rooms: { rooms: 'primus-rooms' },
  mirage: { emit: 'primus-emit', mirage: 'mirage' },
  latency: { latency: 'primus-spark-latency' },
  analytics: { analytics: 'primus-analytics' }
};

// This crate's.
exports.own = {
  emit: ['emit'],
  emitter: ['emitter'],
  responder: ['responder'],
  substream: ['substream'],
  multiplex: ['multiplex', 'emitter'],
  resource: ['resource', 'multiplex', 'emitter'],
  mirage: ['mirage', 'emit'],
  'mirage-emitter': ['mirage', 'emitter'],
  analytics: ['analytics'],
  history: ['history'],
  // Without what is for servers of this crate alone.
  all: ['analytics', 'emit', 'emitter', 'mirage', 'multiplex', 'resource', 'responder', 'substream']
};

const read = (...parts) => fs.readFileSync(path.join(__dirname, '../../src/plugins', ...parts), 'utf8');

exports.half = (name) => ({
  name,
  client: read(name, 'client.js'),
  library: read('library.js'),
  types: read(name, 'types.d.ts')
});

function half([name, module]) {
  const { client, library = '' } = require(module);
  return { name, client: client ? `${client}` : '', library };
}

if (require.main === module) {
  const halves = Object.entries(exports.sets).map(([set, plugins]) => [set, Object.entries(plugins).map(half)]);
  const own = Object.entries(exports.own).map(([set, plugins]) => [`own-${set}`, plugins.map(exports.half)]);
  console.log(JSON.stringify(Object.fromEntries([...halves, ...own])));
}
