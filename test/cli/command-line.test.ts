// The program as a person runs it: dispatch, help, version and the demo command, each in a process of its own.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, suite, test } from 'node:test';
import { connectVoiceClient } from '../support/voice-client.ts';

const root = join(import.meta.dirname, '../..');

interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...argv: readonly string[]) {
  return spawn(process.execPath, [join(root, 'src/main.ts'), ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function run(...argv: readonly string[]): Promise<Finished> {
  const child = start(...argv);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, stdout, stderr };
}

suite('framegate', () => {
  test('without a command prints the help to standard error and fails', async () => {
    const { exitCode, stdout, stderr } = await run();
    assert.equal(exitCode, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /Usage: framegate COMMAND/);
  });

  test('--help lists every command', async () => {
    const { exitCode, stdout } = await run('--help');
    assert.equal(exitCode, 0);
    for (const command of ['serve', 'check', 'init', 'explain', 'status', 'reload', 'drain', 'demo'])
      assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
  });

  test('worker is for the program itself: no help has it, and by hand it only says so', async () => {
    assert.doesNotMatch((await run('--help')).stdout, /worker/);
    const { exitCode, stdout, stderr } = await run('worker');
    assert.deepEqual([exitCode, stdout], [1, '']);
    assert.match(stderr, /framegate serve starts its workers itself/);
  });

  test('decoder is for the program itself, too', async () => {
    assert.doesNotMatch((await run('--help')).stdout, /decoder/);
    const { exitCode, stdout, stderr } = await run('decoder');
    assert.deepEqual([exitCode, stdout], [1, '']);
    assert.match(stderr, /framegate tap starts this itself/);
  });

  test('find-descriptors is for the program itself, too', async () => {
    assert.doesNotMatch((await run('--help')).stdout, /find-descriptors/);
    const { exitCode, stdout, stderr } = await run('find-descriptors');
    assert.deepEqual([exitCode, stdout], [1, '']);
    assert.match(stderr, /framegate tap starts this itself/);
  });

  test('make-checks is for the program itself, too', async () => {
    assert.doesNotMatch((await run('--help')).stdout, /make-checks/);
    const { exitCode, stdout, stderr } = await run('make-checks');
    assert.deepEqual([exitCode, stdout], [1, '']);
    assert.match(stderr, /framegate doctor starts this itself/);
  });

  test('--version is that of package.json', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const word of ['--version', 'version', '-V']) {
      assert.deepEqual(await run(word), { exitCode: 0, stdout: `${version}\n`, stderr: '' });
    }
  });

  for (const command of ['check', 'init', 'explain', 'status', 'reload', 'drain', 'demo']) {
    test(`${command} --help says how to use it`, async () => {
      const { exitCode, stdout } = await run(command, '--help');
      assert.equal(exitCode, 0);
      assert.ok(stdout.startsWith(`Usage: framegate ${command} `), stdout);
      assert.equal((await run('help', command)).stdout, stdout);
    });
  }

  test('a mistyped command is answered with the one that was meant', async () => {
    const { exitCode, stderr } = await run('sevre');
    assert.equal(exitCode, 1);
    assert.match(stderr, /no command "sevre"\. Did you mean: framegate serve\?/);
  });

  test('commands and options of other programs are answered with ours', async () => {
    for (const [argv, says] of [
      [['-c', 'config.yaml'], /no option "-c"\. Did you mean: framegate serve -c config\.yaml\?/],
      [['config.yaml'], /Did you mean: framegate serve config\.yaml\?/],
      [['start'], /Did you mean: framegate serve\?/],
      [['-t'], /Did you mean: framegate check\?/],
      [['-s', 'reload'], /Did you mean: framegate reload/],
      [['--verison'], /Did you mean: framegate (--)?version\?/],
    ] as const) {
      const { exitCode, stderr } = await run(...argv);
      assert.equal(exitCode, 1);
      assert.match(stderr, says);
    }
  });

  test('a command like no other gets no suggestion', async () => {
    const { exitCode, stderr } = await run('xylophone');
    assert.equal(exitCode, 1);
    assert.doesNotMatch(stderr, /Did you mean/);
  });

  test('an unknown option is a sentence without a stack', async () => {
    const { exitCode, stderr } = await run('demo', '--port', '1');
    assert.equal(exitCode, 1);
    assert.match(stderr, /there is no option --port\./);
    assert.doesNotMatch(stderr, /positional/);
    assert.doesNotMatch(stderr, /^\s+at /m);
  });
});

suite('framegate demo', () => {
  const children: ChildProcess[] = [];
  after(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  test('serves until SIGTERM, lets the running call finish and exits with 0', async () => {
    const child = start('demo', '--address', '127.0.0.1:0');
    children.push(child);
    const [line] = await once(child.stdout, 'data');
    const address = /listens on (\S+)/.exec(String(line))?.[1];
    assert.ok(address !== undefined, String(line));

    const client = connectVoiceClient({ address });
    const stream = client.streamAudio();
    await stream.headers;
    child.kill('SIGTERM');
    stream.send({ sequence: 1 });
    assert.equal((await stream.next())?.sequence, 1);
    stream.finish();
    assert.equal((await stream.outcome).code, 0);
    client.close();
    const [exitCode] = await once(child, 'exit');
    assert.equal(exitCode, 0);
  });

  test('says which port is in use and what to do', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const bound = taken.address();
    assert.ok(bound !== null && typeof bound === 'object');
    const { port } = bound;
    const { exitCode, stdout, stderr } = await run('demo', '--address', `127.0.0.1:${port}`);
    assert.equal(exitCode, 1);
    assert.equal(stdout, '');
    assert.equal(
      stderr,
      `framegate demo: 127.0.0.1:${port} is in use; stop what listens there or choose another with --address HOST:PORT\n`,
    );
    taken.close();
  });
});
