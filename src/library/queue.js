// What is written before the connection is open, or after it was lost, waits
// here. With `queueSize` the oldest messages make room for the newest.

function enqueue(primus, data) {
  const { buffer, options } = primus;
  buffer.push(data);
  while (buffer.length > options.queueSize) buffer.shift();
}

// Sends what waits. A connection that is lost meanwhile leaves the rest.
function flush(primus) {
  const waiting = primus.buffer;
  primus.buffer = [];
  waiting.forEach((data) => primus._write(data));
}
