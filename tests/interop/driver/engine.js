'use strict';

//
// Bare engine.io clients: what Primus's clients stand on, and what a client of
// any other make would be.
//

const { isDeepStrictEqual } = require('util');

// A text as it is, bytes as { hex }; both may be of any length.
function shown(data) {
  return 'string' === typeof data ? data : { hex: Buffer.from(data).toString('hex') };
}

const head = (data) => JSON.stringify(data).slice(0, 100);

// Texts and bytes of all kinds, the large ones in between the small.
function messages() {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  const numbered = Array.from({ length: 40 }, (_, n) => n % 2 ? `text ${n}` : Buffer.from(`bytes ${n}`));

  return [
    'plain',
    // Without U+2028 and U+2029, which Primus escapes, nor U+001E, which ends a
    // packet in a payload: JSON text has none of them.
    'é€漢字😀 \u0000\u001f\u007f\u0080\u00ff\ufeff\uffff',
    // What frames packets elsewhere, and the types of packets.
    '4:4"x"3:4"y', '0', '1', '2probe', '6', 'b4AAEC', 'bAAEC',
    bytes,
    Buffer.from([4]),
    ...numbered.slice(0, 20),
    '漢€'.repeat(100 * 1024 / 3),
    Buffer.alloc(200 * 1024, bytes),
    'x'.repeat(200 * 1024),
    ...numbered.slice(20)
  ];
}

// Opens one. The options are those of engine.io-client.
module.exports = function engine(Socket, { url, options, writes }, say) {
  const socket = new Socket(url, { path: '/primus', ...options });
  let take = (data) => say('data', shown(data));

  socket.on('open', () => say('open', socket.transport.name));
  socket.on('upgrade', (transport) => say('upgrade', transport.name));
  socket.on('message', (data) => take(data));
  socket.on('pong', () => say('pong', null));
  socket.on('error', (error) => say('error', error.message || error));
  socket.on('close', (reason) => say('close', reason));
  for (const value of writes) socket.send(value);

  return {
    write: (value) => socket.send(value),
    end: () => socket.close(),

    // Sends messages to a server that sends them back, and compares what comes.
    exchange() {
      const expected = messages();
      const wrong = [];

      take = (data) => {
        const [came, wanted] = [shown(data), shown(expected.shift())];
        if (!isDeepStrictEqual(came, wanted)) wrong.push(`${head(came)}, not ${head(wanted)}`);
        if (expected.length) return;
        take = (data) => say('data', shown(data));
        say('exchanged', { wrong: wrong.slice(0, 10), transport: socket.transport.name });
      };

      for (const message of messages()) socket.send(message);
    }
  };
};
