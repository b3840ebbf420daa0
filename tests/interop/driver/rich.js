'use strict';

//
// Values that not every parser carries, and what becomes of them on the way to
// a server that sends back what it got. Where nothing else is said, the value
// itself comes back, type and all.
//

const { isDeepStrictEqual, inspect } = require('util');

// What a write or a message ends in, if not in a value.
class Failure {
  constructor(text) { this.text = text; }
}

const fails = (text) => new Failure(text);
const nothing = Symbol('nothing comes back');

function nested(depth) {
  let value = 'deep';
  while (depth-- > 0) value = depth % 2 ? [value] : { value };
  return value;
}

const upTo = (length) => Array.from({ length }, (_, n) => n);
const entries = (length) => Object.fromEntries(upTo(length).map((n) => [`k${n}`, n & 1]));

const date = new Date(1700000000123);
const english = 'Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)';
const bytes = Buffer.from([0, 1, 127, 128, 255]);
const plain = new Uint8Array(bytes);
const buffer = { type: 'Buffer', data: [...bytes] };
const numbers = [0, 1, -1, 31, -32, -33, 127, 128, -128, -129, 255, 256, 32767, -32768, -32769, 65535, 65536,
  2147483647, -2147483648, 2147483648, 4294967295, 0.1, -0.5, 1e-7, 123456789.125, 5e-324, -1.5e-300];

// Its decoder goes round in circles over a whole number of more than 32 bits,
const endless = fails('Maximum call stack size exceeded');
// and its encoder knows none beyond 64, and no infinity.
const tooLarge = fails('Invalid integer');
const leftOut = Symbol('left out');
// It takes a minute for so many of them, as it copies what it has for each.
const tooSlow = leftOut;
const unknown = (type) => fails(`Type "function ${type}() { [native code] }" not yet supported`);

//
// Value, and what comes back by parser. These are facts about the JavaScript
// parsers: what they return for what they encoded themselves.
//
const shapes = {
  'null': [null],
  'booleans': [[true, false]],
  'numbers': [numbers],
  'minus zero': [-0, { json: 0, ejson: 0, binary: 0, msgpack: 0 }],
  'the largest safe integer': [Number.MAX_SAFE_INTEGER, { binary: endless }],
  'the least safe integer': [Number.MIN_SAFE_INTEGER, { binary: endless }],
  '33 bits': [4294967296, { binary: endless }],
  'beyond 32 bits, negative': [-2147483649, { binary: endless }],
  'beyond 64 bits': [[2 ** 70, -1e300], { binary: tooLarge }],
  'not a number': [[NaN], { json: [null] }],
  'infinities': [[Infinity, -Infinity], { json: [null, null], binary: tooLarge }],
  'strings': [['', 'a', 'x'.repeat(15), 'x'.repeat(16), 'x'.repeat(31), 'x'.repeat(32), 'é'.repeat(200)]],
  'the empty string': [''],
  'quotes and escapes': ['"\\/\b\f\n\r\t\u0000\u001f\u007f'],
  'separators': ['a\u2028b\u2029c'],
  'astral characters': ['😀𝒳𐍈 日本語 \uffff\ufeff'],
  'like a control message': ['primus::data::1'],
  '100 KiB': ['é'.repeat(50 * 1024)],
  'empty containers': [[[], {}, [[]], { a: {} }]],
  'a mixture': [{ z: 1, a: ['two', [3.5, null, { four: [true, {}] }], ''], '😀\u2028': { '': -7 } }],
  'an index as a key': [{ b: 1, 10: 'ten', 9: 'nine' }],
  'deep': [nested(60)],
  'some elements': [upTo(1000)],
  'some entries': [entries(500)],
  '70,000 elements': [upTo(70000), { binary: tooSlow }],
  '70,000 entries': [entries(70000), { binary: tooSlow }],
  // The clients of text parsers send an empty frame of bytes then. To `json` it
  // is a `Buffer`, and there is a test of its own; to `ejson` it is an error.
  'undefined': [undefined, { json: leftOut, ejson: nothing, binary: null, msgpack: null }],
  'undefined inside': [{ a: undefined, b: [undefined] },
    { json: { b: [null] }, ejson: { b: [null] }, binary: { a: null, b: [null] }, msgpack: { a: null, b: [null] } }],
  'a date': [date, { json: '2023-11-14T22:13:20.123Z', binary: english }],
  'a date before 1970': [[new Date(-1)],
    { json: ['1969-12-31T23:59:59.999Z'], binary: ['Wed Dec 31 1969 23:59:59 GMT+0000 (Coordinated Universal Time)'] }],
  'no date': [[new Date(NaN)], { json: [null], ejson: [new Date(0)], binary: ['Invalid Date'] }],
  'bytes': [bytes, { json: buffer, ejson: plain }],
  'no bytes': [Buffer.alloc(0),
    { json: { type: 'Buffer', data: [] }, ejson: new Uint8Array(0), binary: fails('Invalid length') }],
  '70,000 bytes': [[Buffer.alloc(70000, 7)],
    { json: [{ type: 'Buffer', data: Array(70000).fill(7) }], ejson: [new Uint8Array(70000).fill(7)] }],
  'a Uint8Array': [plain, { json: { ...plain }, binary: unknown('Uint8Array') }],
  'a Float64Array': [[new Float64Array([1.5, -2])],
    { json: [{ 0: 1.5, 1: -2 }], ejson: [{ 0: 1.5, 1: -2 }], binary: unknown('Float64Array') }],
  'a regular expression': [[/a\/b/gi], { json: [{}], binary: unknown('RegExp') }],
  'like a wrapper of ejson': [[{ $date: 1 }, { $escape: { $binary: 'x' } }, { $date: 1, x: 2 }]],
  'all at once': [{ list: [{ when: date, data: bytes, n: -0.25 }], empty: [{}, [], '', null] }, {
    json: { list: [{ when: date.toJSON(), data: buffer, n: -0.25 }], empty: [{}, [], '', null] },
    ejson: { list: [{ when: date, data: plain, n: -0.25 }], empty: [{}, [], '', null] },
    binary: { list: [{ when: english, data: bytes, n: -0.25 }], empty: [{}, [], '', null] }
  }]
};

// What the struct of the test has a place for.
const record = { when: date, data: bytes, ratio: -0.25, count: 4294967295, name: 'é\u2028😀', tags: { b: [1], a: [] },
  note: null };
const records = {
  'a record': [record, {
    json: { ...record, when: date.toJSON(), data: buffer },
    ejson: { ...record, data: plain },
    binary: { ...record, when: english }
  }]
};

// Objects of another context are made objects of this one. An invalid date is
// not even the same as itself.
function adopt(value) {
  if (Array.isArray(value)) return Array.from(value, adopt);
  if (value instanceof Date && isNaN(value)) return fails('an invalid date');
  if ('[object Object]' !== Object.prototype.toString.call(value) || value instanceof Failure) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, adopt(inside)]));
}

function same(a, b) {
  // The second tells the order of keys.
  return isDeepStrictEqual(a, b) && JSON.stringify(a) === JSON.stringify(b);
}

// Writes one value after the other and compares what is echoed.
module.exports = function rich(client, { parser, struct }, done) {
  const cases = Object.entries(struct ? records : shapes);
  const wrong = [];
  const total = cases.length;
  let expected;
  let name;

  // A Primus client that cannot decode has said so, and goes on.
  function next() {
    if (!cases.length) return tell();
    const [value, other = {}] = cases[0][1];
    name = cases.shift()[0];
    expected = parser in other ? other[parser] : value;
    if (expected === leftOut) return next();
    client.write(value);
    // Whatever comes all the same is taken for the next one.
    if (expected === nothing) next();
  }

  function came(value) {
    if (!same(adopt(value), adopt(expected))) {
      wrong.push(`${name}: ${inspect(value).slice(0, 300)}, not ${inspect(expected).slice(0, 300)}`);
    }
    setImmediate(next);
  }

  function tell() {
    clearTimeout(patience);
    done({ wrong, compared: total - cases.length });
  }

  const patience = setTimeout(() => {
    wrong.push(`${name}: nothing came`);
    tell();
  }, 40000);

  client.on('data', came);
  client.on('error', (error) => came(fails(error.message)));
  next();
};
