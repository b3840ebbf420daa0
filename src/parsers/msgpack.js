// The parser `msgpack`: MessagePack, with the extension types of `msgpack-lite`.

const ERRORS = { 0x0e: 'Error', 0x01: 'EvalError', 0x02: 'RangeError', 0x03: 'ReferenceError', 0x04: 'SyntaxError', 0x05: 'TypeError', 0x06: 'URIError' };
const ARRAYS = { 0x11: 'Int8Array', 0x12: 'Uint8Array', 0x13: 'Int16Array', 0x14: 'Uint16Array', 0x15: 'Int32Array', 0x16: 'Uint32Array', 0x17: 'Float32Array', 0x18: 'Float64Array', 0x19: 'Uint8ClampedArray', 0x1a: 'ArrayBuffer', 0x1d: 'DataView' };

const named = (table, name) => Object.keys(table).find((type) => table[type] === name);

function pack(to, value) {
  switch (typeof value) {
    case 'boolean': return to.byte(value ? 0xc3 : 0xc2);
    case 'number': return (value | 0) === value ? to.int(value) : to.float(value);
    case 'string': return packText(to, value);
    case 'object': return packObject(to, value);
    case 'bigint': throw new TypeError('A bigint cannot be sent by this parser');
  }
  to.byte(0xc0);
}

function packText(to, text) {
  const bytes = new TextEncoder().encode(text);
  to.head(bytes.length, 0xa0, 31, 0xd9, 0xda);
  to.raw(bytes);
}

function packObject(to, value) {
  if (value === null) return to.byte(0xc0);
  if (Array.isArray(value)) return to.array(value, pack);
  const { Buffer } = globalThis;
  if (Buffer && Buffer.isBuffer(value)) {
    to.head(value.length, 0, -1, 0xc4, 0xc5);
    return to.raw(value);
  }
  const kind = value.constructor && value.constructor.name;
  const raw = named(ARRAYS, kind);
  if (raw) return packExt(to, raw, value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  if (value instanceof Date) return packNested(to, 0x0d, +value);
  if (value instanceof RegExp) return packNested(to, 0x0a, [value.source, value.flags]);
  if (value instanceof Boolean) return packNested(to, 0x0b, value.valueOf());
  if (value instanceof String) return packNested(to, 0x0c, value.valueOf());
  if (value instanceof Number) return packNested(to, 0x0f, value.valueOf());
  if (value instanceof Error) {
    const { name, message, stack } = value;
    return packNested(to, named(ERRORS, kind) || 0x0e, { name, message, stack });
  }
  to.map(value, pack);
}

function packNested(to, type, value) {
  const inner = new Packer();
  pack(inner, value);
  packExt(to, type, inner.done());
}

function packExt(to, type, bytes) {
  const { length } = bytes;
  if (/^(1|2|4|8|16)$/.test(length)) to.byte(0xd4 + Math.log2(length));
  else to.head(length, 0, -1, 0xc7, 0xc8);
  to.byte(type);
  to.raw(bytes);
}

function unpack(from) {
  const tag = from.uint(8);
  if (tag >= 0xa0 && tag < 0xc0) return from.text(tag - 0xa0);
  if (tag >= 0xc4 && tag <= 0xc6) return from.raw(from.uint(8 << (tag - 0xc4)));
  if (tag >= 0xc7 && tag <= 0xc9) return unpackExt(from, from.uint(8 << (tag - 0xc7)));
  if (tag >= 0xd4 && tag <= 0xd8) return unpackExt(from, 1 << (tag - 0xd4));
  if (tag >= 0xd9 && tag <= 0xdb) return from.text(from.uint(8 << (tag - 0xd9)));
  if (tag === 0xc1) throw new TypeError('The message has a tag that means nothing');
  return from.common(tag, unpack);
}

function unpackExt(from, length) {
  const type = from.uint(8);
  const buffer = from.raw(length);
  const nested = () => unpack(new Unpacker(buffer));
  switch (type) {
    case 0x0a: return new RegExp(...nested());
    case 0x0b: case 0x0c: case 0x0f: return Object(nested());
    case 0x0d: return new Date(nested());
    case 0x1b: return buffer;
  }
  if (ERRORS[type]) return Object.assign(new globalThis[ERRORS[type]](), nested());
  if (!ARRAYS[type]) return { type, buffer };
  const memory = Uint8Array.from(buffer).buffer;
  return type === 0x1a ? memory : new globalThis[ARRAYS[type]](memory);
}

function encoder(data, done) {
  const to = new Packer();
  pack(to, data);
  done(null, to.done());
}

function decode(packet) {
  return unpack(new Unpacker(bytesOf(packet)));
}
