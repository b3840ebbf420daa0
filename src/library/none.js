// No transport: the transformers of the server are its application's own.

const TRANSPORT = own(prototype._own, {
  'outgoing::open'() { this.emit('incoming::error', new Error('The server has no transformer for this client')); }
});
