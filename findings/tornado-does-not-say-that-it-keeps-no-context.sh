#!/usr/bin/env bash
# A client that offers permessage-deflate with `server_no_context_takeover`, so that it
# need not keep a window for what it receives, has a server of Tornado agree to the
# extension without that parameter: Tornado passes over parameters that have no value.
# So the server compresses with a context, which the client was to be spared. One of
# the Python package `websockets` that requires the parameter fails to connect, though
# both sides speak the extension. Parameters with a value are answered.
#
# Versions: tornado 6.5.2, websockets 15.0.1, ws 8.18.3 (server, for comparison), Python 3.11, Node.js 20
# Seen: the offer is `permessage-deflate; server_no_context_takeover; server_max_window_bits=10`
#   tornado answers `permessage-deflate; server_max_window_bits=10`
#   ws answers with both
#   the client of `websockets` that requires it: NegotiationError with tornado
set -eu
dir=$(mktemp -d)
peer=
trap '[ -z "$peer" ] || kill "$peer"; rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private":true}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts ws@8.18.3
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target pip tornado==6.5.2 websockets==15.0.1
cat > ws.js <<'JS'
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
server.on('listening', () => console.log(server.address().port));
JS
cat > seen.py <<'PY'
import asyncio
import sys

import tornado.httpserver
import tornado.netutil
import tornado.web
import tornado.websocket
import websockets
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

OFFER = 'permessage-deflate; server_no_context_takeover; server_max_window_bits=10'


class Handler(tornado.websocket.WebSocketHandler):
    def get_compression_options(self):
        return {}


# The parameters that a server agrees to.
async def answer(port):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write('\r\n'.join([
        'GET / HTTP/1.1', f'Host: 127.0.0.1:{port}', 'Upgrade: websocket', 'Connection: Upgrade',
        'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        f'Sec-WebSocket-Extensions: {OFFER}', '', '']).encode())
    head = (await reader.readuntil(b'\r\n\r\n')).decode()
    writer.close()
    line = next(line for line in head.split('\r\n') if line.lower().startswith('sec-websocket-extensions:'))
    return sorted(part.strip() for part in line.split(':', 1)[1].split(';'))


async def connects(port):
    factory = ClientPerMessageDeflateFactory(server_no_context_takeover=True)
    try:
        async with websockets.connect(f'ws://127.0.0.1:{port}', extensions=[factory]):
            return 'connected'
    except NegotiationError:
        return 'NegotiationError'


async def main():
    sockets = tornado.netutil.bind_sockets(0, '127.0.0.1')
    tornado.httpserver.HTTPServer(tornado.web.Application([('/', Handler)])).add_sockets(sockets)
    seen = {}
    for name, port in [('tornado', sockets[0].getsockname()[1]), ('ws', int(sys.argv[1]))]:
        seen[name] = (await answer(port), await connects(port))
        print(name, *seen[name])
    assert seen == {
        'tornado': (['permessage-deflate', 'server_max_window_bits=10'], 'NegotiationError'),
        'ws': (['permessage-deflate', 'server_max_window_bits=10', 'server_no_context_takeover'], 'connected'),
    }, seen


asyncio.run(main())
PY
node ws.js > port &
peer=$!
until [ -s port ]; do kill -0 "$peer"; sleep 0.1; done
PYTHONPATH=pip python3 seen.py "$(cat port)"
