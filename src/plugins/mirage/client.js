// An id that outlives the connection: the server gives it by an event, and is told it
// in the query of the next connection.
function (primus, options) {
  const { _write } = primus;
  // Waits for the id.
  let held = [];

  // What Primus says itself.
  const isOwn = (data) => typeof data === 'string' && data.startsWith('primus::');

  primus.mirage = options.mirage;

  primus.on('outgoing::url', (address) => {
    if (!primus.mirage) return;
    // Half a character cannot be written.
    const id = `_mirage=${encodeURIComponent(`${primus.mirage}`.replace(/\p{Surrogate}/gu, '\ufffd'))}`;
    address.query = address.query ? `${address.query}&${id}` : id;
  });

  // But for the answers to pings, which a server without this plugin wants as well.
  primus._write = function (data) {
    if (primus.mirage || primus.readyState !== Primus.OPEN || isOwn(data)) return _write.call(primus, data);
    held.push(data);
    if (held.length > primus.options.queueSize) held.shift();
    return false;
  };

  primus.on('mirage', (id) => {
    if (typeof id !== 'string' || !id) return;
    primus.mirage = id;
    const waiting = held;
    held = [];
    waiting.forEach((data) => primus._write(data));
  });
}
