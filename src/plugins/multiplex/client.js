// Channels, of which the connection may have any number: `[type, id, name]` and
// perhaps a message.
function (primus) {
  const MESSAGE = 0;
  const SUBSCRIBE = 1;
  const UNSUBSCRIBE = 2;
  const { OPEN } = Primus;

  // By their ids, which are nobody else's.
  const channels = new Map();
  // Whether the server has been told of them since the connection is open.
  let told = false;

  function unique() {
    const bytes = Uint8Array.from({ length: 20 }, () => Math.random() * 256);
    // Which Node.js has since version 20.
    globalThis.crypto?.getRandomValues(bytes);
    return Array.from(bytes, (byte) => (byte % 36).toString(36)).join('');
  }

  class Channel extends Primus.EventEmitter {
    constructor(name) {
      super();
      Object.assign(primus._adopt(this), { id: unique(), channel: name, writable: true });
    }

    get readyState() {
      return primus.readyState;
    }

    _post(type, ...message) {
      primus.write([type, this.id, this.channel, ...message]);
    }

    // False when it has ended.
    write(data) {
      if (!this.writable) return false;
      if (primus.readyState !== OPEN) this._early = true;
      this._post(MESSAGE, ...(data === undefined ? [] : [data]));
      return true;
    }

    end(data) {
      if (!this.writable) return this;
      if (data !== undefined) this.write(data);
      // What waits for the connection has to go through the channel yet.
      if (primus.readyState === OPEN || this._early) this._post(UNSUBSCRIBE);
      return this._over();
    }

    _over() {
      this.writable = false;
      if (!this._early) channels.delete(this.id);
      this.emit('close');
      this.emit('end');
      return this.removeAllListeners();
    }
  }

  function subscribe() {
    // Before what waits for the connection.
    const waiting = primus.buffer;
    primus.buffer = [];
    for (const channel of channels.values()) {
      channel._early = false;
      channel._post(SUBSCRIBE);
      if (!channel.writable) channels.delete(channel.id);
    }
    primus.buffer = primus.buffer.concat(waiting);
  }

  // Opens a channel, another one each time.
  primus.channel = (name) => {
    if (!name) return primus;
    const channel = new Channel(`${name}`);
    channels.set(channel.id, channel);
    if (told && primus.readyState === OPEN) channel._post(SUBSCRIBE);
    return channel;
  };

  function isPacket(data) {
    if (!Array.isArray(data) || data.length < 3 || data.length > 4) return false;
    const [type, id, name] = data;
    return [MESSAGE, SUBSCRIBE, UNSUBSCRIBE].includes(type) && typeof id === 'string' && typeof name === 'string';
  }

  function receive([type, id, name, message]) {
    const channel = channels.get(id);
    if (channel?.channel !== name || !channel.writable) return;
    if (type === MESSAGE) channel.emit('data', message);
    else if (type === UNSUBSCRIBE) channel._over();
  }

  primus._tap((event, args) => {
    const open = primus.readyState === OPEN;
    if (open !== told) {
      told = open;
      if (open) subscribe();
    }
    const [packet] = args;
    if (event === 'data') {
      if (!isPacket(packet)) return false;
      receive(packet);
      return true;
    }
    if (event === 'end' || !Object.hasOwn(primus.reserved.events, event)) return false;
    for (const channel of [...channels.values()]) if (channel.writable) {
      channel.emit(event, ...args);
      if (event === 'destroy') channel._over();
    }
    return false;
  });
}
