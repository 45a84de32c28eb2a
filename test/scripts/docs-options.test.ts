// The options of `npm run docs`: what they mean, and what a person reads when they are wrong, before anything is built.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { readDocsOptions } from '../../scripts/docs-options.ts';

const script = join(import.meta.dirname, '../../scripts/docs.ts');

test('the port is left open unless it is given, and the base has its slashes', () => {
  assert.deepEqual(readDocsOptions(['--serve', '--base', 'framegate']), {
    isServed: true,
    isChecked: false,
    isHelp: false,
    port: undefined,
    base: '/framegate/',
  });
  const options = readDocsOptions(['--serve', '--port', '0']);
  assert.ok(typeof options !== 'string');
  assert.equal(options.port, 0);
});

test('mistakes are sentences', () => {
  for (const [argv, says] of [
    [['--prot', '3'], /no option --prot\. Did you mean --port/],
    [['--serve', '--port', '70000'], /"70000" is no port; write a number/],
    [['--port', '9000'], /--port is the port of --serve/],
  ] as const) {
    const mistake = readDocsOptions(argv);
    assert.ok(typeof mistake === 'string');
    assert.match(mistake, says);
  }
});

test('a mistake or a taken port ends it at once, with the cause and a remedy and no stack trace', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1');
  t.after(() => holder.close());
  await once(holder, 'listening');
  const address = holder.address();
  assert.ok(typeof address === 'object' && address !== null);
  for (const [argv, says] of [
    [['--prot', '3'], /^docs: there is no option --prot/],
    [
      ['--serve', '--port', String(address.port)],
      /^docs: the site cannot have port \d+, because .* holds \d+; choose another/,
    ],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...argv], { encoding: 'utf8' });
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, says);
    assert.doesNotMatch(stderr, /\n {4}at /);
  }
});
