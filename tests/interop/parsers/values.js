'use strict';

// node values.js PARSER COUNT
//
// Prints random messages that the real parser encoded, each as one line in base
// 64. The same every time.

const { loadParser } = require('./parsers');

const [name, count] = process.argv.slice(2);
const parser = loadParser(name);

let state = 12345;
function random(below) {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return Math.floor(state / 0x80000000 * below);
}

const texts = ['', 'a', 'hello world', 'é', '漢字', '😀', '"quoted" \\ /', '\n\t\u0000\u001f', '$date',
  '$escape', '0', '12', '__a', 'x'.repeat(40), 'y'.repeat(300), 'z'.repeat(70000), '“typographic” — dashes'];
const numbers = [0, 1, -1, 31, 32, 127, 128, 255, 256, 65535, 65536, 2147483647, -32, -33, -128, -129,
  -32768, -32769, -2147483648, 0.1, -0.5, 1e-7, 123456789.125, 5e-324, 1.5e-10];
const large = [2147483648, -2147483649, 4294967296, 9007199254740991, 1e21, -1e300, 1e16, 123456789012345680000];

function number() {
  if (random(3) === 0) return random(2 ** 31) - 2 ** 30;
  if (random(4) === 0) return (random(2 ** 31) - 2 ** 30) / (random(2 ** 31) + 1);
  if (name !== 'binary' && random(3) === 0) return large[random(large.length)];
  return numbers[random(numbers.length)];
}

function special() {
  const bytes = Buffer.from(Array.from({ length: 1 + random(300) }, () => random(256)));
  switch (name) {
    case 'binary': return bytes;
    case 'ejson': return [new Date(random(2 ** 31) * 1000 + random(1000)), new Uint8Array(bytes), NaN, Infinity,
      -Infinity, /a\/b/gi, { $date: 1 }, { $escape: { $binary: 'x' } }, { $type: 1, $value: { $date: 1 } }][random(9)];
    case 'msgpack': return [new Date(random(2 ** 31) * 1000 + random(1000)), new Date(NaN), bytes,
      new Uint8Array(bytes), new Float64Array([1.5, -2]), new Int16Array([1, -2]), new Uint8ClampedArray([1]),
      new ArrayBuffer(4), NaN, Infinity, /a/g, Buffer.alloc(255), Buffer.alloc(0)][random(13)];
    default: return null;
  }
}

function value(depth) {
  const kind = random(depth > 4 ? 6 : 10);
  if (kind === 0) return null;
  if (kind === 1) return random(2) === 0;
  if (kind === 2 || kind === 3) return number();
  if (kind === 4) return texts[random(texts.length)];
  if (kind === 5) return special();
  const length = random(10) === 0 ? random(40) : random(5);
  if (kind < 8) return Array.from({ length }, () => value(depth + 1));
  const object = {};
  for (let i = 0; i < length; i++) {
    const key = random(3) === 0 ? String(random(300)) : texts[random(texts.length - 2)] + random(20);
    object[key] = value(depth + 1);
  }
  return object;
}

let out = '';
for (let i = 0; i < count; i++) {
  out += Buffer.from(parser.encode(value(0))).toString('base64') + '\n';
}
process.stdout.write(out);
