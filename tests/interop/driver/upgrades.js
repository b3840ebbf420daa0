'use strict';

//
// Many clients at once that change from polling to a websocket while messages
// go both ways. Each writes arrays [its number, n], one for each that is echoed,
// until it has changed, and some more, and expects them back in order. What the
// server writes meanwhile are the strings `tick <n>`: none may be missing from
// the first on.
//

// Messages that are on their way, and that follow the upgrade.
const IN_FLIGHT = 10;
const AFTER = 20;

module.exports = function upgrades(Socket, wishes, say) {
  const wrong = [];
  let before = 0;
  let fewest = Infinity;
  let missing = wishes.clients;

  function start(number) {
    const client = new Socket(wishes.url, { strategy: false });
    let [sent, echoed, last, ticks, wanted] = [0, 0, 0, 0, Infinity];

    function write() {
      if (sent < wanted) client.write([number, sent++]);
    }

    function tick(n) {
      // A broadcast that was on its way when this client came reaches it, but what was
      // written right after that to each one who was there does not.
      const came = ticks === 1 && last % 2 === 0 && n === last + 2;
      if (ticks++ && n !== last + 1 && !came) wrong.push(`${number}: tick ${n} after ${last}`);
      last = n;
    }

    function changed() {
      before += echoed;
      wanted = sent + AFTER;
      // All that were on their way may be back.
      if (echoed === sent) write();
    }

    function done() {
      fewest = Math.min(fewest, ticks);
      const transport = client.socket.transport.name;
      if ('websocket' !== transport) wrong.push(`${number}: ${transport}`);
      if (!--missing) say('changed', { wrong: wrong.slice(0, 10), before, ticks: fewest });
    }

    client.on('open', () => {
      client.socket.on('upgrade', changed);
      for (let n = 0; n < IN_FLIGHT; n++) write();
    });
    client.on('data', (data) => {
      if ('string' === typeof data) return tick(+data.slice(5));
      if (data[0] !== number || data[1] !== echoed++) wrong.push(`${data} as number ${echoed - 1} of ${number}`);
      if (echoed === wanted) return done();
      write();
    });
    client.on('error', (error) => say('failed', error.message));
    client.on('end', () => say('failed', `client ${number} ended`));
  }

  for (let number = 0; number < wishes.clients; number++) start(number);
};
