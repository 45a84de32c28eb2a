// Values of header fields with variables, and what is said of one that does not exist.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  HEADER_VARIABLES,
  parseHeaderTemplate,
  parseResponseTemplate,
} from '../../src/config/header-template.ts';
import { isFault } from '../../src/config/problem.ts';

function hintIn(parse: typeof parseHeaderTemplate, name: string): string | undefined {
  const result = parse(`a \${${name}} b`);
  assert.ok(isFault(result), name);
  assert.equal(result.message, `'\${${name}}' is no variable`);
  return result.hint;
}

test('an unknown variable that is like no other is told with all that there are, as they are written', () => {
  for (const name of ['', 'nothing.like.it', 'x'.repeat(200)]) {
    const hint = hintIn(parseHeaderTemplate, name) ?? '';
    for (const variable of [...HEADER_VARIABLES, 'header.NAME'])
      assert.ok(hint.includes(`\${${variable}}`), `${name}: ${hint}`);
  }
});

test('a name in capitals is told that the environment is not asked', () => {
  const hint = hintIn(parseHeaderTemplate, 'NAME');
  assert.match(hint ?? '', /^those of the environment are not filled in; there are \$\{client\.address\}, /);
});

test('an unknown variable that is like another has the nearest one named', () => {
  for (const [name, near] of [
    ['client.adress', 'client.address'],
    ['client', 'client.address'],
    ['tls', 'tls.version'],
    ['HOST', 'host'],
    ['remote_addr', 'client.address'],
    ['header', 'header.NAME'],
    ['header:x-tenant', 'header.x-tenant'],
    ['headers.X-Tenant', 'header.x-tenant'],
  ] as const)
    assert.equal(hintIn(parseHeaderTemplate, name), `did you mean \${${near}}?`, name);
});

test('of an unknown variable in a response no variable is named that is not known there', () => {
  for (const name of ['NAME', 'client.adress', 'remote_addr', 'header'])
    assert.equal(
      hintIn(parseResponseTemplate, name),
      'only ${route} is known in responses; write the value itself',
      name,
    );
  assert.equal(hintIn(parseResponseTemplate, 'rout'), 'did you mean ${route}?');
});
