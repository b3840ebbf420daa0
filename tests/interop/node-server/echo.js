'use strict';

//
// The JavaScript Primus server with the contract of `examples/tools/echo`: what the
// Rust server is measured against, and what the Rust client is tested with.
//
//   node echo.js [--host 127.0.0.1] [--port 8080] [--transformer websockets]
//                [--parser json|ejson|binary|msgpack|raw] [--pathname /primus]
//                [--authorization user:password] [--ping-interval MS]
//                [--timeout MS (before Primus 7)]
//                [--max-length BYTES] [--compression] [--transport key=value]...
//                [--tls-cert FILE --tls-key FILE (https)]
//                [--modules FOLDER] [--rooms] [--emit | --emitter]
//                [--redis URL]
//
// `--modules` takes another Primus than that of this folder. Options of a
// transformer, each with `--transport`: those of engine.io, or of sockjs, as
// response_limit, heartbeat_delay, disconnect_delay, websocket, jsessionid and
// sockjs_url. `--transformer` is one of websockets, faye, engine.io, sockjs, and with
// the modules of `../client-v2` or `../client-v3` socket.io. `--rooms` registers
// primus-rooms, `--emit` primus-emit, under which the event `m` comes back, and
// `--emitter` primus-emitter, under which it is acknowledged with its argument.
// `--redis` registers primus-cluster, so that broadcasts and rooms reach the clients
// of all servers that have the same one.
//
// Prints `listening on http://HOST:PORT`, or https, and echoes every message. These
// strings are commands: close, reconnect, id, query, headers, address,
// broadcast:<n>:<bytes>; with `--rooms` also join:<room>, room:<room>:<n>:<bytes>,
// and joins:<each>:<of> and leaves:<each>:<of>, which have every connection join, or
// leave, so many of so many rooms. SIGINT and SIGTERM shut down gracefully.
//

const fs = require('fs');
const http = require('http');
const https = require('https');
const { parseArgs } = require('util');
const { values: args } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '8080' },
    transformer: { type: 'string', default: 'websockets' },
    parser: { type: 'string', default: 'json' },
    pathname: { type: 'string', default: '/primus' },
    authorization: { type: 'string' },
    'ping-interval': { type: 'string' },
    timeout: { type: 'string' },
    'max-length': { type: 'string' },
    compression: { type: 'boolean', default: false },
    rooms: { type: 'boolean', default: false },
    emit: { type: 'boolean', default: false },
    emitter: { type: 'boolean', default: false },
    redis: { type: 'string' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    modules: { type: 'string', default: __dirname },
    transport: { type: 'string', multiple: true, default: [] }
  }
});

const Primus = require(require.resolve('primus', { paths: [args.modules] }));

//
// `--parser raw`: messages pass through unparsed. Only strings and bytes can
// travel so; anything else that a command writes goes out as JSON text.
//
const raw = {
  encoder(data, fn) {
    const bare = 'string' === typeof data || Buffer.isBuffer(data);
    fn(undefined, bare ? data : JSON.stringify(data));
  },
  decoder(data, fn) {
    fn(undefined, data);
  },
  library: '',
  client: 'null'
};

// A transformer option: JSON where it parses, else the string itself.
function transportOption(pair) {
  const at = pair.indexOf('=');
  const key = at < 0 ? pair : pair.slice(0, at);
  const text = at < 0 ? 'true' : pair.slice(at + 1);

  try { return [key, JSON.parse(text)]; }
  catch (e) { return [key, text]; }
}

function options() {
  const chosen = {
    transformer: args.transformer,
    parser: 'raw' === args.parser ? raw : args.parser,
    pathname: args.pathname,
    compression: args.compression,
    transport: Object.fromEntries(args.transport.map(transportOption))
  };

  if (args['ping-interval'] !== undefined) chosen.pingInterval = +args['ping-interval'] || false;
  if (args.timeout !== undefined) chosen.timeout = +args.timeout;
  if (args.redis !== undefined) chosen.cluster = { redis: { url: args.redis } };
  if (args['max-length'] !== undefined) chosen.maxLength = +args['max-length'];

  return chosen;
}

function authorize(req, done) {
  const expected = 'Basic ' + Buffer.from(args.authorization).toString('base64');

  if (req.headers.authorization === expected) return done();
  done({ message: 'Authentication required', authenticate: 'Basic realm="primus"' });
}

function outside(req, res) {
  res.writeHead(404, { 'content-type': 'text/plain' });
  res.end('Not Found');
}

const secure = args['tls-cert'] !== undefined;
const server = secure
  ? https.createServer({ cert: fs.readFileSync(args['tls-cert']), key: fs.readFileSync(args['tls-key']) }, outside)
  : http.createServer(outside);

const primus = new Primus(server, options());

if (args.authorization !== undefined) primus.authorize(authorize);
if (args.rooms) primus.plugin('rooms', require('primus-rooms'));
if (args.emit) primus.plugin('emit', require('primus-emit'));
if (args.emitter) primus.plugin('emitter', require('primus-emitter'));
// Behind the others, whose methods it wraps.
if (args.redis !== undefined) primus.plugin('cluster', require('primus-cluster'));

// Node's request is stowed away among the headers, as `primus::req::backup`.
function received(headers) {
  const own = Object.entries(headers).filter(([name]) => !name.startsWith('primus::'));
  return Object.fromEntries(own);
}

const commands = {
  close: (spark) => spark.end(),
  reconnect: (spark) => spark.end(undefined, { reconnect: true }),
  id: (spark) => spark.write(spark.id),
  query: (spark) => spark.write(spark.query),
  headers: (spark) => spark.write(received(spark.headers)),
  address: (spark) => spark.write({ ip: spark.address.ip, port: spark.address.port })
};

const broadcast = /^broadcast:([0-9]{1,6}):([0-9]{1,7})$/;

const roomCommand = /^(join|room|joins|leaves):(.+)$/;

const roomCommands = {
  join(spark, room) {
    spark.join(room, () => spark.write('joined'));
  },
  room(spark, rest) {
    const [room, times, bytes] = rest.split(':');
    const message = 'x'.repeat(+bytes);
    for (let n = +times; n > 0; n--) primus.room(room).write(message);
  },
  joins: (spark, rest) => members(spark, rest, (other, room) => other.join(room)),
  leaves: (spark, rest) => members(spark, rest, (other, room) => other.leave(room))
};

// Connection number i begins with room number i * each.
function members(spark, rest, change) {
  const [each, of] = rest.split(':').map(Number);
  let at = 0;

  primus.forEach((other) => {
    for (let n = 0; n < each; n++) change(other, `room:${at++ % of}`);
  });

  spark.write('done');
}

function command(spark, data) {
  if ('string' !== typeof data) return false;

  if (Object.prototype.hasOwnProperty.call(commands, data)) {
    commands[data](spark);
    return true;
  }

  const words = args.rooms && roomCommand.exec(data);
  if (words) {
    roomCommands[words[1]](spark, words[2]);
    return true;
  }

  const match = broadcast.exec(data);
  if (!match) return false;

  const message = 'x'.repeat(+match[2]);
  for (let n = +match[1]; n > 0; n--) primus.write(message);
  return true;
}

primus.on('connection', (spark) => {
  if (args.emit) spark.on('m', (value) => spark.emit('m', value));
  if (args.emitter) spark.on('m', (value, done) => done(value));

  spark.on('data', (data) => {
    // What primus-emitter has handled is data all the same.
    if (args.emitter && Array.isArray(data?.data)) return;
    if (!command(spark, data)) spark.write(data);
  });

  // A protocol error ends the spark; there is nothing to add to that here.
  spark.on('error', () => {});
});

server.listen(+args.port, args.host, () => {
  const host = args.host.includes(':') ? `[${args.host}]` : args.host;
  console.log(`listening on http${secure ? 's' : ''}://${host}:${server.address().port}`);
});

function shutdown() {
  // Whatever still hangs then is of no interest to anybody.
  setTimeout(() => process.exit(0), 900).unref();
  primus.destroy({ close: true }, () => process.exit(0));
}

process.once('SIGINT', shutdown);
process.once('SIGTERM', shutdown);
