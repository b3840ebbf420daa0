'use strict';

//
// Real Primus clients, driven by a test: commands come on stdin and events go
// to stdout, one JSON document a line.
//
//   node driver <project>
//
// `project` is the sibling folder whose node_modules are used. The process ends
// when stdin does.
//

const { createRequire } = require('module');
const path = require('path');
const readline = require('readline');
const { inspect } = require('util');
const browserchannel = require('./browserchannel');
const choose = require('./transport');
const crowd = require('./crowd');
const engine = require('./engine');
const rich = require('./rich');
const sockjs = require('./sockjs');
const upgrades = require('./upgrades');
const values = require('./values');

const project = path.join(__dirname, '..', process.argv[2]);
const load = createRequire(path.join(project, 'package.json'));
const Primus = /engine-/.test(process.argv[2]) ? null : load(/happn$/.test(project) ? 'happn-primus' : 'primus');

const clients = new Map();

function say(client, event, value) {
  process.stdout.write(JSON.stringify({ client, event, value }) + '\n');
}

function told(value) {
  return value instanceof Error ? value.message : value;
}

function shown(value) {
  return inspect(value, { depth: Infinity, breakLength: Infinity, compact: true });
}

// The events that a test can wait for, with what is said of their arguments.
const events = {
  open: () => null,
  data: (data) => data,
  error: (error) => told(error),
  close: () => null,
  end: () => null,
  offline: () => null,
  online: () => null,
  timeout: () => null,
  'reconnect scheduled': (attempt) => attempt.attempt,
  reconnect: (attempt) => attempt.attempt,
  reconnected: (attempt) => attempt.attempt,
  'reconnect timeout': (error) => told(error),
  'reconnect failed': (error) => told(error),
  'incoming::ping': (time) => time,
  'incoming::pong': (time) => time
};

// `transport` is one of `choose`, or nothing where there is no choice.
// `inspects`: messages are told as Node.js shows them, types and all.
function open({ client: name, url, socket, transport, options, writes, quiet, inspects }) {
  const chosen = choose(load, socket.transformer, transport);
  const Socket = Primus.createSocket(socket);
  const client = new Socket(url, { ...options, ...chosen });
  clients.set(name, client);
  if ('upgrade' === transport) client.on('open', () => client.socket.on('upgrade', ({ name: to }) => say(name, 'upgrade', to)));

  for (const [event, tell] of Object.entries(events)) {
    if ('data' === event && quiet) continue;
    client.on(event, (first, second) => {
      // To browserchannel every end of the server is an error, too.
      if ('error' === event && 'Stopped by server' === told(first)) return;
      // A reconnect tells its error first, if there is one.
      const subject = /^reconnect(ed| scheduled)?$/.test(event) && !(first && first.attempt) ? second : first;
      say(name, event, 'data' === event && inspects ? shown(first) : tell(subject));
    });
  }

  for (const value of writes) client.write(value);
}

const commands = {
  open,

  // A bare engine.io client.
  engine(wishes) {
    const { Socket } = load('engine.io-client');
    clients.set(wishes.client, engine(Socket, wishes, (event, value) => say(wishes.client, event, value)));
  },

  // A bare client of sockjs.
  sockjs(wishes) {
    const Socket = load('sockjs-client');
    choose.patient(Socket);
    clients.set(wishes.client, sockjs(Socket, wishes, (event, value) => say(wishes.client, event, value)));
  },

  // A bare client of browserchannel.
  browserchannel(wishes) {
    const { BCSocket } = load('browserchannel');
    clients.set(wishes.client, browserchannel(BCSocket, wishes, (event, value) => say(wishes.client, event, value)));
  },

  exchange: ({ client }) => clients.get(client).exchange(),

  // What carries a client of engine.io.
  transport: ({ client }) => say(client, 'transport', clients.get(client).socket.transport.name),

  write: ({ client, value }) => clients.get(client).write(value),
  end: ({ client, value }) => clients.get(client).end(value),
  id: ({ client }) => clients.get(client).id((id) => say(client, 'id', id)),

  // From now on nothing of this kind gets through to the server.
  mute({ client, pattern }) {
    const socket = clients.get(client);
    const write = socket._write;
    socket._write = function muted(data) {
      return 'string' === typeof data && data.startsWith(pattern) ? true : write.call(this, data);
    };
  },

  values(wishes) {
    values(clients.get(wishes.client), wishes, (result) => say(wishes.client, 'values', result));
  },

  rich(wishes) {
    rich(clients.get(wishes.client), wishes, (result) => say(wishes.client, 'rich', result));
  },

  // Sends a frame past the parser: a text, or bytes in hexadecimal digits.
  frame({ client, text, hex }) {
    clients.get(client).emit('outgoing::data', text === undefined ? Buffer.from(hex, 'hex') : text);
  },

  crowd(wishes) {
    const options = choose(load, wishes.socket.transformer, wishes.transport);
    crowd(Primus.createSocket(wishes.socket), { ...wishes, options }, (event, value) => say(0, event, value));
  },

  upgrades: (wishes) => upgrades(Primus.createSocket(wishes.socket), wishes, (event, value) => say(0, event, value)),

  async fetch({ url, options }) {
    const answer = await fetch(url, { redirect: 'manual', ...options });
    const headers = Object.fromEntries(answer.headers);
    say(0, 'fetch', { status: answer.status, headers, body: await answer.text() });
  }
};

readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line);
    commands[command.command](command);
  })
  .on('close', () => process.exit(0));

say(0, 'ready', process.version);
