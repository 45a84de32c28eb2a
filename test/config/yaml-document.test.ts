import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readYaml } from '../../src/config/yaml-document.ts';

const text = `# first line
listeners:
  - name: public
    address: 127.0.0.1:8080
  - &other
    name: internal
again:
  - *other
empty:
`;

test('keys and values are found where they stand', () => {
  const document = readYaml(text);
  assert.deepEqual(document.faults, []);
  assert.deepEqual(document.locate(['listeners'], 'key'), { line: 2, column: 1 });
  assert.deepEqual(document.locate(['listeners', 0], 'value'), { line: 3, column: 5 });
  assert.deepEqual(document.locate(['listeners', 0, 'address'], 'key'), { line: 4, column: 5 });
  assert.deepEqual(document.locate(['listeners', 0, 'address'], 'value'), { line: 4, column: 14 });
});

test('what is missing is found at its parent', () => {
  const document = readYaml(text);
  assert.deepEqual(document.locate(['routes'], 'value'), { line: 1, column: 1 });
  assert.deepEqual(document.locate(['listeners', 0, 'tls'], 'value'), { line: 3, column: 5 });
  assert.deepEqual(document.locate(['listeners', 7], 'value'), { line: 2, column: 1 });
  assert.deepEqual(document.locate(['again', 0, 'name', 'deeper'], 'value'), { line: 6, column: 5 });
});

test('an alias is found where its anchor stands', () => {
  assert.deepEqual(readYaml(text).locate(['again', 0, 'name'], 'value'), { line: 6, column: 11 });
});

test('lines that end in CRLF count as one', () => {
  const document = readYaml('a: 1\r\nb: 2\r\n');
  assert.deepEqual(document.locate(['b'], 'value'), { line: 2, column: 4 });
});

test('lists a hundred thousand deep are a fault or a value, not a crash', () => {
  for (const depth of [1_000, 100_000]) {
    for (const nested of [
      '['.repeat(depth),
      `${'['.repeat(depth)}${']'.repeat(depth)}`,
      '- '.repeat(depth),
    ]) {
      const document = readYaml(nested);
      assert.ok(document.value !== undefined || document.faults.length > 0);
    }
  }
});

test('no text throws, and what has no value has a fault or is empty', () => {
  const fragment = fc.constantFrom(
    'a',
    ':',
    ' ',
    '\n',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '!t ',
    '"',
    "'",
    '|',
    '#',
    '? ',
    '\t',
    '<<',
    '---\n',
    '%',
  );
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 30 }), (fragments) => {
      const document = readYaml(fragments.join(''));
      document.locate(['a', 0, 'a'], 'value');
      assert.ok(document.faults.every(({ line, column }) => line >= 1 && column >= 1));
    }),
    { numRuns: 1_000 },
  );
});
