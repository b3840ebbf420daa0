'use strict';

//
// What the tests share that have a server of this crate with its plugins
// (`tests/common/plugged.rs`).
//
// PRIMUS_PLUGGED   JSON: the addresses of the servers by their names
//

const { connect, next } = require('./support');

exports.urls = JSON.parse(process.env.PRIMUS_PLUGGED);

// The client that a server gives to its pages.
exports.library = async function library(url) {
  const response = await fetch(`${url}/primus/primus.js`);
  const module = { exports: {}, require };
  new Function('module', await response.text())(module);
  return module.exports;
};

// A client that is open, and destroyed at the end of the test; it has kept its messages
// in `got` since before.
exports.open = async function open(t, Primus, url, options) {
  const client = connect(t, Primus, url, options);
  client.got = [];
  client.on('data', (data) => client.got.push(data));
  await next(client, 'open');
  return client;
};

// The next message.
exports.said = (emitter) => next(emitter, 'data').then(([data]) => data);

// The values of an acknowledgement.
exports.acked = (client, ...args) => new Promise((done) => client.send(...args, (...answer) => done(answer)));
