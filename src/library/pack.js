// What the parsers `binary` and `msgpack` share: bytes that grow, bytes that are
// read, and the tags that both have.

class Packer {
  constructor() {
    this.bytes = new Uint8Array(64);
    this.view = new DataView(this.bytes.buffer);
    this.length = 0;
  }

  // Makes room; where it begins. `bytes` and `view` may be others after it.
  room(size) {
    const at = this.length;
    this.length += size;
    if (this.length > this.bytes.length) {
      const { bytes } = this;
      this.bytes = new Uint8Array(this.length * 2);
      this.bytes.set(bytes);
      this.view = new DataView(this.bytes.buffer);
    }
    return at;
  }

  byte(byte) {
    const at = this.room(1);
    this.bytes[at] = byte;
  }

  // A tag and a number of this many bits.
  tagged(tag, bits, value) {
    this.byte(tag);
    const at = this.room(bits / 8);
    if (bits === 8) this.view.setUint8(at, value);
    else if (bits === 16) this.view.setUint16(at, value);
    else this.view.setUint32(at, value);
  }

  float(value) {
    this.byte(0xcb);
    const at = this.room(8);
    this.view.setFloat64(at, value);
  }

  // An integer of at most 32 bits, as both have it.
  int(n) {
    if (n >= -32 && n < 128) this.byte(n & 0xff);
    else if (n >= 0) this.tagged(...(n < 0x100 ? [0xcc, 8] : n < 0x10000 ? [0xcd, 16] : [0xce, 32]), n);
    else this.tagged(...(n >= -0x80 ? [0xd0, 8] : n >= -0x8000 ? [0xd1, 16] : [0xd2, 32]), n);
  }

  // A length: in the tag up to `most`, else in 8 (where there is such a tag), 16 or
  // 32 bits.
  head(length, short, most, tag8, tag16) {
    if (length <= most) this.byte(short + length);
    else if (tag8 && length < 0x100) this.tagged(tag8, 8, length);
    else if (length < 0x10000) this.tagged(tag16, 16, length);
    else this.tagged(tag16 + 1, 32, length);
  }

  raw(bytes) {
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
  }

  array(values, pack) {
    this.head(values.length, 0x90, 15, 0, 0xdc);
    // Not `forEach`: it leaves out what is missing.
    for (const value of values) pack(this, value);
  }

  map(value, pack) {
    const keys = Object.keys(value);
    this.head(keys.length, 0x80, 15, 0, 0xde);
    for (const key of keys) {
      pack(this, key);
      pack(this, value[key]);
    }
  }

  done() {
    return this.bytes.slice(0, this.length);
  }
}

class Unpacker {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  step(size) {
    const { at } = this;
    this.at += size;
    if (this.at > this.bytes.length) throw new RangeError('The message ends too early');
    return at;
  }

  uint(bits) {
    const at = this.step(bits / 8);
    if (bits === 8) return this.view.getUint8(at);
    if (bits === 16) return this.view.getUint16(at);
    if (bits === 32) return this.view.getUint32(at);
    return Number(this.view.getBigUint64(at));
  }

  int(bits) {
    const at = this.step(bits / 8);
    if (bits === 8) return this.view.getInt8(at);
    if (bits === 16) return this.view.getInt16(at);
    if (bits === 32) return this.view.getInt32(at);
    return Number(this.view.getBigInt64(at));
  }

  // A copy, as Node.js's kind of bytes where there is such.
  raw(length) {
    const at = this.step(length);
    const bytes = this.bytes.slice(at, at + length);
    return globalThis.Buffer ? globalThis.Buffer.from(bytes) : Uint8Array.from(bytes);
  }

  text(length) {
    const at = this.step(length);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.bytes.subarray(at, at + length));
  }

  array(length, unpack) {
    const values = [];
    while (values.length < length) values.push(unpack(this));
    return values;
  }

  // `fromEntries` makes a `__proto__` a key like any other.
  map(length, unpack) {
    const entries = [];
    while (entries.length < length) entries.push([unpack(this), unpack(this)]);
    return Object.fromEntries(entries);
  }

  // What the tags mean that both have; undefined for the others.
  common(tag, unpack) {
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.map(tag - 0x80, unpack);
    if (tag < 0xa0) return this.array(tag - 0x90, unpack);
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xca: return this.view.getFloat32(this.step(4));
      case 0xcb: return this.view.getFloat64(this.step(8));
      case 0xcc: case 0xcd: case 0xce: case 0xcf: return this.uint(8 << (tag - 0xcc));
      case 0xd0: case 0xd1: case 0xd2: case 0xd3: return this.int(8 << (tag - 0xd0));
      case 0xdc: case 0xdd: return this.array(this.uint(16 << (tag - 0xdc)), unpack);
      case 0xde: case 0xdf: return this.map(this.uint(16 << (tag - 0xde)), unpack);
    }
  }
}

// Bytes of whatever kind; a text has none.
function bytesOf(packet) {
  if (packet instanceof ArrayBuffer) return new Uint8Array(packet);
  if (packet instanceof Uint8Array) return packet;
  throw new TypeError('The message is no bytes');
}
