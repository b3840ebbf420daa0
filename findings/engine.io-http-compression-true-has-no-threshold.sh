#!/usr/bin/env bash
# `httpCompression: true` of the npm package `engine.io` is not its default, though
# the default is on: the option replaces the default `{ threshold: 1024 }` instead of
# switching it on, so there is no threshold left, and answers to polls of a few bytes
# are compressed too and become longer. Who sets `true` (as Primus does for its
# `compression: true`) wants `{ threshold: 1024 }`.
#
# Version: engine.io 6.6.13, Node.js 20
# Seen: the handshake's answer, 100 bytes or so, to a client that accepts gzip: as it is
# by default and with `{ threshold: 1024 }`, in gzip with `true`.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts engine.io@6.6.13
cat > seen.js <<'JS'
const { once } = require('node:events');
const http = require('node:http');
const { Server } = require('engine.io');

async function coding(options) {
    const server = http.createServer();
    new Server(options).attach(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const request = http.get({
        port: server.address().port,
        host: '127.0.0.1',
        path: '/engine.io/?EIO=4&transport=polling',
        headers: { 'accept-encoding': 'gzip' }
    });
    const [response] = await once(request, 'response');
    let length = 0;
    response.on('data', bytes => { length += bytes.length; });
    await once(response, 'end');
    return `${response.headers['content-encoding'] || 'identity'}, short: ${length < 1024}`;
}

(async () => {
    const seen = {
        default: await coding({}),
        object: await coding({ httpCompression: { threshold: 1024 } }),
        true: await coding({ httpCompression: true })
    };
    console.log(process.version, seen);
    const expected = { default: 'identity, short: true', object: 'identity, short: true', true: 'gzip, short: true' };
    process.exit(JSON.stringify(seen) === JSON.stringify(expected) ? 0 : 1);
})();
JS
node seen.js
