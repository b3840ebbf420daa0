'use strict';

//
// Has Primus's clients use the transports of engine.io that a test wants:
// `polling`, `websocket`, or `upgrade` from the first to the second. Returns the
// options of the client that this takes.
//
module.exports = function choose(load, transport) {
  // They always begin with polling, but take whatever makes sockets from here
  // if it is there, as it is where a page has loaded engine.io by itself.
  if ('websocket' === transport) {
    const { Socket } = load('engine.io-client');
    global.eio = (options) => new Socket({ ...options, transports: ['websocket'] });
  }

  return 'polling' === transport ? { websockets: false } : {};
};
