'use strict';

//
// What the tests share: the client under test, servers in processes of their own,
// and waiting for events.
//
// PRIMUS_LIBRARY   folder with the saved clients, `<transformer>-<parser>/primus.js`
// PRIMUS_SERVERS   JSON: the commands of the servers with the contract of
//                  `examples/tools/echo`, by name
//

const { spawn } = require('node:child_process');
const { createInterface } = require('node:readline');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');

const commands = JSON.parse(process.env.PRIMUS_SERVERS || '{}');
const SOON = 20000;

exports.servers = Object.keys(commands);

// All ways in which a message can travel.
exports.carriers = [
  { name: 'websockets', transformer: 'websockets', transport: {} },
  { name: 'engine.io, polling', transformer: 'engine.io', transport: { transports: 'polling' } },
  { name: 'engine.io, websocket', transformer: 'engine.io', transport: { transports: ['websocket'] } },
  { name: 'engine.io, upgrade', transformer: 'engine.io', transport: {}, upgrades: true },
  { name: 'engine.io 3, polling', transformer: 'engine.io', transport: { protocol: 3, transports: 'polling' } },
  { name: 'engine.io 3, websocket', transformer: 'engine.io', transport: { protocol: 3, transports: 'websocket' } },
  { name: 'engine.io 3, upgrade', transformer: 'engine.io', transport: { protocol: 3 }, upgrades: true },
  // With time enough for a busy machine.
  { name: 'sockjs', transformer: 'sockjs', transport: { timeout: 8000 } },
  { name: 'sockjs, xhr-streaming', transformer: 'sockjs', transport: { transports: 'xhr-streaming', timeout: 8000 } },
  { name: 'sockjs, eventsource', transformer: 'sockjs', transport: { transports: 'eventsource', timeout: 8000 } },
  { name: 'sockjs, xhr-polling', transformer: 'sockjs', transport: { transports: ['xhr-polling'], timeout: 8000 } },
  { name: 'browserchannel', transformer: 'browserchannel', transport: {}, buster: 'zx' }
];

exports.file = (folder, name = 'primus.js') => path.join(process.env.PRIMUS_LIBRARY, folder, name);

exports.load = (transformer = 'websockets', parser = 'json') => require(exports.file(`${transformer}-${parser}`));

// Starts a server; it is stopped at the end of the test `t`, or by `stop`.
exports.start = async function start(t, name, { transformer = 'websockets', parser = 'json', port = 0, args = [] } = {}) {
  const [program, ...first] = commands[name];
  const old = 'engine.io' === transformer ? ['--transport', 'allowEIO3=true'] : [];
  const options = ['--port', port, '--transformer', transformer, '--parser', parser, ...old, ...args].map(String);
  const child = spawn(program, [...first, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise((done) => child.once('exit', done));
  const stop = (signal = 'SIGKILL') => {
    child.kill(signal);
    return gone;
  };
  t.after(() => stop());
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\/\/\S+/.exec(line);
    if (url) {
      child.stdout.resume();
      return { url: url[0], port: +url[0].split(':').pop(), stop };
    }
  }
  throw new Error('The server told no address');
};

// A client that is destroyed at the end of the test, and remembers its events.
exports.connect = function connect(t, Primus, url, options) {
  const client = new Primus(url, { reconnect: { min: 20, max: 200, retries: 60 }, ...options });
  client.told = [];
  for (const event of ['open', 'close', 'end', 'error', 'timeout', 'offline', 'online', 'reconnect', 'reconnected', 'reconnect scheduled', 'reconnect failed', 'reconnect timeout', 'destroy']) {
    client.on(event, () => client.told.push(event));
  }
  t.after(() => client.destroy());
  return client;
};

// The arguments of the next event.
exports.next = function next(emitter, event, time = SOON) {
  return new Promise((done, failed) => {
    const late = setTimeout(() => failed(new Error(`no ${event} in time; ${emitter.told}`)), time);
    emitter.once(event, (...args) => {
      clearTimeout(late);
      done(args);
    });
  });
};

// The next messages.
exports.messages = function messages(client, count, time = SOON) {
  return new Promise((done, failed) => {
    const got = [];
    const late = setTimeout(() => failed(new Error(`${got.length} messages of ${count} in time`)), time);
    const listen = (data) => {
      got.push(data);
      if (got.length < count) return;
      clearTimeout(late);
      client.off('data', listen);
      done(got);
    };
    client.on('data', listen);
  });
};

// Waits until this is so.
exports.until = async function until(what, done, time = SOON) {
  for (const end = Date.now() + time; !done();) {
    if (Date.now() > end) throw new Error(`did not come about in time: ${what}`);
    await exports.wait(5);
  }
};

// The id of the spark.
exports.id = function id(client, time = SOON) {
  return new Promise((done, failed) => {
    const late = setTimeout(() => failed(new Error(`no id in time; ${client.told}`)), time);
    client.id((told) => {
      clearTimeout(late);
      done(told);
    });
  });
};

// What listeners throw from now on, by its messages; it is no fault of the test.
exports.thrown = function thrown(t) {
  const messages = [];
  const before = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => messages.push(error.message));
  t.after(() => {
    process.removeAllListeners('uncaughtException');
    before.forEach((listener) => process.on('uncaughtException', listener));
  });
  return messages;
};

exports.wait = (ms) => new Promise((done) => setTimeout(done, ms));

// A server of bare TCP for what no decent server does: `answer(socket, text)` is
// called for what comes. Counts the connections.
exports.raw = async function raw(t, answer, connected = () => {}) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    server.count += 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (data) => answer(socket, data.toString('latin1')));
    connected(socket);
  });
  server.count = 0;
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });
  server.url = `http://127.0.0.1:${server.address().port}`;
  return server;
};

// The same over HTTP; counts the requests.
exports.web = async function web(t, answer) {
  const server = http.createServer((request, response) => {
    server.count += 1;
    answer(request, response, server.count);
  });
  server.count = 0;
  server.on('upgrade', (request, socket) => {
    server.count += 1;
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  server.url = `http://127.0.0.1:${server.address().port}`;
  return server;
};
