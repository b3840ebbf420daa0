// What is written before the connection is open, or after it was lost, waits
// here. With `queueSize` the oldest messages make room for the newest.

function enqueue(primus, data) {
  const { buffer, options } = primus;
  buffer.push(data);
  if (buffer.length > options.queueSize) buffer.shift();
}

// Sends what waits. A connection that is lost meanwhile leaves the rest.
function flush() {
  const waiting = this.buffer;
  this.buffer = [];
  waiting.forEach((data) => this._write(data));
}
