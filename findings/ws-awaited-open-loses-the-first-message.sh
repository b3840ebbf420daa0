#!/usr/bin/env bash
# A client of the npm package `ws` that awaits `open` and then listens for
# `message` never gets a message that came in one piece with the answer to its
# handshake. `ws` emits `open` and `message` in one turn of the event loop, and an
# `await` goes on only after it. The message is not kept for a later listener. A
# listener that is added in the handler of `open`, or before, gets it. (The
# platform's own WebSocket keeps a task of its own for each event.)
#
# Versions: ws 8.18.3 (and 8.14.2), undici 7.16.0, Node.js 20
# Seen: of three clients of one server that sends 101 and a text frame in one
# write, the one that awaits `open` gets only what is sent later,
# the one that listens in the handler of `open` gets the text; one of undici that
# awaits `open` gets it too.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts ws8@npm:ws@8.18.3 ws814@npm:ws@8.14.2 undici@7.16.0
cat > seen.js <<'JS'
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const net = require('node:net');
const undici = require('undici');

// Answers a handshake and sends two texts: one with the answer, one when asked.
const server = net.createServer(socket => {
    let isOpen = false;
    socket.on('error', () => {});
    socket.on('data', bytes => {
        if (isOpen) return void socket.write(Buffer.from('\x81\x06second', 'latin1'));
        isOpen = true;
        const key = /sec-websocket-key: (.*)\r\n/i.exec(bytes.toString())[1];
        const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
        socket.write(Buffer.from(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n\x81\x05first`, 'latin1'));
    });
});

// What a client gets up to the second text, with a listener added by `when`.
async function gets(client, when) {
    const got = [];
    const done = new Promise(resolve => when(client, () => {
        client.addEventListener('message', ({ data }) => {
            got.push(String(data));
            if (data === 'second') resolve();
        });
        client.send('more');
    }));
    await done;
    client.close();
    return got.join(' ');
}

const awaiting = async (client, listen) => {
    await new Promise(resolve => client.addEventListener('open', resolve));
    listen();
};
const handling = (client, listen) => client.addEventListener('open', listen);

(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `ws://127.0.0.1:${server.address().port}`;
    const seen = {};
    for (const name of ['ws8', 'ws814']) {
        const { WebSocket } = require(name);
        seen[`${name} awaiting`] = await gets(new WebSocket(url), awaiting);
        seen[`${name} handling`] = await gets(new WebSocket(url), handling);
    }
    seen['undici awaiting'] = await gets(new undici.WebSocket(url), awaiting);
    console.log(process.version, seen);
    const expected = {
        'ws8 awaiting': 'second', 'ws8 handling': 'first second',
        'ws814 awaiting': 'second', 'ws814 handling': 'first second',
        'undici awaiting': 'first second'
    };
    process.exit(JSON.stringify(seen) === JSON.stringify(expected) ? 0 : 1);
})();
JS
node seen.js
