// Events that are raised on the other side: `{ emit: [event, ...args] }`.
function (primus) {
  primus._equip((connection) => (event, args) => {
    if (event === 'data') {
      const list = args[0]?.emit;
      if (!connection._isList(list)) return false;
      const [name, ...rest] = list;
      if (typeof name === 'string' && !primus.reserved(name)) connection._raise(name, rest);
      return true;
    }
    // What is the connection's own stays here.
    if (typeof event !== 'string' || primus.reserved(event) || /^(new|remove)Listener$/.test(event)) return false;
    connection.write({ emit: [event, ...args] });
    return true;
  });
}
