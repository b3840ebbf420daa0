'use strict';

//
// The types, by the compiler of TypeScript: right uses pass, wrong ones do not.
//

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const ts = require('typescript');
const { own } = require('./halves');
const { file } = require('./support');

const cases = [];

// The files are put beside the types, as users have them.
const uses = {
  'websockets-json': ['right.ts', 'wrong.ts'],
  global: ['right.ts', 'wrong.ts'],
  // A plugin brings its own additions, and those of no other.
  ...Object.fromEntries(Object.keys(own).map((set) => [`plugins-own-${set}`, ['right.ts']])),
  'plugins-own-emit': ['right.ts', 'wrong.ts'],
  'plugins-own-history': ['right.ts', 'history-right.ts', 'history-wrong.ts'],
  'plugins-own-all': ['right.ts', 'plugins-right.ts', 'plugins-wrong.ts']
};

for (const folder in uses) for (const form of ['primus.js', 'primus.mjs']) for (const name of uses[folder]) {
  const text = fs.readFileSync(path.join(__dirname, 'types', name), 'utf8');
  const place = file(folder, `${form}-${name}`);
  fs.writeFileSync(place, text.replaceAll('primus-library', `./${form}`));
  cases.push({ folder, form, name, place });
}

const program = ts.createProgram(cases.map(({ place }) => place), {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
  types: []
});
const problems = ts.getPreEmitDiagnostics(program);

const told = (place) => problems.filter(({ file: source }) => source?.fileName === place).map(({ messageText, file: source, start }) => (
  `${source.getLineAndCharacterOfPosition(start).line + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
));

test('the types themselves are sound', () => {
  const own = problems.filter(({ file: source }) => !cases.some(({ place }) => place === source?.fileName));
  assert.deepEqual(own.map(({ messageText }) => messageText), []);
});

for (const { folder, form, name, place } of cases) {
  // In the wrong uses, a mark without an error below it is an error.
  test(`${name}, with ${form} of ${folder}`, () => {
    // The class has the name there that the server gave it.
    const wanted = 'global' === folder && 'right.ts' === name ? [/no exported member.*Primus/] : [];
    const errors = told(place);
    assert.equal(errors.length, wanted.length, errors.join('\n'));
    wanted.forEach((pattern, at) => assert.match(errors[at], pattern));
  });
}
