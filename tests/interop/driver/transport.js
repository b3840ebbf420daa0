'use strict';

//
// Has Primus's clients use the transports that a test wants: of engine.io
// `polling`, `websocket`, or `upgrade` from the first to the second; of sockjs and
// socket.io one of its names. Returns the options of the client that this takes.
//
module.exports = function choose(load, transformer, transport) {
  if (!transport) return {};

  if ('sockjs' === transformer) {
    // This crate's own client is not made of it, and takes an option instead.
    const { name } = load('./package.json');
    if (!/client-own$/.test(name)) module.exports.patient(load('sockjs-client'));
    return { transport: { transports: [transport], timeout: 10000 } };
  }

  if ('socket.io' === transformer) {
    const { name } = load('./package.json');
    if (/client-own$/.test(name)) return { transport: { transports: [transport], timeout: 10000 } };
    const io = load(/client-v2$/.test(name) ? 'socket.io-client' : 'primus-socket.io-client');
    io.transports.splice(0, io.transports.length, transport);
    return {};
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
