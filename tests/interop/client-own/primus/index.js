'use strict';

//
// The client that this crate serves, with the face of the npm package: PRIMUS_LIBRARY
// is a folder with it for every transformer and parser.
//

const fs = require('fs');
const { createRequire } = require('module');
const path = require('path');

// Where its packages are, seen from whoever asks.
const project = createRequire(path.join(__dirname, '..', 'package.json'));

exports.createSocket = function createSocket({ transformer = 'websockets', parser = 'json', pathname, pingInterval }) {
  const file = path.join(process.env.PRIMUS_LIBRARY, `${transformer}-${parser}`, 'primus.js');
  const module = { exports: {}, require: project };
  new Function('module', 'exports', fs.readFileSync(file, 'utf8'))(module, module.exports);
  const Primus = module.exports;

  // What a server compiles in.
  if (pathname) Primus.prototype.pathname = pathname;
  const pings = undefined === pingInterval ? {} : { pingTimeout: pingInterval + Math.round(pingInterval / 2) };
  // The sign by which the tests want a WebSocket from the beginning.
  const transport = global.eio ? { transports: ['websocket'] } : {};

  return class Socket extends Primus {
    constructor(url, options) {
      super(url, { ...pings, transport, ...options });
    }
  };
};
