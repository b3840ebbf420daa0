'use strict';

// node bench.js MILLISECONDS PARSER... < messages
//
// Reads [[name, message], ...] and prints how long the real parsers of Primus
// take to encode and decode each message, as one JSON line per parser and message.
// Takes the best of some rounds, as its Rust counterpart does; `ns` is time on
// the clock, `cpu_ns` that of the processor.

const { loadParser } = require('./parsers');

const [round, ...names] = process.argv.slice(2);
const messages = JSON.parse(require('fs').readFileSync(0, 'utf8'));

function measure(parser, message) {
  const best = { ns: Infinity, cpu_ns: Infinity };
  // To look at the clock takes its time too: with short messages it is looked at
  // once in many calls, as on the other side.
  const batch = JSON.stringify(message).length < 2000 ? 16 : 1;
  let packet;
  // One of them takes seconds for a large message: once is enough then.
  for (let i = 0; i < 6 && !(best.ns > 1e8 && i); i++) {
    const start = process.hrtime.bigint();
    const used = process.cpuUsage();
    const end = start + BigInt(round) * 1000000n;
    let calls = 0;
    let now;
    do {
      for (let n = 0; n < batch; n++) {
        packet = parser.encode(message);
        parser.decode(packet);
      }
      calls += batch;
      now = process.hrtime.bigint();
    } while (now < end);
    const { user, system } = process.cpuUsage(used);
    best.ns = Math.min(best.ns, Math.round(Number(now - start) / calls));
    best.cpu_ns = Math.min(best.cpu_ns, Math.round((user + system) * 1000 / calls));
  }
  return { ...best, bytes: Buffer.byteLength(packet) };
}

for (const name of names) {
  const parser = loadParser(name);
  for (const [label, message] of messages) {
    console.log(JSON.stringify({ parser: name, message: label, ...measure(parser, message) }));
  }
}
