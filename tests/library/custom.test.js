'use strict';

//
// A parser of the application's own, whose JavaScript the server brought along:
// JSON backwards, against servers with its Rust (`custom.rs`).
//

const assert = require('node:assert/strict');
const test = require('node:test');
const { connect, file, id, messages, next } = require('./support');

const urls = JSON.parse(process.env.PRIMUS_CUSTOM);

for (const [transformer, url] of Object.entries(urls)) {
  const Primus = require(file(`custom-${transformer}`));

  test(`${transformer}: messages come back, by way of its functions`, async (t) => {
    const client = connect(t, Primus, url);
    const packets = [];
    client.on('outgoing::data', (packet) => packets.push(packet));
    const sent = ['é😀', { a: [1, null, 'x'] }, 0, [], 'y'.repeat(70000)];
    const got = messages(client, sent.length);
    sent.forEach((message) => client.write(message));
    assert.deepEqual(await got, sent);
    assert.equal(packets[0], '"😀é"');
    assert.equal(packets[1], '}]"x",llun,1[:"a"{');
    assert.deepEqual(client.told, ['open']);
  });

  test(`${transformer}: what the client says itself goes by it too`, async (t) => {
    const client = connect(t, Primus, url);
    const asked = next(client, 'outgoing::data');
    assert.match(await id(client), /\w{8}/);
    if ('engine.io' !== transformer) assert.deepEqual(await asked, ['"::di::sumirp"']);
  });

  test(`${transformer}: what it cannot read or write is an error, and the connection stays`, async (t) => {
    const client = connect(t, Primus, url);
    client.write('broken');
    assert.ok((await next(client, 'error'))[0] instanceof SyntaxError);
    const failed = next(client, 'error');
    client.write('wrong');
    assert.equal((await failed)[0].message, 'no such message');
    client.write('still');
    assert.deepEqual(await messages(client, 1), ['still']);
    assert.deepEqual(client.told, ['open', 'error', 'error']);
  });
}

test('what it brings along is nobody else\'s', () => {
  assert.equal(globalThis.turn, undefined);
});

test('a parser without JavaScript says so', async (t) => {
  const Primus = require(file('custom-silent'));
  const client = connect(t, Primus, urls.websockets);
  client.write('x');
  const [error] = await next(client, 'error');
  assert.match(error.message, /The parser silent has no JavaScript/);
});
