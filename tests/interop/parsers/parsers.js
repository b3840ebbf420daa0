'use strict';

// The four parsers of Primus as it uses them: the packages, called directly.

const packages = {
  json: () => ({ encode: JSON.stringify, decode: JSON.parse }),
  ejson: () => {
    const ejson = require('ejson');
    return { encode: (value) => ejson.stringify(value), decode: (packet) => ejson.parse(packet) };
  },
  binary: () => {
    // Its old code says so on every run.
    process.noDeprecation = true;
    const binary = require('binary-pack');
    return { encode: (value) => binary.pack(value), decode: (packet) => binary.unpack(packet) };
  },
  msgpack: () => {
    const msgpack = require('primus-msgpack');
    return { encode: (value) => msgpack.encode(value), decode: (packet) => msgpack.decode(packet) };
  }
};

// Encoder and decoder of the parser of that name.
exports.loadParser = (name) => {
  if (!packages[name]) throw new Error(`unknown parser ${name}`);
  return packages[name]();
};
