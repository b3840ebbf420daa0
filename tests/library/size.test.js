'use strict';

//
// How large the client is, beside that of the npm package: as it is served, when
// it is minified, and when that is compressed.
//

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const test = require('node:test');
const { gzipSync } = require('node:zlib');
const { minify } = require('terser');
const Server = require('primus');
const { half, sets } = require('./halves');
const { connect, file, messages, servers, start } = require('./support');

const MOST = { websockets: [12000, 5000], 'engine.io': [18000, 7000], sockjs: [17000, 7000], browserchannel: [16000, 6500] };
// npm's Primus has not had this one since version 6.
const MOST_OF_OLD = { 'socket.io': [17000, 7000] };
// Those of servers with several.
const MOST_OF_SEVERAL = { several: [23000, 9300], all: [30000, 11500] };

const options = {
  ecma: 2021,
  toplevel: true,
  compress: { ecma: 2021, passes: 3, unsafe: true, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, keep_fargs: false, hoist_props: true }
};

async function sizes(text) {
  const { code } = await minify(text, options);
  return { code, minified: code.length, gzip: gzipSync(code, { level: 9 }).length };
}

for (const [transformer, [minified, gzip]] of Object.entries(MOST)) {
  test(`${transformer} is small, and works minified`, async (t) => {
    const text = fs.readFileSync(file(`${transformer}-json`), 'utf8');
    const ours = await sizes(text);

    const primus = new Server(http.createServer(), { transformer });
    const library = primus.library();
    const theirs = await sizes(library);
    primus.destroy();

    t.diagnostic(`size: ${transformer} + json: ${text.length} bytes, minified ${ours.minified}, gzip ${ours.gzip}; npm primus 8.0.9: ${library.length}, ${theirs.minified}, ${theirs.gzip}`);
    assert.ok(ours.minified <= minified, `${ours.minified} bytes`);
    assert.ok(ours.gzip <= gzip, `${ours.gzip} bytes`);

    const module = { exports: {}, require };
    new Function('module', 'exports', ours.code)(module, module.exports);
    const { url } = await start(t, servers[0], { transformer });
    const client = connect(t, module.exports, url);
    const got = messages(client, 2);
    client.write({ a: 1 });
    client.write('b');
    assert.deepEqual(await got, [{ a: 1 }, 'b']);
  });
}

for (const [name, most] of Object.entries({ ...MOST_OF_OLD, ...MOST_OF_SEVERAL })) {
  const what = name in MOST_OF_OLD ? `${name} is small` : `that of a server with ${name} transformers is not much larger than its parts`;
  test(what, async (t) => {
    const text = fs.readFileSync(file(`${name}-json`), 'utf8');
    const { minified, gzip } = await sizes(text);
    t.diagnostic(`size: ${name} + json: ${text.length} bytes, minified ${minified}, gzip ${gzip}`);
    assert.ok(minified <= most[0], `${minified} bytes`);
    assert.ok(gzip <= most[1], `${gzip} bytes`);
  });
}

// The client halves of plugins, minified, and what they share, which is there once.
const MOST_OF_PLUGINS = { emit: 350, emitter: 900, responder: 850, substream: 1250, multiplex: 1800, resource: 950, mirage: 600, analytics: 850, history: 1900 };
const MOST_SHARED = 1250;
// All of them and what they share, compressed with the client.
const MOST_OF_ALL = 3200;

test('the client halves of plugins are small', async (t) => {
  const shared = await sizes(half('emit').library);
  assert.ok(shared.minified <= MOST_SHARED, `what they share: ${shared.minified} bytes`);
  const told = [];
  for (const [name, most] of Object.entries(MOST_OF_PLUGINS)) {
    const ours = await sizes(`exports.half = ${half(name).client}`);
    // Not all are of npm.
    const npm = name in sets && require(Object.values(sets[name]).pop());
    const theirs = npm && await sizes(`exports.half = ${npm.client};${npm.library || ''}`);
    told.push(`${name} ${ours.minified} (npm ${theirs ? theirs.minified : 'none'})`);
    assert.ok(ours.minified <= most, `${name}: ${ours.minified} bytes`);
  }
  const [without, all] = await Promise.all(['websockets-json', 'plugins-own-all'].map((folder) => sizes(fs.readFileSync(file(folder), 'utf8'))));
  const more = all.gzip - without.gzip;
  t.diagnostic(`size: plugins, minified: ${told.join(', ')}; what ours share ${shared.minified}; all of them add ${all.minified - without.minified}, gzip ${more}`);
  assert.ok(more <= MOST_OF_ALL, `${more} bytes`);
});
