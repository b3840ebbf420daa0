'use strict';

//
// A bare client of browserchannel: what Primus's client stands on.
//

const { messages } = require('./sockjs');

const head = (data) => JSON.stringify(data).slice(0, 100);

// It cannot send halves of surrogate pairs, as they are in no URL.
const whole = () => messages().filter((text) => text.isWellFormed?.() ?? !/[\ud800-\udfff]/.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, '')));

// Opens one. The options are those of BCSocket.
module.exports = function browserchannel(Socket, { url, options, writes }, say) {
  const socket = new Socket(url, options);
  let take = (data) => say('data', data);

  socket.onopen = () => say('open', null);
  socket.onmessage = ({ data }) => take(data);
  socket.onerror = (message, code) => say('error', { message, code });
  socket.onclose = (reason) => say('close', reason);
  // They go with the request that opens the session.
  for (const value of writes) socket.send(value);

  return {
    write: (value) => socket.send(value),
    end: () => socket.close(),

    // Sends messages to a server that sends them back, and compares what comes.
    exchange() {
      const expected = whole();
      const wrong = [];

      take = (data) => {
        const wanted = expected.shift();
        if (data !== wanted) wrong.push(`${head(data)}, not ${head(wanted)}`);
        if (expected.length) return;
        take = (data) => say('data', data);
        say('exchanged', { wrong: wrong.slice(0, 10) });
      };

      for (const message of whole()) socket.send(message);
    }
  };
};
