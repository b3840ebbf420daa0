'use strict';

//
// browserchannel: what the client asks for, what it takes from a server and what not,
// and what it says again when a connection breaks.
//

const assert = require('node:assert/strict');
const http = require('node:http');
const test = require('node:test');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { connect, load, messages, next, until, wait } = require('./support');

const Channel = load('browserchannel');

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const chunk = (...arrays) => {
  const text = JSON.stringify(arrays) + '\n';
  return `${text.length}\n${text}`;
};
const GREETING = [0, ['c', 'sid/1', null, 8]];

// A server that does what a test wants: `answers[what](response, request)`, where it is
// asked to `probe`, `open`, `wait`, `send` or `end`. `asked` are the requests, with
// what was asked, the query and the body.
async function serve(t, answers = {}) {
  const server = Object.assign(http.createServer(), { asked: [] });
  const usual = {
    // Two pieces, of which the second would come later.
    probe: (response) => response.write('11111'),
    open: (response) => response.end(chunk(GREETING)),
    wait: (response) => response.flushHeaders(),
    send: (response) => response.end('7\n[1,0,0]'),
    end: (response) => response.end()
  };
  server.on('request', (request, response) => {
    let body = '';
    request.on('data', (data) => { body += data; }).on('end', () => {
      const [path, search] = request.url.split('?');
      const query = Object.fromEntries(new URLSearchParams(search));
      const what = /test$/.test(path) ? 'probe' : 'POST' === request.method ? (query.SID ? 'send' : 'open')
        : 'rpc' === query.RID ? 'wait' : 'end';
      const asked = { what, path, query, body, headers: request.headers, url: request.url };
      server.asked.push(asked);
      (answers[what] || usual[what])(response, asked, server);
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  server.of = (what) => server.asked.filter((asked) => asked.what === what);
  server.url = `http://127.0.0.1:${server.address().port}`;
  return server;
}

const QUICK = { strategy: false };

test('a session is asked for, sent to, waited for and ended as by the original', async (t) => {
  const server = await serve(t);
  const client = connect(t, Channel, `${server.url}?token=a%20b`, QUICK);
  await next(client, 'open');
  client.write({ a: 'é&=+' });
  client.write('two');
  await until('both are sent', () => server.of('send').length);
  await until('it waits', () => server.of('wait').length);
  client.end();
  await until('it is ended', () => server.of('end').length);
  const [[probe], [open], [waits], [send], [end]] = ['probe', 'open', 'wait', 'send', 'end'].map(server.of);
  for (const { query, url } of server.asked) {
    assert.deepEqual([query.token, query.VER, /zx=\w+/.test(url), url.includes('_primuscb')], ['a b', '8', true, false]);
  }
  assert.equal(new Set(server.asked.map(({ query }) => query.zx)).size, server.asked.length);
  assert.deepEqual([probe.path, probe.query.TYPE], ['/primus/test', 'xmlhttp']);
  const rid = +open.query.RID;
  assert.ok(rid >= 0 && rid < 1e5);
  assert.deepEqual([open.path, open.body, open.query.SID], ['/primus/bind', 'count=0', undefined]);
  assert.deepEqual([waits.query.SID, waits.query.CI, waits.query.AID, waits.query.TYPE], ['sid/1', '0', '0', 'xmlhttp']);
  assert.deepEqual([+send.query.RID, send.query.AID, send.query.SID], [rid + 1, '0', 'sid/1']);
  assert.equal(send.body, 'count=2&ofs=0&req0__S=%7B%22a%22%3A%22%C3%A9%26%3D%2B%22%7D&req1__S=%22two%22');
  assert.deepEqual([+end.query.RID, end.query.TYPE], [rid + 2, 'terminate']);
  assert.deepEqual(client.told, ['open', 'close', 'end']);
});

test('chunks may be cut anywhere, and their length counts UTF-16 units', async (t) => {
  const texts = ['{"é":"😀漢\\u2028"}', '""', '1'];
  const whole = Buffer.from(chunk([1, texts[0]], [2, ['noop']]) + chunk([3, texts[1]]) + chunk([4, texts[2]]));
  for (let step = 1; step < whole.length; step += 7) {
    const server = await serve(t, {
      async wait(response) {
        for (let at = 0; at < whole.length; at += step) {
          response.write(whole.subarray(at, at + step));
          await wait(1);
        }
      }
    });
    const client = connect(t, Channel, server.url, QUICK);
    assert.deepEqual(await messages(client, 3), texts.map((text) => JSON.parse(text)));
    client.destroy();
  }
});

test('what comes with the opening is not lost', async (t) => {
  const server = await serve(t, { open: (response) => response.end(chunk(GREETING, [1, '"hi"'])) });
  const client = connect(t, Channel, server.url, QUICK);
  assert.deepEqual(await messages(client, 1), ['hi']);
  await until('it waits', () => server.of('wait').length);
  assert.equal(server.of('wait')[0].query.AID, '1');
});

test('where answers are held back it comes for each', async (t) => {
  let number = 0;
  const server = await serve(t, {
    probe: (response) => response.end('111112'),
    wait: (response) => { if (++number < 4) response.end(chunk([number, `${number}`])); }
  });
  const client = connect(t, Channel, server.url, QUICK);
  assert.deepEqual(await messages(client, 3), [1, 2, 3]);
  await until('it waits again', () => server.of('wait').length === 4);
  assert.deepEqual(server.of('wait').map(({ query }) => `${query.CI} ${query.AID}`), ['1 0', '1 1', '1 2', '1 3']);
});

test('what breaks off is asked for again, and nothing comes twice', async (t) => {
  let times = 0;
  const server = await serve(t, {
    wait(response) {
      const time = ++times;
      if (time === 1) response.write(chunk([1, '1'], [2, '2']), () => response.destroy());
      // Two may have been lost.
      else if (time === 2) response.write(chunk([2, '2'], [3, '3']).slice(0, -5), () => response.destroy());
      else if (time === 3) response.write(chunk([2, '2'], [3, '3'], [4, '4']));
    }
  });
  const client = connect(t, Channel, server.url, QUICK);
  assert.deepEqual(await messages(client, 4), [1, 2, 3, 4]);
  assert.deepEqual(server.of('wait').map(({ query }) => query.AID), ['0', '2', '2']);
  assert.deepEqual(client.told, ['open']);
});

test('what was not answered is sent again, as it was', async (t) => {
  let times = 0;
  const server = await serve(t, {
    send: (response) => ++times < 3 ? response.destroy() : response.end('7\n[1,0,0]')
  });
  const client = connect(t, Channel, server.url, QUICK);
  await next(client, 'open');
  client.write(1);
  await until('it is sent', () => times);
  client.write(2);
  await until('all is sent', () => server.of('send').length === 4);
  const sent = server.of('send').map(({ query, body }) => `${query.RID} ${body}`);
  assert.equal(new Set(sent.slice(0, 3)).size, 1);
  assert.match(sent[3], /count=1&ofs=1&req0__S=2$/);
  assert.deepEqual(client.told, ['open']);
});

test('a server that stays away is lost', async (t) => {
  const server = await serve(t, { wait: (response) => response.destroy() });
  const client = connect(t, Channel, server.url, QUICK);
  const [error] = await next(client, 'error');
  assert.ok(error instanceof Error);
  assert.equal(server.of('wait').length, 4);
  assert.deepEqual(client.told, ['open', 'error', 'close', 'end']);
});

test('a server that has lost the request that waits gets another', async (t) => {
  const server = await serve(t, { send: (response) => response.end('7\n[0,0,0]') });
  const client = connect(t, Channel, server.url, QUICK);
  await next(client, 'open');
  await until('it waits', () => server.of('wait').length);
  client.write(1);
  await until('it is sent', () => server.of('send').length === 1);
  // It may only just have come.
  await wait(200);
  assert.equal(server.of('wait').length, 1);
  await wait(3000);
  // What is waited for is given up all the same.
  collectGarbage();
  for (let n = 2; n < 100 && server.of('wait').length < 2; n++) {
    client.write(n);
    await wait(50);
  }
  assert.equal(server.of('wait').length, 2);
  assert.deepEqual(client.told, ['open']);
});

test('the end of the server is one, and no error', async (t) => {
  const server = await serve(t, {
    wait: (response) => response.write(chunk([1, '"last"'], [2, '"primus::server::close"'], [3, ['stop']], [4, '"late"']))
  });
  const client = connect(t, Channel, server.url);
  const got = messages(client, 1);
  await next(client, 'end');
  assert.deepEqual(await got, ['last']);
  assert.deepEqual(client.told, ['open', 'close', 'end']);
  await wait(100);
  assert.equal(server.of('end').length, 0, 'it knows');
});

test('a session that the server does not know is lost', async (t) => {
  const unknown = (response) => response.writeHead(400).end('<html><body><h1>Unknown SID</h1></body></html>');
  for (const what of ['wait', 'send']) {
    const server = await serve(t, { [what]: unknown });
    const client = connect(t, Channel, server.url, QUICK);
    client.write(1);
    const [error] = await next(client, 'error');
    assert.equal(error.status, 400, what);
    assert.match(error.message, /Unknown SID/);
    assert.equal(server.of(what).length, 1);
    assert.equal(server.of('end').length, 0);
  }
});

test('a stranger is refused for good', async (t) => {
  for (const status of [401, 403]) {
    const refuse = (response) => response.writeHead(status).end('{"error":"no"}');
    const server = await serve(t, { open: refuse, probe: refuse });
    const client = connect(t, Channel, server.url);
    const [error] = await next(client, 'error');
    assert.equal(error.status, status);
    assert.deepEqual(client.told, ['error', 'close', 'end']);
  }
});

test('one that is given up while it is opened is ended when it is open', async (t) => {
  let answer;
  const server = await serve(t, { open: (response) => { answer = () => response.end(chunk(GREETING)); } });
  const client = connect(t, Channel, server.url, QUICK);
  await until('it is asked for', () => answer);
  client.destroy();
  answer();
  await until('it is ended', () => server.of('end').length);
  assert.equal(server.of('end')[0].query.SID, 'sid/1');
  assert.equal(server.of('wait').length, 0);
});

const nonsense = [
  '', 'x', '\n[]', '-1\n[]', '2\n{}', '4\nnull', '3\n[1]', '4\n[[]]', '5\n[[0]]', '12345678901\n[', '<!doctype html>', '8\n[[0,"x"]', '3\n[[0', '2\n[]',
  chunk([0, 'message']), chunk([0, ['stop']]), chunk([0, ['c']]), chunk([0, ['c', '']]), chunk([1, ['c', 'sid', null, 8]]), chunk(['0', ['c', 'sid', null, 8]])
];

test('what is no opening is none', async (t) => {
  for (const text of nonsense) {
    const server = await serve(t, { open: (response) => response.end(text) });
    const client = connect(t, Channel, server.url, QUICK);
    const [error] = await next(client, 'error');
    assert.ok(error instanceof Error && error.message, text);
    assert.deepEqual(client.told, ['error', 'close', 'end'], text);
    client.destroy();
  }
});

test('what is no array ends the session, and does nothing else', async (t) => {
  const wrong = [...nonsense.slice(1, 12).filter((text) => text !== '5\n[[0]]'), chunk([2, '"left out"']), chunk([1.5, '1']), chunk(['x', '1']), chunk([null, '1'])];
  for (const text of wrong) {
    const server = await serve(t, { wait: (response) => response.write(text) });
    const client = connect(t, Channel, server.url, QUICK);
    const [error] = await next(client, 'error');
    assert.ok(error instanceof Error && error.message, text);
    assert.deepEqual(client.told, ['open', 'error', 'close', 'end'], text);
    await until('it is ended', () => server.of('end').length);
    client.destroy();
  }
});

test('arrays that mean nothing are no matter', async (t) => {
  const odd = [['noop'], ['what', 1], [], null, 5, {}, true, [null], ['c', 'other', null, 8]];
  const arrays = odd.map((data, at) => [at + 1, data]);
  const server = await serve(t, { wait: (response) => response.write(chunk(...arrays, [arrays.length + 1, '"still"'])) });
  const client = connect(t, Channel, server.url, QUICK);
  assert.deepEqual(await messages(client, 1), ['still']);
  client.write(1);
  await until('it is sent', () => server.of('send').length);
  assert.equal(server.of('send')[0].query.SID, 'sid/1');
});

test('a server that says nothing again and again is not asked all the time', async (t) => {
  const server = await serve(t, { wait: (response) => response.end() });
  const client = connect(t, Channel, server.url, QUICK);
  await next(client, 'open');
  await wait(1500);
  assert.ok(server.of('wait').length < 30, `${server.of('wait').length}`);
  assert.deepEqual(client.told, ['open']);
});

test('halves of characters, which no address has, go as what stands for them', async (t) => {
  const server = await serve(t);
  const client = connect(t, Channel, server.url, QUICK);
  client.encoder = (data, done) => done(null, data);
  await next(client, 'open');
  client.write('a\ud83db😀');
  await until('it is sent', () => server.of('send').length);
  assert.equal(server.of('send')[0].body, 'count=1&ofs=0&req0__S=a%EF%BF%BDb%F0%9F%98%80');
});
