// Named streams inside the connection: `{ substream: name, args: message }`.
function (primus) {
  const END = 'substream::end';
  const streams = primus.streams = Object.create(null);

  // Told of the connection; a copy, since it may end streams.
  const each = (fn) => Object.values(streams).forEach(fn);

  class Substream extends Primus.Stream {
    constructor(name) {
      super();
      Object.assign(primus._adopt(this), { name, stream: primus });
    }

    get readyState() {
      return this.stream ? primus.readyState : Primus.CLOSED;
    }

    // False when it has ended. What says the end to the other side is no message.
    write(data) {
      if (!this.stream || data === END) return false;
      primus.transforms(primus, this, 'outgoing', data);
      return true;
    }

    // Past the transforms.
    _write(data) {
      return primus._write({ substream: this.name, args: data });
    }

    end(data) {
      if (!this.stream) return this;
      if (data !== undefined) this.write(data);
      // To the connection that its messages went to, or will go to.
      const { buffer, readyState } = primus;
      if (readyState === Primus.OPEN || buffer.some((sent) => sent?.substream === this.name)) this._write(END);
      return this._over();
    }

    _over() {
      if (!this.stream) return this;
      this.stream = null;
      delete streams[this.name];
      this.emit('close');
      this.emit('end');
      return this.removeAllListeners();
    }
  }

  // The stream of this name; opens it if there is none.
  primus.substream = (name) => streams[name] = streams[name] || new Substream(`${name}`);

  // Before the transforms, which are for what is inside.
  primus.transform('incoming', function (packet) {
    const { substream, args } = packet.data ?? {};
    const stream = this === primus && typeof substream === 'string' && streams[substream];
    if (!stream) return true;
    if (args === END) stream._over();
    else primus.transforms(primus, stream, 'incoming', args);
    return false;
  });

  primus._tap((event, args) => {
    if (event === 'readyStateChange') each((stream) => stream._raise(event, args));
    // The other side has lost those that wait for answers.
    else if (event === 'close') each((stream) => stream._tell(event, args));
    else if (event === 'end' || event === 'destroy') each((stream) => stream._over());
  });
}
