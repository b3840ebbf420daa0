'use strict';

//
// Has Primus's clients use the transports that a test wants: of engine.io
// `polling`, `websocket`, or `upgrade` from the first to the second; of sockjs one
// of its names. Returns the options of the client that this takes.
//
module.exports = function choose(load, transformer, transport) {
  if (!transport) return {};

  if ('sockjs' === transformer) {
    // This crate's own client is not made of it, and takes an option instead.
    const { name } = load('./package.json');
    if (!/client-own$/.test(name)) module.exports.patient(load('sockjs-client'));
    return { transport: { transports: [transport], timeout: 10000 } };
  }

  // They always begin with polling, but take whatever makes sockets from here
  // if it is there, as it is where a page has loaded engine.io by itself.
  if ('websocket' === transport) {
    const { Socket } = load('engine.io-client');
    global.eio = (options) => new Socket({ ...options, transports: ['websocket'] });
  }

  return 'polling' === transport ? { websockets: false } : {};
};

// A client of sockjs gives a transport a few times as long to begin as its first
// request took, which a busy machine may not need for that and then for this.
module.exports.patient = function patient(SockJS) {
  SockJS.prototype.countRTO = () => 10000;
};
