'use strict';

//
// The JavaScript side of the tests of streams, channels, resources and rooms, with the
// plugins of npm: a server.
//
//   node npm_streams.js SET        prints `listening on http://HOST:PORT`
//
// SET is all, multiplex (without primus-emitter) or rooms.
//

const http = require('http');
const Primus = require('primus');

const [set] = process.argv.slice(2);
const server = http.createServer();
const primus = new Primus(server, { transformer: 'websockets' });

function channels() {
  const news = primus.channel('news');
  news.on('connection', (spark) => {
    spark.on('data', (data) => {
      if (data === 'end it') spark.end('bye');
      else if (data === 'away') spark.conn.end(undefined, { reconnect: true });
      else spark.write({ got: data });
    });
    spark.on('end', () => console.log('subscription ended'));
    // Only with primus-emitter.
    spark.on('hello', (who, ack) => {
      ack(`hello to ${who}`);
      spark.send('you', who, (answer) => console.log(`acked ${answer}`));
      news.send('news', 'all');
    });
  });
}

const sets = {
  all() {
    primus.plugin('substream', require('substream'));
    primus.plugin('multiplex', require('primus-multiplex'));
    primus.plugin('emitter', require('primus-emitter'));
    primus.plugin('resource', require('primus-resource'));
    primus.on('connection', (spark) => {
      const stream = spark.substream('chat');
      stream.on('data', (data) => stream.write({ got: data }));
      stream.on('end', () => console.log('stream ended'));
    });
    channels();
    primus.resource('creature', {
      oncommand(spark, what, done) {
        done(`got ${what}`);
      },
    });
  },

  multiplex() {
    primus.plugin('multiplex', require('primus-multiplex'));
    channels();
  },

  rooms() {
    primus.plugin('rooms', require('primus-rooms'));
    primus.on('connection', (spark) => spark.on('data', (data) => {
      if (data === 'in') spark.join('all with:*', () => spark.write('in'));
      else spark.room('all').except(spark.id).write({ from: data });
      if (data === 'wild') primus.room('with:wildcards').write([data]);
    }));
  },
};

sets[set]();
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
