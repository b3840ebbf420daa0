'use strict';

//
// Many clients at once. Each writes `messages` arrays [its number, n] when it
// is open and expects them back in order. Then every one of them notes the
// strings that come, which are broadcasts.
//

// Tells, when all is done, in how many different orders they came.
function noteBroadcasts({ clients, broadcasts }, done) {
  const came = Array.from({ length: clients }, () => []);
  let missing = clients * broadcasts;

  return function note(client, data) {
    came[client].push(data);
    if (--missing) return;
    const orders = new Set(came.map((list) => list.join()));
    done('broadcasts', { orders: orders.size, lengths: [...new Set(came.map((list) => list.length))], first: came[0] });
  };
}

module.exports = function crowd(Socket, wishes, say) {
  const wrong = [];
  const note = noteBroadcasts(wishes, say);
  let open = 0;
  let missing = wishes.clients * wishes.messages;

  function start(number) {
    const client = new Socket(wishes.url, { ...wishes.options, strategy: false });
    let next = 0;

    client.on('open', () => {
      if (++open === wishes.clients) say('open', open);
      for (let n = 0; n < wishes.messages; n++) client.write([number, n]);
    });
    client.on('data', (data) => {
      if ('string' === typeof data) return note(number, data);
      if (data[0] !== number || data[1] !== next++) wrong.push({ number, next, data });
      if (!--missing) say('echoed', { wrong: wrong.slice(0, 10) });
    });
    client.on('error', (error) => say('failed', error.message));
    client.on('end', () => say('failed', `client ${number} ended`));
  }

  for (let number = 0; number < wishes.clients; number++) start(number);
};
