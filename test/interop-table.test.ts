// The table in docs/clients-and-ports.md says what the rows of test/interop/ports prove, and nothing else.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { diagnosisCode } from '../src/diagnosis/codes.ts';
import { clientsTable, TABLE_BEGINS, TABLE_ENDS, withTable } from './interop/ports/clients-table.ts';
import { type PortRow, rowName } from './interop/ports/port-row.ts';
import { portRows } from './interop/ports/rows.ts';

const row: PortRow = {
  client: 'a client',
  port: 'tls',
  answer: 'one | two',
  provenByCase: { file: 'a.ts', name: 'a case' },
};

test('docs/clients-and-ports.md has the table that the rows make', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/clients-and-ports.md'), 'utf8');
  assert.equal(page, withTable(page, portRows), 'run node test/interop/ports/write-clients-table.ts');
});

test('every row has a name of its own', () => {
  const names = portRows.map(rowName);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

test('every diagnosis of a row is in the catalogue', () => {
  for (const { token } of portRows) if (token !== undefined) assert.match(diagnosisCode(token), /^FG\d{4}$/);
});

test('every row of a browser names a case that there is', () => {
  for (const each of portRows) {
    if (!('provenByCase' in each)) continue;
    const { file, name } = each.provenByCase;
    const source = readFileSync(join(import.meta.dirname, 'browser/page/cases', file), 'utf8');
    assert.ok(source.includes(name), `${file} has no case ${name}`);
  }
});

test('a bar in a cell does not end it', () => {
  assert.match(clientsTable([row]), /\| one \\\| two \|/);
});

test('rows that differ in the port alone are one line with both ports', () => {
  const lines = clientsTable([row, { ...row, port: 'plaintext' }]).split('\n');
  assert.equal(lines.length, 3);
  assert.match(lines[2] ?? '', /\| TLS; plaintext \|/);
});

test('what stands around the table stays as it is', () => {
  const page = `before\n${TABLE_BEGINS}\nold\n${TABLE_ENDS}\nafter\n`;
  const written = withTable(page, [row]);
  assert.ok(written.startsWith(`before\n${TABLE_BEGINS}\n| client |`));
  assert.ok(written.endsWith(`|\n${TABLE_ENDS}\nafter\n`));
  assert.ok(!written.includes('old'));
});

test('a page without the comments is refused', () => {
  assert.throws(() => withTable('no table here', [row]), /the page lacks/);
});
