// Events for the other side, which may be acknowledged: `{ type: 0, data: [event,
// ...args], id }`, and `{ id, type: 1, data: [...args] }`.
function (primus) {
  const EVENT = 0;
  const ACK = 1;

  primus._equip((connection) => {
    const waits = connection._waits();
    let last = 0;

    function post(event, args, done, timeout) {
      const packet = { type: EVENT, data: [event, ...args] };
      if (done) packet.id = ++last;
      if (!done || waits.add(last, done, timeout)) connection.write(packet);
    }

    // Whether the other side would take it.
    const isEvent = (event) => typeof event === 'string' && !(event in {}) && !/^(new|remove)Listener/.test(event);

    // A function at the end of the arguments gets those of the acknowledgement; it is
    // forgotten with the connection.
    connection.send = (event, ...args) => {
      const fn = typeof args[args.length - 1] === 'function' && args.pop();
      if (isEvent(event)) post(event, args, fn && ((error, answer) => error || fn(...answer)));
      return connection;
    };

    // The arguments of the acknowledgement.
    connection.sendAck = (event, ...args) => new Promise((done, failed) => {
      if (!isEvent(event)) throw new TypeError('Not an event');
      const { ackTimeout = 30000 } = primus.options || {};
      post(event, args, (error, answer) => (error ? failed(error) : done(answer)), ackTimeout);
    });

    function receive({ type, data, id }) {
      if (type === ACK) return waits.answer(id, data);
      const [event, ...args] = data;
      if (typeof event !== 'string' || primus.reserved(event)) return;
      if (id) args.push(waits.once((...answer) => connection.write({ id, type: ACK, data: answer })));
      connection._raise(event, args);
    }

    return (event, [packet]) => {
      if (event !== 'data' || !connection._isList(packet?.data)) return false;
      if (packet.type !== EVENT && packet.type !== ACK) return false;
      if (packet.id && typeof packet.id !== 'number') return false;
      receive(packet);
      return true;
    };
  });
}
