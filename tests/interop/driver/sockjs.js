'use strict';

//
// Bare SockJS clients: what Primus's clients stand on, and what a client of any
// other make would be. Their messages are texts.
//

const head = (data) => JSON.stringify(data).slice(0, 100);

// A surrogate without its other half is none of Unicode's texts, and a server may
// replace it.
const replaced = (text) => text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g,
  (found) => 2 === found.length ? found : '\ufffd');

// The clients escape those characters for which they would stand on the wire
// themselves, and servers those that some browsers would not pass on.
function everyUnit() {
  const units = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit));
  const texts = [];
  // Pairs, and halves of them, are elsewhere; U+2028 and U+2029 are escaped by Primus.
  const kept = units.filter((unit) => !/[\ud800-\udfff\u2028\u2029]/.test(unit));
  while (kept.length) texts.push(kept.splice(0, 0x2000).join(''));
  return texts;
}

// Texts of all kinds, the large ones in between the small.
function messages() {
  const numbered = Array.from({ length: 40 }, (_, n) => `text ${n}`);

  return [
    'plain', ' ',
    // What frames messages, and what JSON and the transports give a meaning to.
    'o', 'h', 'a["x"]', 'c[3000,"Go away!"]', '["x"]', '"', '\\', '\\u0041', '%', '%25', '%0a', '+', '&d=x', '\r\n\r\n',
    'data: o\r\n\r\n', '</script><!--', "');", 'null', '{}',
    'é€漢字😀\u0000\u001f\u007f\u0080\u00ff\u200b\u200c\u202f\ufeff\uffff',
    // Halves of pairs: alone, at an end, and the wrong way round.
    '\ud83d', '\ude00', 'x\ud83dy', '\ude00\ud83d', '\ud83d\ud83d\ude00',
    ...numbered.slice(0, 20),
    ...everyUnit(),
    '漢€'.repeat(100 * 1024 / 3),
    '😀'.repeat(50 * 1024),
    'x'.repeat(200 * 1024),
    ...numbered.slice(20)
  ];
}

// Opens one. The options are those of sockjs-client.
module.exports = function sockjs(Socket, { url, options, writes }, say) {
  const socket = new Socket(url, null, options);
  let take = (data) => say('data', data);

  socket.onopen = () => {
    say('open', socket.transport || socket._transport && socket._transport.transportName);
    for (const value of writes) socket.send(value);
  };
  socket.onmessage = ({ data }) => take(data);
  socket.onheartbeat = () => say('heartbeat', null);
  socket.onclose = ({ code, reason, wasClean }) => say('close', { code, reason, wasClean });

  return {
    write: (value) => socket.send(value),
    end: (value) => value ? socket.close(...value) : socket.close(),

    // Sends messages to a server that sends them back, and compares what comes.
    exchange() {
      const expected = messages();
      const wrong = [];

      take = (data) => {
        const wanted = expected.shift();
        if (replaced(data) !== replaced(wanted)) wrong.push(`${head(data)}, not ${head(wanted)}`);
        if (expected.length) return;
        take = (data) => say('data', data);
        say('exchanged', { wrong: wrong.slice(0, 10) });
      };

      for (const message of messages()) socket.send(message);
    }
  };
};

module.exports.messages = messages;
