// The parser `json`. Bytes are no JSON: they pass as they are.

function encoder(data, done) {
  done(null, JSON.stringify(data));
}

function decode(packet) {
  return typeof packet === 'string' ? JSON.parse(packet) : packet;
}
