'use strict';

//
// The parsers: the same bytes as the packages that Primus uses, and as the Rust
// ones, by the recordings in `tests/vectors/parsers`; and each of them over every
// carrier, against every server.
//

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const { carriers, connect, file, load, messages, servers, start } = require('./support');

const parsers = ['json', 'ejson', 'binary', 'msgpack'].filter((parser) => fs.existsSync(file(`websockets-${parser}`)));

// What a page has for bytes may be sent by `binary`, other than by the package.
const SENT = ['Uint8Array 1 2 3', 'ArrayBuffer 3', '[Buffer,Uint8Array]'];
// What the package misreads is read as what it is.
const READ = { cf0000000100000000: 4294967296, d3ffffffffffffffff: -1 };

class Foo {
  constructor() { this.a = 1; }
  toJSON() { return { foo: 'json' }; }
}

const circular = {};
circular.circular = circular;

// Recorded values.
const values = {
  null: () => null,
  undefined: () => undefined,
  hole: () => undefined,
  function: () => () => {},
  symbol: () => Symbol('x'),
  bool: ({ v }) => v,
  num: ({ v }) => Number(v),
  bigint: ({ v }) => BigInt(v),
  str: ({ v, utf16, len_utf16: length }) => (utf16 ? String.fromCharCode(...utf16) : v ?? 'x'.repeat(length)),
  date: ({ ms }) => new Date(Number(ms)),
  regexp: ({ v }) => new RegExp(v.slice(1, v.lastIndexOf('/')), v.slice(v.lastIndexOf('/') + 1)),
  error: ({ v }) => new Error(v),
  Map: () => new Map([['a', 1]]),
  Set: () => new Set([1, 2]),
  circular: () => circular,
  arr: ({ v, len }) => (v ? v.map((each) => valueOf(each)) : new Array(len).fill(7)),
  bytes({ class: name, hex, len }) {
    const bytes = hex === undefined ? Buffer.alloc(len, 7) : Buffer.from(hex, 'hex');
    if ('Buffer' === name) return bytes;
    const { buffer } = Uint8Array.from(bytes);
    return 'ArrayBuffer' === name ? buffer : new globalThis[name](buffer);
  },
  obj({ v, class: name }, label) {
    if ('Foo' === name) return new Foo();
    const boxes = { 'Number object': Object(5), 'String object': Object('s'), 'Boolean object': Object(true) };
    return name && boxes[label] ? boxes[label] : Object.fromEntries(v.map(([key, value]) => [key, valueOf(value)]));
  }
};

function valueOf(tagged, label) {
  return values[tagged.t](tagged, label);
}

for (const parser of parsers) {
  const { encoder, decoder } = load('websockets', parser).prototype;

  const ask = (half, value) => {
    let answer;
    half.call({}, value, (error, result) => {
      if (error) throw error;
      answer = result;
    });
    return answer;
  };

  // As a packet is sent.
  const encode = (value) => {
    const packet = ask(encoder, value);
    return typeof packet === 'string' ? packet.replace(/[\u2028\u2029]/g, (end) => '\\u' + end.charCodeAt().toString(16)) : packet;
  };

  const recorded = JSON.parse(fs.readFileSync(path.join(process.env.PRIMUS_VECTORS, 'parsers', `${parser}.json`), 'utf8'));

  test(`${parser} encodes like the package`, () => {
    let compared = 0;
    for (const entry of recorded.encode) {
      const { label } = entry;
      const value = valueOf(entry.value, label);
      if (entry.encode_error) {
        if ('binary' !== parser || !SENT.includes(label)) assert.throws(() => encode(value), undefined, label);
        continue;
      }
      const packet = encode(value);
      const text = entry.wire || entry.encoded;
      if (text) {
        assert.equal(Buffer.from(packet).toString('base64'), text, label);
        compared += 1;
      } else if (entry.encoded_len) assert.equal(Buffer.from(packet).length, entry.encoded_len, label);
      else if (entry.note && !/stack/.test(entry.note)) assert.ok(packet === undefined || packet === '', label);
    }
    assert.ok(compared > 90, `${compared}`);
  });

  test(`${parser} decodes like the package`, () => {
    for (const { label, encoded, wire, frame, decoded } of recorded.encode) {
      // Without their class in the recording.
      if (!decoded || !encoded || ('ejson' === parser && / object$/.test(label))) continue;
      const bytes = Buffer.from(wire || encoded, 'base64');
      const [read, wanted] = [ask(decoder, 'text' === frame ? bytes.toString() : bytes), valueOf(decoded, label)];
      // No invalid date is equal to another.
      if (Number.isNaN(+wanted) && wanted instanceof Date) assert.equal(`${read}`, `${wanted}`);
      else assert.deepEqual(read, wanted, label);
    }
    for (const { input, decoded, decode_error: error } of recorded.decode) {
      const hex = input.hex ?? input.ArrayBuffer_hex;
      const packet = input.text ?? (hex === undefined ? undefined : input.hex === undefined ? Uint8Array.from(Buffer.from(hex, 'hex')).buffer : Buffer.from(hex, 'hex'));
      // Only these come over a wire.
      if (packet === undefined) continue;
      if ('binary' === parser && hex in READ) assert.equal(ask(decoder, packet), READ[hex]);
      else if (error) assert.throws(() => ask(decoder, packet), undefined, JSON.stringify(input));
      else assert.deepEqual(ask(decoder, packet), valueOf(decoded), JSON.stringify(input));
    }
  });

  test(`${parser} encodes messages of every length`, () => {
    for (let length = 0; length < 300; length++) {
      const message = ['x'.repeat(length), 1.5, 1, 'y'];
      assert.deepEqual(ask(decoder, encode(message)), message);
    }
  });

  test(`${parser} takes no harm from what it cannot read`, () => {
    const text = /json/.test(parser);
    for (let n = 0; n < 3000; n++) {
      const bytes = Buffer.from(Array.from({ length: 1 + (n % 20) }, (_, at) => ((n * 31 + at * 17) ^ (n >> 3)) & 255));
      try {
        ask(decoder, text ? bytes.toString('latin1') : bytes);
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }
    if (!text) {
      assert.throws(() => ask(decoder, Buffer.alloc(1 << 20, 0x91)), RangeError);
      for (const head of ['ddffffffff', 'dfffffffff']) assert.throws(() => ask(decoder, Buffer.from(head, 'hex')), RangeError);
    }
    const polluted = text ? '{"__proto__":{"polluted":1}}' : encode(JSON.parse('{"__proto__":{"polluted":1}}'));
    assert.deepEqual(Object.keys(ask(decoder, polluted)), ['__proto__']);
    assert.equal({}.polluted, undefined);
  });

  // The bytes of today's Primus under `binary` are wrong above U+FFFF: see there.
  const text = 'é€漢字😀\u{10ffff}\u2028\u0000';
  const messagesOf = { json: [], ejson: [new Date(5), Uint8Array.of(1, 2, 255), NaN, /a/g], binary: [Buffer.of(0, 1, 255)], msgpack: [new Date(5), Buffer.of(0, 1, 255), new Float32Array([1.5])] };
  const sent = [text, { [text]: [text, 1, -1.5, null, true] }, 'x'.repeat(70000), 4294967295, -2147483648, ...messagesOf[parser]];

  // Only text goes over some.
  const able = carriers.filter(({ transformer }) => fs.existsSync(file(`${transformer}-${parser}`)));
  for (const server of servers) for (const carrier of able) {
    test(`${parser} over ${carrier.name} to ${server}`, async (t) => {
      const { transformer, transport } = carrier;
      const { url } = await start(t, server, { transformer, parser });
      const client = connect(t, load(transformer, parser), url, { transport });
      // What the JavaScript server's parser makes of such texts is known to be wrong.
      const mended = 'binary' === parser && 'node' === server ? JSON.parse(JSON.stringify(sent.slice(0, 2)).replace(/😀|\u{10ffff}/gu, '')).concat(sent.slice(2, 5), Buffer.of(0, 1, 255)) : sent;
      const got = messages(client, mended.length);
      mended.forEach((message) => client.write(message));
      assert.deepEqual(await got, mended);
      assert.equal(client.told.includes('error'), false);
    });
  }
}

// Whatever a parser of the application's own makes.
for (const { name, transformer, transport } of carriers.filter((carrier) => /websockets|engine/.test(carrier.transformer))) {
  test(`${name}: bytes go as what a parser makes of them`, async (t) => {
    const { url } = await start(t, 'rust', { transformer });
    for (const kind of [(bytes) => bytes, (bytes) => bytes.buffer, (bytes) => bytes.subarray(1, 3), ({ buffer }) => new DataView(buffer, 1, 2), ({ buffer }) => new Uint16Array(buffer)]) {
      const client = connect(t, load(transformer), url, { transport });
      const bytes = kind(Uint8Array.of(0, 1, 254, 255));
      client.encoder = (data, done) => done(null, data);
      client.write(bytes);
      const [got] = await messages(client, 1);
      const { buffer = bytes, byteOffset, byteLength } = bytes;
      assert.deepEqual(new Uint8Array(got), new Uint8Array(buffer, byteOffset, byteLength));
      client.destroy();
    }
  });
}
