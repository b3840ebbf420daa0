// Requests and their responses: `{ plugin, requestId, data }`, `{ plugin, responseId,
// data }`. The id of a request is a UUID of version 4.
function (primus) {
  const NAME = 'primus-responder';

  function uuid() {
    const hex = (count) => Array.from({ length: count }, () => Math.floor(Math.random() * 16).toString(16)).join('');
    return `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'[Math.floor(Math.random() * 4)]}${hex(3)}-${hex(12)}`;
  }

  // No event of the other side's.
  primus.reserved.events.request = 1;

  primus._equip((connection) => {
    const waits = connection._waits();
    const post = (kind, id, data) => connection.write({ plugin: NAME, [kind]: id, ...(data !== undefined && { data }) });

    function ask(data, done, timeout) {
      const id = uuid();
      if (waits.add(id, done, timeout)) post('requestId', id, data);
    }

    // `fn` gets the answer; it is forgotten with the connection.
    connection.writeAndWait = (data, fn) => ask(data, (error, answer) => error || fn?.(answer));

    connection.request = (data, timeout = primus.options?.requestTimeout ?? 30000) => new Promise((done, failed) => {
      ask(data, (error, answer) => (error ? failed(error) : done(answer)), timeout);
    });

    return (event, [message]) => {
      if (event !== 'data' || message?.plugin !== NAME) return false;
      const { requestId, responseId, data } = message;
      if (requestId) connection._raise('request', [data, waits.once((answer) => post('responseId', requestId, answer))]);
      else waits.answer(responseId, data);
      return true;
    };
  });
}
