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
const { connect, file, messages, servers, start } = require('./support');

const MOST = { websockets: [12000, 5000], 'engine.io': [18000, 7000], sockjs: [17000, 7000] };

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
