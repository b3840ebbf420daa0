// The methods of an object of the server's: events of `emitter` in a channel of
// `multiplex`, or on the connection with the name before theirs.
function (primus) {
  const LISTENING = ['on', 'once', 'off', 'addListener', 'removeListener'];

  class Resource extends Primus.EventEmitter {
    constructor(name, stream, prefix) {
      super();
      Object.assign(this, { name, stream, prefix });
      let first = true;
      stream.on(`${prefix}ready`, (methods) => {
        this._offer(methods);
        if (first) this.emit('ready', name, methods);
        first = false;
      });
    }

    // What the method acknowledges.
    call(method, ...args) {
      return this.stream.sendAck(this.prefix + method, ...args);
    }

    _offer(methods) {
      if (!Array.isArray(methods)) return;
      for (const method of methods) if (typeof method === 'string' && !(method in this)) {
        this[method] = (...args) => {
          this.stream.send(this.prefix + method, ...args);
          return this;
        };
      }
    }
  }

  // What the server broadcasts is heard where it arrives.
  for (const listen of LISTENING) {
    const own = Resource.prototype[listen];
    Resource.prototype[listen] = function (event, ...args) {
      if (event === 'ready') own.call(this, event, ...args);
      else this.stream[listen](this.prefix + event, ...args);
      return this;
    };
  }

  primus.resource = (name, multiplex = true) => {
    if (!primus.send) throw new Error('A resource needs the plugin emitter');
    if (multiplex && !primus.channel) throw new Error('A resource needs the plugin multiplex');
    return new Resource(name, multiplex ? primus.channel(name) : primus, multiplex ? '' : `${name}::`);
  };
}
