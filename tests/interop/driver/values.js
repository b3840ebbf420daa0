'use strict';

//
// Values of every shape that JSON has. They are made and compared here, because
// not all of them (lone surrogates, say) could be told to the test and back.
//

function nested(depth) {
  let value = 'deep';
  while (depth-- > 0) value = [value];
  return value;
}

const shapes = {
  'a string': 'plain',
  'the empty string': '',
  'quotes and escapes': '"\\/\b\f\n\r\t\u0000\u001f\u007f',
  'line and paragraph separators': 'a\u2028b\u2029c',
  'the basic plane': 'åß∂ƒ Ελλάδα 日本語 \uffff\ufeff',
  'astral characters': '😀𝒳𐍈',
  'a lone high surrogate': 'x\ud83dy',
  'a lone low surrogate': '\ude00',
  'the surrogates of a pair the wrong way round': '\ude00\ud83d',
  'a string like a control message': 'primus::data::1',
  'a bare prefix': 'primus::',
  'keys with separators': { 'a\u2028b\u2029': { '😀': 2, '': 3 } },
  'a key with a lone surrogate': { '\ud83d': 1 },
  'null': null,
  'true': true,
  'false': false,
  'zero': 0,
  'a negative integer': -1,
  'a fraction': 0.1,
  'the largest safe integer': Number.MAX_SAFE_INTEGER,
  'the least safe integer': Number.MIN_SAFE_INTEGER,
  'an integer beyond 64 bits': 2 ** 70,
  'the largest number': Number.MAX_VALUE,
  'the smallest number': Number.MIN_VALUE,
  'an exponent': 1.5e-300,
  'the empty array': [],
  'the empty object': {},
  'a mixture': [1, 'two', [3.5, null, { four: [true, {}] }], ''],
  'keys in an order of their own': { z: 1, a: 2, m: { y: 1, b: 2 } },
  'a deep array': nested(60),
  '120 KiB': { v: 'é'.repeat(60 * 1024) },
  'a long array': Array.from({ length: 10000 }, (_, n) => n)
};

// Writes every shape and compares what is echoed; those that a string of whole
// characters cannot hold only if the server sends back what it got.
module.exports = function values(client, { verbatim }, done) {
  const names = Object.keys(shapes).filter((name) => verbatim || !/surrogate/.test(name));
  const wrong = [];
  let at = 0;

  function tell() {
    done({ missing: names.length - at, wrong });
  }

  // If one is lost, all those behind it are wrong.
  const patience = setTimeout(tell, 15000);

  client.on('data', (data) => {
    const name = names[at++];
    // Texts are compared: objects come out of another context, and a text also
    // tells the order of keys.
    const [came, went] = [JSON.stringify(data), JSON.stringify(shapes[name])];
    if (came !== went) wrong.push(`${name}: ${came.slice(0, 200)}`);
    if (at < names.length) return;
    clearTimeout(patience);
    tell();
  });

  for (const name of names) client.write(shapes[name]);
};
