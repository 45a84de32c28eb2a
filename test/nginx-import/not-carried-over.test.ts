// The remarks of an imported configuration are found again in its text, also in one that a person has edited since.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { findNotCarriedOver } from '../../src/nginx-import/not-carried-over.ts';

const golden = join(import.meta.dirname, '../golden');

test('of each imported configuration the lines at its head are counted, and those without any have none', () => {
  let imported = 0;
  for (const file of globSync(join(golden, '{nginx,nginx-newer}/*.yaml'))) {
    const text = readFileSync(file, 'utf8');
    const lists = [...text.matchAll(/^# NOT CARRIED OVER, .*\n((?:# {3}\S.*\n)+)/gm)];
    const lines = lists.length === 0 ? undefined : lists.flatMap(([, list]) => list.trimEnd().split('\n'));
    const count = lines?.reduce((sum, line) => sum + Number(/\((\d+) times\) {2}/.exec(line)?.[1] ?? 1), 0);
    const found = findNotCarriedOver(text);
    assert.equal(found?.count, count, basename(file));
    if (found === undefined) continue;
    imported++;
    assert.match(text.split('\n')[found.line - 1], /^# NOT CARRIED OVER, /);
    assert.ok(text.includes(`#   ${found.first}\n`), found.first);
    assert.doesNotMatch(found.first, /times/);
  }
  assert.ok(imported > 3);
});

test('what is settled and removed at the head counts as long as a route still names it, once', () => {
  const text = `# Made by framegate import of a.conf.
#
# NOT CARRIED OVER, though it decides who may connect. Settle each of these before this file is served:
#   a.conf:7  deny all

routes:
  # NOT CARRIED OVER, and it decides who may call: deny (a.conf:7), auth_basic (b c.conf:8), deny (b c.conf:8)
  - match:
  # NOT CARRIED OVER, and it decides who may call: auth_basic (b c.conf:8)
  - match:
`;
  assert.deepEqual(findNotCarriedOver(text), { count: 3, line: 3, first: 'a.conf:7  deny all' });
  const headless = text.slice(text.indexOf('routes:'));
  assert.deepEqual(findNotCarriedOver(headless), { count: 3, line: 2, first: 'a.conf:7  deny' });
  assert.equal(findNotCarriedOver(text.replaceAll(/^ *#.*$/gm, '')), undefined);
});

test('equal lines that the head lists as one count once for each place', () => {
  const text = `# NOT CARRIED OVER, though it decides who may connect. Settle each of these before this file is served:
#   a.conf:7, 9, b.conf:1 (3 times)  deny all

routes:
  # NOT CARRIED OVER, and it decides who may call: deny (a.conf:9), deny (b.conf:1), deny (b.conf:2)
  - match:
`;
  assert.deepEqual(findNotCarriedOver(text), { count: 4, line: 1, first: 'a.conf:7  deny all' });
});

test('lines behind the end of a list are remarks of somebody else', () => {
  const text = `# NOT CARRIED OVER, though it decides who may connect. Settle each of these before this file is served:
#   a.conf:7  deny all
# My own list:
#   b.conf:1  deny all
#   b.conf:2  deny all
routes: []
`;
  assert.deepEqual(findNotCarriedOver(text), { count: 1, line: 1, first: 'a.conf:7  deny all' });
});

test('other remarks are none of these', () => {
  assert.equal(findNotCarriedOver('# NOT CARRIED OVER\n#   a list\nroutes: []\n'), undefined);
  assert.equal(findNotCarriedOver('name: "# NOT CARRIED OVER, x: deny (a:1)"\n'), undefined);
});
