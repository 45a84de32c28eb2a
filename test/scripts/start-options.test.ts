import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { readStartOptions, usage } from '../../scripts/start-options.ts';

const startFile = join(import.meta.dirname, '../../scripts/start.ts');

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { npm_config_port: _, ...environment } = process.env;
  return spawnSync(process.execPath, [startFile, ...args], {
    encoding: 'utf8',
    env: { ...environment, ...env },
  });
}

test('npm start has a port of its own by --port', () => {
  assert.deepEqual(readStartOptions(['--port', '9443'], false), { port: 9443, isHelp: false });
  assert.deepEqual(readStartOptions([], false), { port: undefined, isHelp: false });
});

for (const port of ['0', '65536', '99999999', '-1', '1.5', 'https', '', '8443x']) {
  test(`--port=${port} is refused with what is wrong and an example`, () => {
    assert.equal(
      readStartOptions([`--port=${port}`], false),
      `"${port}" is no port; write a number from 1 to 65535, for example: npm start -- --port 9443`,
    );
  });
}

for (const option of ['--help', '-h']) {
  test(`npm start -- ${option} says what it does and which options it has, and does nothing else`, () => {
    const { status, stdout, stderr } = start([option]);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: usage, stderr: '' });
    assert.match(stdout, /--port N/);
  });
}

for (const [args, said] of [
  [['--port', 'https'], '"https" is no port; write a number from 1 to 65535'],
  [['--port'], '--port needs a value behind it'],
  [['--prot', '9443'], 'there is no option --prot. Did you mean --port?'],
  [['9443'], '"9443" is one word too many'],
] as const) {
  test(`npm start -- ${args.join(' ')} ends with exit code 1, a sentence and the usage`, () => {
    const { status, stdout, stderr } = start(args);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.ok(stderr.startsWith(`start: ${said}`), stderr);
    assert.ok(stderr.includes(usage));
  });
}

test('npm start --port 9443, whose option npm takes for its own, is told where -- belongs', () => {
  // npm passes the value as a word, and sets this variable.
  const { status, stderr } = start(['9443'], { npm_config_port: 'true' });
  assert.equal(status, 1);
  assert.match(stderr, /write -- before it: npm start -- --port 9443\n/);
});
