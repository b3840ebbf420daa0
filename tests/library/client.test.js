'use strict';

//
// What a client does, over every carrier, against every server.
//

const assert = require('node:assert/strict');
const test = require('node:test');
const { carriers, connect, id, load, messages, next, servers, start, wait } = require('./support');

for (const server of servers) for (const carrier of carriers) {
  const { transformer, transport } = carrier;
  const Primus = load(transformer);
  const is = (name, run) => test(`${server}: ${carrier.name}: ${name}`, run);
  const serve = (t, args) => start(t, server, { transformer, args });
  const dial = (t, url, options) => connect(t, Primus, url, { transport, ...options });

  is('messages come back as they were sent, and in order', async (t) => {
    const { url } = await serve(t);
    const client = dial(t, url);
    const sent = ['first', { a: [1, null, true, 2.5] }, 'é€漢字😀\u2028\u2029', '\ud83d', '', 0, 'x'.repeat(300000)];
    const got = messages(client, sent.length);
    sent.forEach((message) => assert.equal(client.write(message), true));
    assert.deepEqual(await got, sent);
    client.end();
    assert.deepEqual(client.told, ['open', 'close', 'end']);
    assert.equal(client.readyState, Primus.CLOSED);
  });

  is('nothing is lost or overtaken while messages stream both ways', async (t) => {
    const { url } = await serve(t);
    const client = dial(t, url);
    const upgraded = carrier.upgrades && new Promise((done) => {
      client.on('outgoing::open', () => client.socket.on('upgrade', ({ name }) => done(name)));
    });
    const got = messages(client, 600);
    for (let n = 0; n < 600; n++) {
      client.write(n);
      if (n % 20 === 0) await wait(1);
    }
    assert.deepEqual(await got, Array.from({ length: 600 }, (_, n) => n));
    if (upgraded) {
      assert.equal(await upgraded, 'websocket');
      assert.equal(client.socket.transport.name, 'websocket');
    }
  });

  is('the id is that of the spark, before and after the opening', async (t) => {
    const { url } = await serve(t);
    const client = dial(t, url);
    const early = id(client);
    client.write('id');
    const [told] = await messages(client, 1);
    assert.equal(await early, told);
    assert.equal(await id(client), told);
  });

  is('the query goes along, with a new cache buster each time', async (t) => {
    const { url } = await serve(t);
    const client = dial(t, `${url}/elsewhere?token=abc%20d&x=1&e=%C3%A9`);
    client.write('query');
    const [first] = await messages(client, 1);
    assert.deepEqual([first.token, first.x, first.e], ['abc d', '1', 'é']);
    client.write('reconnect');
    await next(client, 'reconnected');
    client.write('query');
    const [second] = await messages(client, 1);
    const [before, after] = [first, second].map((query) => query[carrier.buster || '_primuscb']);
    assert.ok(before && after && before !== after);
  });

  is('a server that means the end is not called again', async (t) => {
    const { url } = await serve(t);
    const client = dial(t, url);
    client.write('close');
    await next(client, 'end');
    assert.deepEqual(client.told, ['open', 'close', 'end']);
    assert.equal(client.writable, false);
    await wait(50);
    assert.equal(client.told.length, 3);
  });

  is('a server that wants the client back gets it', async (t) => {
    const { url } = await serve(t);
    const client = dial(t, url);
    client.write('reconnect');
    const [attempt] = await next(client, 'reconnected');
    assert.equal(attempt.attempt, 1);
    client.write('again');
    assert.deepEqual(await messages(client, 1), ['again']);
    assert.deepEqual(client.told, ['open', 'close', 'reconnect scheduled', 'reconnect', 'reconnected', 'open']);
  });

  is('what was written last arrives before the end', async (t) => {
    const { url } = await serve(t);
    const [speaker, listener] = [dial(t, url), dial(t, url)];
    await Promise.all([next(speaker, 'open'), next(listener, 'open')]);
    const heard = messages(listener, 3);
    speaker.write('broadcast:1:5');
    speaker.write('broadcast:1:6');
    speaker.end('broadcast:1:7');
    assert.deepEqual((await heard).map(({ length }) => length), [5, 6, 7]);
  });

  is('after a restart it is there again, with what was written meanwhile', async (t) => {
    const first = await serve(t);
    const client = dial(t, first.url);
    await next(client, 'open');
    const closed = next(client, 'close');
    await first.stop();
    await closed;
    for (let n = 0; n < 5; n++) client.write(n);
    await start(t, server, { transformer, port: first.port });
    assert.deepEqual(await messages(client, 5), [0, 1, 2, 3, 4]);
  });

  is('a stranger is refused for good, and told the status', async (t) => {
    const { url } = await serve(t, ['--authorization', 'me:secretword']);
    // A platform's WebSocket tells no status.
    const untold = globalThis.WebSocket && /websocket/.test(carrier.name);
    const client = dial(t, url, untold ? { strategy: 'disconnect' } : {});
    const [error] = await next(client, 'error');
    assert.equal(error.status, untold ? undefined : 401);
    assert.deepEqual(client.told, ['error', 'close', 'end']);
  });

  is('the name in the address is sent along', async (t) => {
    if (globalThis.WebSocket && /websocket/.test(carrier.name)) return t.skip('the platform does not send it');
    const { url } = await serve(t, ['--authorization', 'me:secretword']);
    const client = dial(t, url.replace('//', '//me:secretword@'));
    client.write('in');
    assert.deepEqual(await messages(client, 1), ['in']);
  });

  is('pings are answered, and keep it open', async (t) => {
    // The server ends who has not answered by its next ping: time enough for a busy machine.
    const { url } = await serve(t, ['--ping-interval', '1500']);
    const client = dial(t, url, { pingTimeout: 20000 });
    for (let n = 0; n < 2; n++) {
      const [time] = await next(client, 'incoming::ping');
      assert.ok(time > 1e12);
    }
    client.write('still');
    assert.deepEqual(await messages(client, 1), ['still']);
    assert.deepEqual(client.told, ['open']);
  });

  is('a server that does not ping is taken for lost', async (t) => {
    const { url } = await serve(t, ['--ping-interval', '0']);
    const client = dial(t, url, { pingTimeout: 150 });
    await next(client, 'reconnected');
    assert.deepEqual(client.told.slice(0, 6), ['open', 'offline', 'close', 'reconnect scheduled', 'reconnect', 'reconnected']);
    await next(client, 'online');
  });

  is('bytes that no parser wants to see arrive as they are', async (t) => {
    const { url } = await serve(t, ['--parser', 'raw']);
    const client = dial(t, url);
    client.encoder = (data, done) => done(null, data);
    client.decoder = (packet, done) => done(null, packet);
    client.write(Uint8Array.of(0, 1, 2, 255));
    client.write('text');
    if (/^(sockjs|browserchannel)$/.test(transformer)) {
      // It has no place for them.
      assert.deepEqual(await messages(client, 1), ['text']);
      assert.deepEqual(client.told, ['open', 'error']);
      return;
    }
    const [bytes, text] = await messages(client, 2);
    assert.deepEqual([...new Uint8Array(bytes)], [0, 1, 2, 255]);
    assert.equal(text, 'text');
  });

  is('destroyed, it is over in every state', async (t) => {
    const { url } = await serve(t);
    for (const state of ['before', 'opening', 'open']) {
      const client = dial(t, url);
      if ('opening' === state) await next(client, 'outgoing::open');
      if ('open' === state) await next(client, 'open');
      client.told.length = 0;
      assert.equal(client.destroy(), true);
      assert.equal(client.destroy(), false);
      assert.deepEqual(client.told, 'before' === state ? ['destroy'] : ['close', 'end', 'destroy']);
      assert.equal(client.open().readyState, Primus.CLOSED);
    }
  });
}
