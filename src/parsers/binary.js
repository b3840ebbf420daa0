// The parser `binary`: BinaryPack. Numbers, texts, bytes, lists and plain
// objects; a date is its text.

function pack(to, value) {
  switch (typeof value) {
    case 'undefined': return to.byte(0xc0);
    case 'boolean': return to.byte(value ? 0xc3 : 0xc2);
    case 'number': return packNumber(to, value);
    case 'string': return packText(to, value);
    case 'object': return packObject(to, value);
  }
  throw new TypeError(`A ${typeof value} cannot be sent by this parser`);
}

function packNumber(to, n) {
  if (n !== Math.floor(n)) return to.float(n);
  if (Math.abs(n) > 2 ** 63 || n === Infinity) throw new RangeError('A whole number that is too large');
  if (n >= -(2 ** 31) && n < 2 ** 32) return to.int(n);
  to.byte(0xd3);
  const at = to.room(8);
  to.view.setBigInt64(at, BigInt(n));
}

function packText(to, text) {
  const bytes = new TextEncoder().encode(text);
  to.head(bytes.length, 0xb0, 15, 0, 0xd8);
  to.raw(bytes);
}

function packObject(to, value) {
  if (value === null) return to.byte(0xc0);
  if (Array.isArray(value)) return to.array(value, pack);
  if (value instanceof Date) return packText(to, `${value}`);
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) {
    const bytes = bytesOf(value);
    if (!bytes.length) throw new RangeError('No bytes cannot be sent by this parser');
    to.head(bytes.length, 0xa0, 15, 0, 0xda);
    return to.raw(bytes);
  }
  const kind = Object.getPrototypeOf(value);
  if (kind && kind.constructor !== Object) throw new TypeError('Only plain objects can be sent by this parser');
  to.map(value, pack);
}

function unpack(from) {
  const tag = from.uint(8);
  if (tag >= 0xa0 && tag < 0xb0) return from.raw(tag - 0xa0);
  if (tag >= 0xb0 && tag < 0xc0) return from.text(tag - 0xb0);
  if (tag === 0xd8 || tag === 0xd9) return from.text(from.uint(16 << (tag - 0xd8)));
  if (tag === 0xda || tag === 0xdb) return from.raw(from.uint(16 << (tag - 0xda)));
  return from.common(tag, unpack);
}

function encoder(data, done) {
  const to = new Packer();
  pack(to, data);
  done(null, to.done());
}

function decode(packet) {
  return unpack(new Unpacker(bytesOf(packet)));
}
