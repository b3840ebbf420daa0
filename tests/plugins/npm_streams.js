'use strict';

//
// The JavaScript side of the tests of streams, channels and resources, with the plugins
// of npm: a server.
//
//   node npm_streams.js        prints `listening on http://HOST:PORT`
//

const http = require('http');
const Primus = require('primus');

const server = http.createServer();
const primus = new Primus(server, { transformer: 'websockets' });
primus.plugin('substream', require('substream'));
primus.plugin('multiplex', require('primus-multiplex'));
primus.plugin('emitter', require('primus-emitter'));
primus.plugin('resource', require('primus-resource'));

primus.on('connection', (spark) => {
  const stream = spark.substream('chat');
  stream.on('data', (data) => stream.write({ got: data }));
  stream.on('end', () => console.log('stream ended'));
});

const news = primus.channel('news');
news.on('connection', (spark) => {
  spark.on('data', (data) => {
    if (data === 'end it') spark.end('bye');
    else spark.write({ got: data });
  });
  spark.on('end', () => console.log('subscription ended'));
});

primus.resource('creature', {
  oncommand(spark, what, done) {
    done(`got ${what}`);
  },
});

server.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
