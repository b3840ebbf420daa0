'use strict';

//
// A server of sockjs alone, without Primus, which echoes every message.
//
//   node sockjs.js [--port 8080] [--prefix /primus] [--response-limit BYTES]
//                  [--no-websocket] [--jsessionid]
//
// Prints `listening on http://HOST:PORT`. The message `"close"` (a JSON string) closes
// the connection with a code of its own, `"burst"` sends many messages at once.
//

const http = require('http');
const { parseArgs } = require('util');
const sockjs = require('sockjs');
const { values: args } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    prefix: { type: 'string', default: '/primus' },
    'response-limit': { type: 'string', default: '131072' },
    'no-websocket': { type: 'boolean', default: false },
    jsessionid: { type: 'boolean', default: false }
  }
});

const echo = sockjs.createServer({
  prefix: args.prefix,
  websocket: !args['no-websocket'],
  jsessionid: args.jsessionid,
  response_limit: +args['response-limit'],
  log: () => {}
});

echo.on('connection', (connection) => {
  connection.on('data', (message) => {
    if ('"close"' === message) return connection.close(4001, 'as you wish');
    if ('"burst"' !== message) return connection.write(message);
    for (let n = 0; n < 1000; n++) connection.write(String(n));
  });
});

const server = http.createServer();

echo.installHandlers(server);
server.listen(+args.port, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
