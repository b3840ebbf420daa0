'use strict';

//
// Servers of other generations: since Primus 7 the server pings, before it the
// client does, which must be told so.
//

const assert = require('node:assert/strict');
const test = require('node:test');
const { connect, load, messages, next, start } = require('./support');

const modules = JSON.parse(process.env.PRIMUS_MODULES);

const ways = [
  { name: 'websockets', transformer: 'websockets' },
  { name: 'engine.io', transformer: 'engine.io', transport: { protocol: 3, doubleEncoding: true } },
  { name: 'engine.io by polling', transformer: 'engine.io', transport: { protocol: 3, doubleEncoding: true, transports: 'polling' } },
  { name: 'sockjs', transformer: 'sockjs' },
  { name: 'sockjs by streaming', transformer: 'sockjs', transport: { transports: 'xhr-streaming', timeout: 8000 } },
  { name: 'sockjs by polling', transformer: 'sockjs', transport: { transports: 'xhr-polling', timeout: 8000 } }
];

for (const { name, transformer, transport } of ways) {
  const serve = (t, version, args) => {
    // That of Primus 6 takes no `ws` after 2, its engine.io another.
    const folder = modules[`${version}-${transformer}`] || modules[version];
    return start(t, 'node', { transformer, args: ['--modules', folder, ...args] });
  };
  const Primus = load(transformer);

  test(`Primus 7: ${name}: messages are echoed, and its pings answered`, async (t) => {
    const { url } = await serve(t, 7, ['--ping-interval', '1500']);
    const client = connect(t, Primus, url, { transport: { ...transport, doubleEncoding: false } });
    client.write({ a: 'é😀' });
    assert.deepEqual(await messages(client, 1), [{ a: 'é😀' }]);
    // The server ends who does not answer by the next ping.
    for (let n = 0; n < 2; n++) await next(client, 'incoming::ping');
    client.write('still');
    assert.deepEqual(await messages(client, 1), ['still']);
    assert.deepEqual(client.told, ['open']);
  });

  test(`Primus 6: ${name}: pings keep the connection, and are answered`, async (t) => {
    const { url } = await serve(t, 6, ['--timeout', '4000']);
    const client = connect(t, Primus, url, { transport, ping: 600, pong: 10000 });
    client.write({ a: 'é😀' });
    assert.deepEqual(await messages(client, 1), [{ a: 'é😀' }]);
    const answers = [];
    client.on('incoming::data', (packet) => /primus::pong::/.test(packet) && answers.push(packet));
    // Longer than the server waits for a sign.
    for (let n = 0; n < 8; n++) await next(client, 'outgoing::ping');
    client.write('still');
    assert.deepEqual(await messages(client, 1), ['still']);
    assert.ok(answers.length > 0);
    assert.deepEqual(client.told, ['open']);
  });

  test(`Primus 6: ${name}: who is not pinged hangs up, and gets the client back`, async (t) => {
    const { url } = await serve(t, 6, ['--timeout', '300']);
    const client = connect(t, Primus, url, { transport, ping: false });
    await next(client, 'reconnected');
    assert.deepEqual(client.told.slice(0, 5), ['open', 'close', 'reconnect scheduled', 'reconnect', 'reconnected']);
  });
}

// The lines of `docs::browsers`.
for (const { version, args, event } of [
  { version: 6, args: ['--timeout', '10200'], event: 'outgoing::ping' },
  { version: 7, args: ['--ping-interval', '1500'], event: 'incoming::ping' }
]) {
  test(`Primus ${version}: who pings can be read from its spec`, async (t) => {
    const folder = modules[`${version}-websockets`] || modules[version];
    const { url } = await start(t, 'node', { transformer: 'websockets', args: ['--modules', folder, ...args] });
    const { timeout } = await (await fetch(`${url}/primus/spec`)).json();
    const client = connect(t, load('websockets'), url, { ping: timeout && timeout - 10000 });
    await next(client, 'open');
    for (let n = 0; n < 2; n++) await next(client, event);
    client.write('still');
    assert.deepEqual(await messages(client, 1), ['still']);
    assert.deepEqual(client.told, ['open']);
  });
}
