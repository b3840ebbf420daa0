#!/usr/bin/env bash
# The server of the npm package `socket.io` 0.9 turns each piece of a POST that it
# reads from the network into text by itself. A character of several bytes that the
# network delivers in two pieces, as happens anywhere in a long message, becomes
# U+FFFD; the message is delivered all the same, and nothing tells of it.
#
# Versions: socket.io 0.9.19, Node.js 20
# Seen: the same message, sent by xhr-polling, arrives as `é` when its bytes come
# together, and as two U+FFFD when the two bytes of the letter come one by one.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts socket.io@0.9.19
cat > seen.js <<'JS'
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');

const server = http.createServer();
const io = require('socket.io').listen(server, { 'log level': 0 });
const heard = [];
io.sockets.on('connection', socket => socket.on('message', text => heard.push(text)));

(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    const get = async path => (await fetch(`http://127.0.0.1:${port}/socket.io/1/${path}`)).text();
    const id = (await get('')).split(':')[0];
    await get(`xhr-polling/${id}`);

    const body = Buffer.from('3:::é');
    // All of it together, or the last byte by itself.
    async function post(pieces) {
        const socket = net.connect(port, '127.0.0.1').setNoDelay();
        const answered = once(socket, 'data');
        socket.write([
            `POST /socket.io/1/xhr-polling/${id} HTTP/1.1`, 'Host: localhost',
            'Content-Type: text/plain;charset=UTF-8', `Content-Length: ${body.length}`, '', ''
        ].join('\r\n'));
        for (const piece of pieces) {
            await new Promise(resolve => setTimeout(resolve, 300));
            socket.write(piece);
        }
        await answered;
        await new Promise(resolve => setTimeout(resolve, 300));
        socket.destroy();
    }
    await post([body]);
    await post([body.subarray(0, -1), body.subarray(-1)]);
    console.log(process.version, heard);
    process.exit(JSON.stringify(heard) === JSON.stringify(['é', '\ufffd\ufffd']) ? 0 : 1);
})();
JS
node seen.js
