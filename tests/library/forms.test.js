'use strict';

//
// The forms in which the client comes, and what it offers.
//

const assert = require('node:assert/strict');
const { execFile, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const test = require('node:test');
const vm = require('node:vm');
const { pathToFileURL } = require('node:url');
const { promisify } = require('node:util');
const { parse } = require('acorn');
const { connect, file, load, messages, next, servers, start, wait } = require('./support');

const Primus = load();
const dead = (t, options) => connect(t, Primus, 'http://127.0.0.1:1', { manual: true, ...options });

test('a script tag makes it a global variable, under the name that the server gave it', () => {
  for (const [folder, name] of [['websockets-json', 'Primus'], ['global', 'Live']]) {
    const context = vm.createContext({});
    vm.runInContext(fs.readFileSync(file(folder), 'utf8'), context);
    assert.deepEqual(Object.keys(context), [name]);
    assert.equal(context[name].OPEN, 3);
  }
});

test('what reads no newer syntax than that of 2020 reads it, such as Browserify', () => {
  const folders = ['websockets-json', 'engine.io-msgpack', 'engine.io-binary', 'sockjs-ejson', 'browserchannel-json', 'all-json', 'plugins-own-all'];
  for (const folder of folders) {
    parse(fs.readFileSync(file(folder), 'utf8'), { ecmaVersion: 2020, sourceType: 'script' });
    parse(fs.readFileSync(file(folder, 'primus.mjs'), 'utf8'), { ecmaVersion: 2020, sourceType: 'module' });
  }
});

test('old libraries that add to what all objects and lists have are not in its way', async (t) => {
  const { url } = await start(t, servers[0]);
  const script = `
    Object.assign(Object.prototype, { each() { throw new Error('called'); }, text: 'a text', settings: { a: 1 } });
    Object.assign(Array.prototype, { each() { throw new Error('called'); }, text: 'a text' });
    const Primus = require(${JSON.stringify(file('websockets-json'))});
    const client = new Primus(${JSON.stringify(url)}, { strategy: false });
    client.on('error', (error) => console.log(error.message));
    client.on('data', (data) => console.log(JSON.stringify(data))).on('data', () => client.end());
    client.write({ list: [1, { b: [] }] });
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]);
  assert.equal(stdout, '{"list":[1,{"b":[]}]}\n');
});

test('AMD loaders get it by `define`', () => {
  let defined;
  const define = Object.assign((names, make) => { defined = make(); }, { amd: {} });
  vm.runInContext(fs.readFileSync(file('websockets-json'), 'utf8'), vm.createContext({ define }));
  assert.equal(defined.CLOSED, 2);
});

test('CommonJS gets it as it is, by default and by name', () => {
  assert.equal(Primus.default, Primus);
  assert.equal(Primus.Primus, Primus);
  assert.equal(require(file('global')).Live, require(file('global')));
  assert.equal(globalThis.Primus, undefined);
});

test('the module exports it by default and by name', async () => {
  for (const [folder, name] of [['websockets-json', 'Primus'], ['engine.io-msgpack', 'Primus'], ['global', 'Live']]) {
    const module = await import(pathToFileURL(file(folder, 'primus.mjs')));
    assert.deepEqual(Object.keys(module).sort(), [name, 'default'].sort());
    assert.equal(module.default, module[name]);
    assert.equal(module.default.OPENING, 1);
  }
});

test('the module connects as well', async (t) => {
  const Module = (await import(pathToFileURL(file('websockets-json', 'primus.mjs')))).default;
  // Unlike `require`, a module does not look into NODE_PATH.
  const options = globalThis.WebSocket ? {} : { transport: { WebSocket: require('ws') } };
  const { url } = await start(t, servers[0]);
  await next(connect(t, Module, url, options), 'open');
});

test('without a WebSocket the error says what to install', () => {
  if (globalThis.WebSocket) return;
  const script = `
    const Primus = require(${JSON.stringify(file('websockets-json'))});
    new Primus('http://127.0.0.1:1', { strategy: false }).on('error', (error) => console.log(error.message));
  `;
  const env = { ...process.env, NODE_PATH: '' };
  assert.match(execFileSync(process.execPath, ['-e', script], { env, encoding: 'utf8' }), /Install the package `ws`/);
});

test('it is made with `new`, without, and by `connect`; with an address, options or both', (t) => {
  const options = { manual: true, url: 'http://a.example:81' };
  for (const client of [new Primus(options), Primus(options), Primus.connect(options), new Primus('http://a.example:81', options), new Primus({ manual: true, uri: 'http://a.example:81' }), new Primus(new URL('http://a.example:81'), options)]) {
    assert.ok(client instanceof Primus && client instanceof Primus.Stream && client instanceof Primus.EventEmitter);
    assert.equal(client.url.host, 'a.example:81');
    client.destroy();
  }
  assert.equal(new Primus({ manual: true }).url.href, 'http://127.0.0.1/');
  assert.throws(() => new Primus('http://:0x'));
});

test('addresses are taken apart and put together', (t) => {
  for (const [given, websocket, page] of [
    ['http://a.example', 'ws://a.example/primus', 'http://a.example/primus'],
    ['https://a.example/ignored?x=1#hash', 'wss://a.example/primus?x=1', 'https://a.example/primus?x=1'],
    ['wss://a.example:444', 'wss://a.example:444/primus', 'wss://a.example:444/primus'],
    ['a.example:8080', 'ws://a.example:8080/primus', 'http://a.example:8080/primus'],
    ['localhost', 'ws://localhost/primus', 'http://localhost/primus'],
    ['[::1]:80?q', 'ws://[::1]/primus?q=', 'http://[::1]/primus?q='],
    ['http://u:p%3A@a.example', 'ws://u:p%3A@a.example/primus', 'http://u:p%3A@a.example/primus'],
    ['?q=1', 'ws://127.0.0.1/primus?q=1', 'http://127.0.0.1/primus?q=1']
  ]) {
    const client = dead(t, { url: given });
    client.url = client.parse(given);
    const bare = (protocol) => client.uri({ protocol, query: true }).replace(/[?&]_primuscb=\w+$/, '');
    assert.equal(bare('ws'), websocket);
    if (!/^wss/.test(given)) assert.equal(bare('http:'), page);
  }
  const client = dead(t);
  client.once('outgoing::url', (options) => { options.query = 'mine=1'; });
  assert.equal(client.uri({ protocol: 'ws', query: true }), 'ws://127.0.0.1:1/primus?mine=1');
  assert.deepEqual(client.querystring('?a=b+c&a=2&=x&d=%C3%A9&__proto__=1'), { a: 'b c', d: 'é' });
  assert.equal(client.querystringify({ a: 'b c', d: 'é', e: null }, true), '?a=b%20c&d=%C3%A9&e=');
});

test('listeners: once, off, contexts, order, and those that come and go meanwhile', () => {
  const emitter = new Primus.EventEmitter();
  const told = [];
  const a = (...args) => told.push(['a', ...args]);
  const b = function b() { told.push(['b', this.name]); };
  emitter.on('x', a).once('x', b, { name: 'context' }).on('x', () => emitter.off('x', a));
  assert.equal(emitter.emit('x', 1, 2), true);
  emitter.emit('x', 3);
  assert.deepEqual(told, [['a', 1, 2], ['b', 'context']]);
  assert.equal(emitter.listenerCount('x'), 1);
  emitter.removeAllListeners('x');
  assert.equal(emitter.emit('x'), false);
  for (const name of ['__proto__', 'constructor', 'hasOwnProperty']) {
    assert.equal(emitter.emit(name), false);
    assert.equal(emitter.on(name, a).emit(name), true);
  }
  assert.throws(() => emitter.on('x'), TypeError);
  // As old code inherits.
  function Child() {}
  Child.prototype = new Primus.EventEmitter();
  const [one, two] = [new Child(), new Child()];
  one.on('y', a);
  assert.equal(two.emit('y'), false);
});

test('transforms change, stop and delay messages, both ways', async (t) => {
  const { url } = await start(t, servers[0]);
  const client = connect(t, Primus, url);
  client.transform('outgoing', (packet) => { packet.data = `${packet.data}!`; });
  client.transform('outgoing', (packet, go) => setTimeout(go, 1));
  client.transform('incoming', (packet) => !/stop/.test(packet.data));
  client.transform('incoming', (packet, go) => go(/wrong/.test(packet.data) && new Error('no')));
  client.write('stop');
  client.write('wrong');
  const error = next(client, 'error');
  client.write('on');
  assert.deepEqual(await next(client, 'data'), ['on!', '"on!"']);
  assert.equal((await error)[0].message, 'no');
  const bare = new Primus({ manual: true });
  assert.throws(() => bare.transform('sideways', () => {}), /Invalid transformer type/);
});

test('a full queue loses its oldest messages', (t) => {
  const client = dead(t, { queueSize: 2 });
  for (const n of [1, 2, 3]) assert.equal(client.write(n), true);
  assert.deepEqual(client.buffer, [2, 3]);
  assert.equal(dead(t, { queueSize: 0 }).write(1), true);
});

test('what cannot be encoded is an error, and nothing is sent for nothing', async (t) => {
  const { url } = await start(t, servers[0]);
  const client = connect(t, Primus, url);
  await next(client, 'open');
  const circle = {};
  circle.circle = circle;
  for (const value of [undefined, () => {}, circle, 1n]) client.write(value);
  client.write('last');
  assert.deepEqual(await next(client, 'data'), ['last', '"last"']);
  assert.deepEqual(client.told, ['open', 'error', 'error']);
});

test('emits makes functions that emit', (t) => {
  const client = dead(t);
  const told = [];
  client.on('x', (...args) => told.push(args));
  client.emits('x')(1, 2);
  client.emits('x', 'first')(1);
  client.emits('x', (go, value) => go(null, value + 1))(1);
  client.emits('x', (go) => go(null, null))(1);
  client.emits('x', () => {})(1);
  client.emits('x', (go) => go(new Error('no')))(1);
  assert.deepEqual(told, [[1, 2], ['first', 1], [2], []]);
  assert.deepEqual(client.told, ['error']);
});

test('names of its own are reserved', (t) => {
  const client = dead(t);
  for (const name of ['open', 'data', 'reconnect failed', 'incoming::x', 'outgoing::y', 'constructor', '__proto__']) {
    assert.equal(client.reserved(name), true, name);
  }
  assert.equal(client.reserved('mine'), false);
});

test('a critical error is thrown where nobody listens', (t) => {
  const client = new Primus({ manual: true });
  assert.throws(() => client.critical(new Error('no')), /no/);
  client.on('error', () => {});
  assert.equal(client.critical(new Error('no')), client);
  client.destroy();
});

test('options: strategies are normalised, the queue and the back-off have defaults', (t) => {
  assert.equal(dead(t, { strategy: ['Online', 'TIMEOUT'] }).options.strategy, 'online,timeout');
  assert.equal(dead(t, { strategy: false }).options.strategy, '');
  assert.equal(dead(t).options.strategy, 'disconnect,online,timeout');
  const { options, recovery, pathname, version } = new Primus({ manual: true });
  assert.deepEqual([options.timeout, options.queueSize, options.pingTimeout], [10000, Infinity, 45000]);
  assert.deepEqual(recovery.options, { 'reconnect timeout': 30000, retries: 10, factor: 2, max: Infinity, min: 500 });
  assert.deepEqual([pathname, version], ['/primus', '8.0.9']);
});

test('it pipes what comes, and can be piped to', async (t) => {
  const { Readable, Writable } = require('node:stream');
  const { url } = await start(t, servers[0]);
  const client = connect(t, Primus, url);
  const got = [];
  const sink = new Writable({ objectMode: true, write(chunk, encoding, done) { got.push(chunk); done(); } });
  client.pipe(sink);
  Readable.from(['a', 'b', 'c']).pipe(client, { end: false });
  while (got.length < 3) await wait(5);
  client.end();
  await new Promise((done) => sink.on('finish', done));
  assert.deepEqual(got, ['a', 'b', 'c']);
});

test('it can be printed as JSON, as it is and open', async (t) => {
  const { url } = await start(t, servers[0]);
  const client = new Primus(url);
  assert.equal(JSON.parse(JSON.stringify(client)).readyState, Primus.CLOSED);
  await next(client, 'open');
  assert.equal(JSON.parse(JSON.stringify(client)).readyState, Primus.OPEN);
  client.destroy();
});

test('listeners may end, reopen and destroy it from every event', async (t) => {
  const { url } = await start(t, servers[0]);
  const client = connect(t, Primus, url);
  client.once('close', () => client.open());
  await next(client, 'open');
  client.end();
  await next(client, 'open');
  assert.deepEqual(client.told, ['open', 'close', 'end', 'open']);
  const destroyed = next(client, 'destroy');
  client.once('open', () => client.destroy());
  client.end();
  client.open();
  await destroyed;
  assert.deepEqual(client.told.slice(4), ['close', 'end', 'open', 'close', 'end', 'destroy']);
});

test('nothing keeps the process once all is ended', () => {
  const script = `
    const Primus = require(${JSON.stringify(file('engine.io-json'))});
    const client = new Primus('http://127.0.0.1:1', { strategy: false });
    client.on('end', () => console.log('end'));
  `;
  assert.equal(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', timeout: 20000 }), 'end\n');
});

test('what is written right before the exit has gone out', async (t) => {
  const { url } = await start(t, servers[0]);
  const listener = connect(t, Primus, url);
  await next(listener, 'open');
  const heard = messages(listener, 3);
  const script = `
    const Primus = require(${JSON.stringify(file('websockets-json'))});
    const client = new Primus(${JSON.stringify(url)}).on('open', () => {
      for (const size of [5, 6, 7]) client.write('broadcast:1:' + size);
      process.exit();
    });
  `;
  execFileSync(process.execPath, ['-e', script]);
  assert.deepEqual((await heard).map(({ length }) => length), [5, 6, 7]);
});

test('`ws` may tell of a refusal itself', async (t) => {
  if (globalThis.WebSocket) return;
  const { url } = await start(t, servers[0], { args: ['--authorization', 'a:b'] });
  const client = connect(t, Primus, url);
  let status;
  client.on('outgoing::open', () => client.socket.on('unexpected-response', (request, response) => {
    status = response.statusCode;
    request.destroy();
    client.socket.emit('error', new Error('authorization failed'));
  }));
  const [error] = await next(client, 'error');
  assert.deepEqual([status, error.message], [401, 'authorization failed']);
});
