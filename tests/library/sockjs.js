'use strict';

//
// A server of sockjs that does what a test wants.
//

const http = require('node:http');
const { WebSocketServer } = require('ws');

// What each transport asks for.
const ROUTES = { websocket: 'websocket', 'xhr-streaming': 'xhr_streaming', eventsource: 'eventsource', 'xhr-polling': 'xhr' };
// What a stream begins with.
const PRELUDE = `${'h'.repeat(2048)}\n`;

// A server of requests: `answers[route](response, request, body)`, where a route is the
// last word of a path, and `answers.websocket(socket)`. What has no answer is 404.
// `asked` are the routes, `paths` the whole.
async function serve(t, answers) {
  const server = Object.assign(http.createServer(), { asked: [], paths: [], heads: [] });
  const sockets = new WebSocketServer({ noServer: true });
  const route = (request) => {
    const [path] = request.url.split('?');
    server.paths.push(request.url);
    server.heads.push(request.headers);
    server.asked.push(path.split('/').pop());
    server.emit('asked');
    return server.asked.at(-1);
  };
  server.on('request', (request, response) => {
    const name = route(request);
    let body = '';
    request.on('data', (data) => { body += data; }).on('end', () => {
      const answer = answers[name];
      if (answer) answer(response, request, body);
      else if ('info' === name) response.end('{"websocket":true}');
      else response.writeHead(404).end();
    });
  });
  server.on('upgrade', (request, socket, head) => {
    route(request);
    if (!answers.websocket) return socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    sockets.handleUpgrade(request, socket, head, (client) => answers.websocket(client.on('error', () => {})));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    sockets.clients.forEach((client) => client.terminate());
    server.closeAllConnections();
    server.close();
  });
  server.url = `http://127.0.0.1:${server.address().port}`;
  return server;
}

// A frame for an event source.
const event = (frame) => `data: ${frame.replace(/[%\r\n\0]/g, encodeURIComponent)}\r\n\r\n`;

// Answers of a server that sends these texts after the opening, over one transport.
const saying = {
  websocket: (...frames) => ({ websocket: (socket) => ['o', ...frames].forEach((frame) => socket.send(frame)) }),
  'xhr-streaming': (...frames) => ({ xhr_streaming: (response) => response.write(PRELUDE + ['o', ...frames].map((frame) => `${frame}\n`).join('')) }),
  eventsource: (...frames) => ({ eventsource: (response) => response.write(`\r\n${['o', ...frames].map(event).join('')}`) }),
  'xhr-polling': (...frames) => {
    const rest = ['o', ...frames];
    return { xhr: (response) => rest.length && response.end(`${rest.shift()}\n`) };
  }
};

// The options that have a client use only these transports, with time enough for a
// busy machine.
const forced = (transports, options) => ({ ...options, transport: { transports, timeout: 8000 } });

module.exports = { PRELUDE, ROUTES, event, forced, saying, serve };
