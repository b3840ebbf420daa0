'use strict';

//
// A JavaScript server with omega-supreme, for the tests of its counterpart here.
//
//   node omega.js NAME USER PASSWORD
//
// Prints `listening on http://127.0.0.1:PORT`. Its sparks are called NAME-1, NAME-2 and
// so on. Each line that it is given is JSON: `{"servers":..,"msg":..,"sparks":..}` is
// forwarded, and what comes of it printed as `{"error":..,"status":..,"result":..}`.
//

const http = require('http');
const readline = require('readline');
const Primus = require('primus');

const [name, username, password] = process.argv.slice(2);
const server = http.createServer();
let count = 0;

const primus = new Primus(server, {
  transformer: 'websockets',
  idGenerator: () => `${name}-${++count}`,
  username,
  password
});

primus.plugin('omega-supreme', require('omega-supreme'));

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { servers, msg, sparks } = JSON.parse(line);

  primus.forward(servers, msg, sparks, (error, result) => {
    console.log(JSON.stringify({ error: error?.message, status: error?.status, result }));
  });
}).on('close', () => process.exit(0));

server.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
