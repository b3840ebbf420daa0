// The transformer `websockets`: one WebSocket, one message of it for each packet.

function open() {
  try {
    this.socket = openSocket(this.uri({ protocol: 'ws', query: true }), this.transport, this);
  } catch (error) {
    this.emit('incoming::error', error);
  }
}

const TRANSPORT = own(prototype._own, {
  'outgoing::open': open,
  'outgoing::data'(packet) { this.socket?.carry(packet); },
  'outgoing::end'() { this.socket?.drop(); }
});
