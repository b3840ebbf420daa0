'use strict';

//
// Prints the client halves of npm plugins, as Primus takes them, for sets of
// plugins that are tested together: `{ set: [{ name, client, library }] }`.
//

exports.sets = {
  emit: { emit: 'primus-emit' },
  emitter: { emitter: 'primus-emitter' },
  substream: { substream: 'substream' },
  responder: { responder: 'primus-responder' },
  multiplex: { multiplex: 'primus-multiplex', emitter: 'primus-emitter' },
  resource: { multiplex: 'primus-multiplex', emitter: 'primus-emitter', resource: 'primus-resource' },
  rooms: { rooms: 'primus-rooms' },
  mirage: { emit: 'primus-emit', mirage: 'mirage' },
  latency: { latency: 'primus-spark-latency' },
  analytics: { analytics: 'primus-analytics' }
};

function half([name, module]) {
  const { client, library = '' } = require(module);
  return { name, client: client ? `${client}` : '', library };
}

if (require.main === module) {
  const halves = Object.entries(exports.sets).map(([set, plugins]) => [set, Object.entries(plugins).map(half)]);
  console.log(JSON.stringify(Object.fromEntries(halves)));
}
