// Whether a running proxy has the configuration that is here, told by its file, or else by its listeners.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { readRunningConfiguration, runsWith } from '../../src/control/running-configuration.ts';

const folder = mkdtempSync(join(tmpdir(), 'framegate-running-configuration-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'config.yaml');
const loaded = parseConfig(
  `listeners: [{ address: "127.0.0.1:1" }]
upstreams: { a: { endpoints: ["127.0.0.1:2"] } }
routes: [{ match: { path: /* }, upstream: a }]
`,
  file,
);
assert.ok('config' in loaded);
const { config } = loaded;
writeFileSync(file, '');
writeFileSync(join(folder, 'other.yaml'), '');
mkdirSync(join(folder, 'sub'));
symlinkSync(file, join(folder, 'sub', 'linked.yaml'));

const mine = ['127.0.0.1:1'];
const others = ['127.0.0.1:9'];

function answer(
  theirs: string | undefined,
  workingDirectory: string | undefined,
  listeners: readonly string[],
): unknown {
  return {
    epoch: 1,
    workingDirectory,
    config: { file: theirs, listeners: listeners.map((text) => ({ address: { text } })) },
  };
}

for (const [what, body, expected] of [
  ['the same path', answer('config.yaml', folder, others), true],
  ['the same file by a link', answer('linked.yaml', join(folder, 'sub'), others), true],
  ['another file with the same listeners', answer('other.yaml', folder, mine), false],
  ['a file that is not here, with the same listeners', answer('x.yaml', '/nowhere', mine), true],
  ['a file that is not here, with other listeners', answer('x.yaml', '/nowhere', others), false],
  ['standard input with the same listeners', answer('-', folder, mine), true],
  ['standard input with other listeners', answer('-', folder, others), false],
  ['a folder that it does not say', answer('config.yaml', undefined, mine), true],
  ['no file, with the same listeners', answer(undefined, folder, mine), true],
  ['nothing that tells', answer(undefined, undefined, []), undefined],
] as const)
  test(`${what}: ${expected ?? 'not known'}`, () => {
    const running = readRunningConfiguration(body);
    assert.ok(running !== undefined);
    assert.equal(runsWith(running, { file, config }), expected);
  });

test('what is no answer of Framegate is told as such', () => {
  for (const body of [
    undefined,
    null,
    'ok',
    7,
    [],
    {},
    { epoch: '1', config: {} },
    { epoch: 1 },
    { epoch: 1, config: null },
  ])
    assert.equal(readRunningConfiguration(body), undefined, JSON.stringify(body));
});
