'use strict';

//
// sockjs: what comes from a server, of the right kind and of others.
//

const assert = require('node:assert/strict');
const { once } = require('node:events');
const test = require('node:test');
const { connect, load, messages, next, thrown, until, wait } = require('./support');
const { PRELUDE, ROUTES, event, forced, saying, serve } = require('./sockjs');

const Sockjs = load('sockjs');

// A few attempts, then the end.
const BRIEF = { reconnect: { min: 10, max: 40, retries: 4 } };

for (const [name, answers] of Object.entries(saying)) {
  const dial = (t, server, options) => connect(t, Sockjs, server.url, forced(name, options));

  test(`${name}: many messages in a frame come in their order; heartbeats say nothing`, async (t) => {
    const server = await serve(t, answers('h', 'a["1","2"]', '', 'm"3"', 'a[]', 'h', 'a["\\"\\\\u00e9\\ud83d\\ude00é\\""]', 'a[4,null,"5"]'));
    const client = dial(t, server);
    const seen = await messages(client, 6);
    assert.deepEqual(seen, [1, 2, 3, 'é😀é', 4, null]);
  });

  test(`${name}: a usual end is no error`, async (t) => {
    const server = await serve(t, answers('a["1"]', 'c[1000,"Normal closure"]', 'a["2"]'));
    const client = dial(t, server, BRIEF);
    assert.deepEqual(await messages(client, 1), [1]);
    await next(client, 'reconnect');
    assert.deepEqual(client.told, ['open', 'close', 'reconnect scheduled', 'reconnect']);
  });

  test(`${name}: another end is an error with its code, and the client comes back`, async (t) => {
    for (const code of [1002, 1006, 2010, 3000, 4999]) {
      const server = await serve(t, answers(`c[${code},"Why"]`));
      const client = dial(t, server);
      const [error] = await next(client, 'error');
      assert.equal(error.code, code);
      assert.match(error.message, /Why/);
      await next(client, 'reconnect');
      assert.deepEqual(client.told, ['open', 'error', 'close', 'reconnect scheduled', 'reconnect']);
      client.destroy();
    }
  });

  test(`${name}: a session that opens twice is lost, and begun anew`, async (t) => {
    const server = await serve(t, answers('o'));
    const client = dial(t, server);
    const [error] = await next(client, 'error');
    assert.equal(error.code, 1006);
    await next(client, 'reconnect');
  });

  test(`${name}: frames that are none end the session, which comes back`, async (t) => {
    for (const frame of ['<html>', 'x', 'a', 'a{', 'a5', 'anull', 'a"b"', 'a{"length":1}', 'm', 'c', 'cnull', 'c5', 'c{}', 'c[1006,{"toString":1}]', '["1"]']) {
      const server = await serve(t, answers(frame, 'a["after"]'));
      const client = dial(t, server);
      client.on('data', assert.fail);
      await next(client, 'error');
      await next(client, 'reconnect');
      assert.deepEqual(client.told, ['open', 'error', 'close', 'reconnect scheduled', 'reconnect'], frame);
      client.destroy();
    }
  });

  test(`${name}: messages that are none are errors, and nothing else`, async (t) => {
    // A ping is answered, whatever is in it.
    const server = await serve(t, { ...answers('a["{","]","\\"primus::\\"","\\"primus::ping::<b>\\"",{},[[]],"{\\"__proto__\\":{\\"polluted\\":1}}","7"]'), xhr_send: (response) => response.writeHead(204).end() });
    const client = dial(t, server);
    let last;
    client.on('data', (data) => { last = data; });
    await until('the last one comes', () => 7 === last);
    assert.ok(client.told.every((event) => 'open' === event || 'error' === event), client.told);
    assert.equal({}.polluted, undefined);
  });

  test(`${name}: what is no opening opens nothing`, async (t) => {
    const early = ['a["early"]', 'm"early"', 'c[3000,"Go away!"]', 'c[1000,""]', '<!doctype html>\n<h1>Welcome</h1>\n<p>o</p>'];
    for (const text of early) {
      const server = await serve(t, {
        websocket: (socket) => socket.send(text),
        [ROUTES[name]]: 'websocket' === name ? (socket) => socket.send(text) : (response) => response.write(
          'eventsource' === name ? [text, 'o', 'a["no"]'].map(event).join('') : `${text}\no\na["no"]\n`
        )
      });
      const client = dial(t, server, BRIEF);
      client.on('data', assert.fail);
      await next(client, 'reconnect failed');
      assert.equal(client.told.includes('open'), false);
      assert.equal(server.asked.filter((route) => route === ROUTES[name]).length, 5);
    }
  });

  test(`${name}: what listeners throw is theirs: the rest of the frame comes, and the end`, async (t) => {
    const server = await serve(t, answers('a["1","2","3"]', 'c[3000,"Go away!"]'));
    const told = thrown(t);
    const client = dial(t, server, { strategy: false });
    client.on('data', (data) => { throw new Error(`in ${data}`); });
    client.on('error', () => { throw new Error('in error'); });
    client.on('close', () => { throw new Error('in close'); });
    await until('all is thrown', () => told.length >= 5 && 'end' === client.told.at(-1));
    assert.deepEqual(told.sort(), ['in 1', 'in 2', 'in 3', 'in close', 'in error']);
    assert.deepEqual(client.told, ['open', 'error', 'close', 'end']);
  });

  test(`${name}: who ends in the midst of a frame gets no more of it`, async (t) => {
    const server = await serve(t, answers('a["1","2"]', 'a["3"]'));
    const client = dial(t, server);
    const got = [];
    client.on('data', (data) => {
      got.push(data);
      client.end();
    });
    await next(client, 'end');
    await wait(50);
    assert.deepEqual([got, client.told], [[1], ['open', 'close', 'end']]);
  });

  test(`${name}: who ends closes what the server holds`, async (t) => {
    let held;
    const server = await serve(t, {
      websocket: (socket) => { held = socket; socket.send('o'); },
      xhr_streaming: (response) => { held = response; response.write('o\n'); },
      eventsource: (response) => { held = response; response.write(event('o')); },
      xhr: (response, request, body) => {
        if (held === undefined) response.end('o\n');
        held = held === undefined ? null : response;
        server.emit('held', body);
      }
    });
    const client = dial(t, server);
    await next(client, 'open');
    while (!held) await once(server, 'held');
    const gone = once(held, 'close');
    client.end();
    await gone;
  });
}

test('a stream is taken apart wherever the network cut it, characters too', async (t) => {
  const bytes = Buffer.from(`${PRELUDE}o\na["\\"é€😀\\"","1"]\na["2"]\n`);
  let stream;
  const server = await serve(t, {
    async xhr_streaming(response) {
      if (stream) return;
      stream = response;
      for (const byte of bytes.subarray(2040)) {
        response.write(Buffer.of(byte));
        await new Promise(setImmediate);
      }
    }
  });
  const client = connect(t, Sockjs, server.url, forced('xhr-streaming'));
  assert.deepEqual(await messages(client, 3), ['é€😀', 1, 2]);
  // The next answer belongs to the same session.
  const again = once(server, 'asked');
  stream.end();
  await again;
  const streams = server.paths.filter((path) => /xhr_streaming/.test(path));
  assert.equal(streams.length, 2);
  assert.equal(streams[0], streams[1]);
});

test('long messages come whole', async (t) => {
  const long = '€😀'.repeat(3e6);
  for (const [name, answers] of Object.entries(saying)) {
    const server = await serve(t, answers(`a[${JSON.stringify(JSON.stringify(long))}]`));
    const client = connect(t, Sockjs, server.url, forced(name));
    const [message] = await messages(client, 1);
    assert.ok(message === long);
    client.destroy();
  }
});

test('a message that is broken off ends the session with an error', async (t) => {
  const server = await serve(t, { xhr_streaming: (response) => response.end('o\na["1"]\na["2') });
  const client = connect(t, Sockjs, server.url, forced('xhr-streaming'));
  const got = messages(client, 1);
  await next(client, 'error');
  assert.deepEqual(await got, [1]);
  await next(client, 'reconnect');
});

test('a line without end ends the session, which comes back', async (t) => {
  const chunk = Buffer.alloc(1 << 20, '4');
  let sent = 0;
  const server = await serve(t, {
    xhr_streaming(response) {
      response.write('o\n');
      const more = () => {
        sent += 1;
        response.write(chunk);
      };
      response.on('drain', more);
      more();
    }
  });
  const client = connect(t, Sockjs, server.url, forced('xhr-streaming'));
  const [error] = await next(client, 'error', 60000);
  assert.match(error.message, /too much/);
  // In MiB: what is read, and what the system holds.
  assert.ok(sent > 90 && sent < 150, `${sent} MiB`);
  await next(client, 'reconnect');
});

test('a server with nothing to say, at once, is not asked without a pause', async (t) => {
  for (const [name, text] of [['xhr-polling', 'h\n'], ['xhr-polling', ''], ['xhr-polling', '\n\n'], ['xhr-streaming', PRELUDE]]) {
    let first = true;
    const server = await serve(t, {
      [ROUTES[name]]: (response) => {
        response.end(first ? 'o\n' : text);
        first = false;
      }
    });
    const client = connect(t, Sockjs, server.url, forced(name));
    await next(client, 'open');
    await wait(500);
    assert.ok(server.asked.length < 30, `${server.asked.length} requests`);
    assert.deepEqual(client.told, ['open']);
    client.destroy();
  }
});

test('bytes are no frame', async (t) => {
  const server = await serve(t, { websocket: (socket) => socket.send(Buffer.from('o')) });
  const client = connect(t, Sockjs, server.url, { strategy: false, transport: { transports: 'websocket' } });
  await next(client, 'end');
  assert.deepEqual(client.told, ['error', 'close', 'end']);
});
