#!/usr/bin/env bash
# A client of the npm package `sockjs-client` that runs under Node.js and reads an
# xhr-streaming answer does not notice when the connection of that answer is cut
# in mid-answer: no `close`, no `error`. With xhr-polling it does. A program that
# relies on `close` is not told; a heartbeat of its own finds the cut.
#
# Versions: sockjs-client 1.6.1, sockjs 0.3.24, Node.js 20
# Seen: after all connections of two open clients are cut, the one that polls gets
# `close` with 1006 within a second, the one that streams nothing in ten seconds.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts sockjs@0.3.24 sockjs-client@1.6.1
cat > seen.js <<'JS'
const { once } = require('node:events');
const http = require('node:http');
const sockjs = require('sockjs');
const SockJS = require('sockjs-client');

const server = http.createServer();
const sockets = new Set();
server.on('connection', socket => sockets.add(socket.on('close', () => sockets.delete(socket))));
const echo = sockjs.createServer({ prefix: '/echo', log: () => {} });
echo.on('connection', connection => connection.on('data', text => connection.write(text)));
echo.installHandlers(server);

const within = (ms, promise) => Promise.race([promise, new Promise(resolve => setTimeout(resolve, ms, 'nothing'))]);

(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const seen = {};
    const watched = [];
    for (const transport of ['xhr-polling', 'xhr-streaming']) {
        const client = new SockJS(`http://127.0.0.1:${server.address().port}/echo`, null, { transports: transport });
        await new Promise(resolve => { client.onopen = resolve; });
        const echoed = new Promise(resolve => { client.onmessage = resolve; });
        client.send('there and back');
        await echoed;
        watched.push([transport, new Promise(resolve => { client.onclose = event => resolve(event.code); })]);
    }
    // The next poll is held by now.
    await new Promise(resolve => setTimeout(resolve, 500));
    sockets.forEach(socket => socket.destroy());
    for (const [transport, closed] of watched) seen[transport] = await within(10_000, closed);
    console.log(process.version, seen);
    const expected = { 'xhr-polling': 1006, 'xhr-streaming': 'nothing' };
    process.exit(JSON.stringify(seen) === JSON.stringify(expected) ? 0 : 1);
})();
JS
node seen.js
