// What the parsers of Primus's own have for a decoder: `decode`, which answers at once.
const decoder = (packet, done) => done(null, decode(packet));
