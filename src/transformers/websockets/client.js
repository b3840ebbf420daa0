// The transformer `websockets`: one WebSocket, one message of it for each packet.

function client() {
  let socket;

  const drop = () => {
    socket?.drop();
    socket = null;
  };

  this.on('outgoing::open', () => {
    drop();
    try {
      socket = this.socket = openSocket(this.uri({ protocol: 'ws', query: true }), this.transport, {
        opened: () => this.emit('incoming::open'),
        message: (data) => this.emit('incoming::data', data),
        closed: (error) => this.emit('incoming::end', error)
      });
    } catch (error) {
      this.emit('incoming::error', error);
    }
  });
  this.on('outgoing::data', (packet) => socket?.send(packet));
  this.on('outgoing::end', drop);
  this._ready = () => socket?.ready();
}
