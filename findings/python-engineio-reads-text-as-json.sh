#!/usr/bin/env bash
# An Engine.IO message of text is not the same text in a `message` handler of
# python-engineio: what is JSON (but for numbers without a sign) is given to it as the
# value, so that a handler that sends back what it got does not echo. `true` comes
# back as `True`, `null` as an empty message, and an object as JSON with other blanks.
# The protocol knows texts and bytes only, and the JavaScript server gives texts as
# they are. Who sends JSON through such a server should have it as part of a longer
# text, or expect values in Python, and serialise them when sending.
#
# Versions: python-engineio 4.15.1 (server), engine.io 6.6.4 (server) for comparison,
# engine.io-client 6.6.3, Python 3.11, Node.js 20
# Seen: each text, and what comes back of it from a handler that echoes
#   python-engineio: true -> True, null -> (empty), {"a":1} -> {"a":1}, "x" -> x, -5 -> -5, 5 -> 5,
#   and the handler has got bool, NoneType, dict, str, int, str
#   engine.io: each as it was sent
set -eu
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts engine.io@6.6.4 engine.io-client@6.6.3
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target pip \
    python-engineio==4.15.1 simple-websocket==1.1.0 wsproto==1.2.0 h11==0.16.0 Werkzeug==3.1.3 MarkupSafe==3.0.2
cat > server.py <<'PY'
import engineio
from werkzeug.serving import WSGIRequestHandler, make_server

class Silent(WSGIRequestHandler):
    def log(self, *args):
        pass

server = engineio.Server(async_mode='threading')

@server.on('message')
def echo(sid, data):
    server.send(sid, data)
    server.send(sid, 'type ' + type(data).__name__)

listening = make_server('127.0.0.1', 0, engineio.WSGIApp(server), threaded=True, request_handler=Silent)
print(listening.server_port, flush=True)
listening.serve_forever()
PY
cat > seen.js <<'JS'
const assert = require('node:assert');
const http = require('node:http');
const { Server } = require('engine.io');
const { Socket } = require('engine.io-client');

const texts = ['true', 'null', '{"a":1}', '"x"', '-5', '5'];

// What comes back of each text, in order, and the types that the server says it was.
async function echoes(port) {
    const socket = new Socket(`http://127.0.0.1:${port}`, { transports: ['polling'] });
    const got = [], types = [];
    await new Promise((resolve, reject) => {
        socket.on('error', reject);
        socket.on('open', () => socket.send(texts[0]));
        // An empty message is given without anything.
        socket.on('message', (text = '') => {
            if (!text.startsWith('type ')) return got.push(text);
            types.push(text.slice(5));
            if (got.length < texts.length) socket.send(texts[got.length]);
            else resolve();
        });
    });
    socket.close();
    return { got, types };
}

(async () => {
    const node = http.createServer();
    const engine = new Server();
    engine.attach(node);
    engine.on('connection', socket => socket.on('message', text => {
        socket.send(text);
        socket.send(`type ${typeof text}`);
    }));
    await new Promise(resolve => node.listen(0, '127.0.0.1', resolve));
    const python = await echoes(Number(process.argv[2]));
    const javascript = await echoes(node.address().port);
    console.log('sent           ', texts);
    console.log('python-engineio', python.got, python.types);
    console.log('engine.io      ', javascript.got);
    assert.deepEqual(python.got, ['True', '', '{"a":1}', 'x', '-5', '5']);
    assert.deepEqual(python.types, ['bool', 'NoneType', 'dict', 'str', 'int', 'str']);
    assert.deepEqual(javascript.got, texts);
    process.exit(0);
})();
JS
PYTHONPATH=pip python3 server.py > port &
server=$!
until [ -s port ]; do kill -0 "$server"; sleep 0.1; done
node seen.js "$(cat port)"
