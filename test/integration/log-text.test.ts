// `log.format: text` and a terminal: the process that prints the log and the proxy are one to the outside.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { proxyConfigText, startDemo } from '../support/proxy-under-test.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');
const PATIENCE_MS = 60_000;

async function configFor(t: TestContext, sections: object, endpoints = ['127.0.0.1:1']): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-log-text-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, await proxyConfigText({ endpoints, sections: { workers: 1, ...sections } }));
  return file;
}

interface Shown {
  readonly child: ChildProcess;
  readonly text: () => string;
  readonly has: (text: string) => Promise<boolean>;
  readonly exit: () => Promise<number | null>;
}

function show(t: TestContext, program: string, argv: readonly string[]): Shown {
  const child = spawn(program, argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  // The proxy is a child of this process, and drains when it is killed.
  t.after(() => child.kill('SIGKILL'));
  let shown = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      shown += bytes.toString();
    });
  return {
    child,
    text: () => shown,
    has: (text) => eventually(`it shows: ${text}`, () => shown.includes(text), START_TIMEOUT_MS),
    exit: async () => {
      await eventually('it ends', () => child.exitCode !== null || child.signalCode !== null, PATIENCE_MS);
      return child.exitCode;
    },
  };
}

function serve(t: TestContext, file: string): Shown {
  return show(t, process.execPath, [mainFile, 'serve', '-c', file]);
}

const asText = { log: { format: 'text' } };

test('log.format: text prints text without colours, a call as a sentence, and all that is left at the end', async (t) => {
  const service = await startDemo(t);
  const shown = serve(t, await configFor(t, { ...asText, workers: 2 }, [service.address]));
  await shown.has('framegate serves');
  const [, address = ''] = /listener is open listener=clear address=(\S+)/.exec(shown.text()) ?? [];
  const client = connectVoiceClient({ address });
  t.after(() => client.close());
  await client.say({ text: 'hello' });
  await shown.has('/Say OK');
  client.close();
  shown.child.kill('SIGTERM');
  assert.equal(await shown.exit(), 0);
  await shown.has(' INFO  stopped\n');
  assert.match(
    shown.text(),
    /INFO {2}\/voice\.VoiceAssistant\/Say OK in [\d.]+ ms by 127\.0\.0\.1:\d+, for /,
  );
  for (const none of ['\u001b', '{']) assert.ok(!shown.text().includes(none), shown.text());
});

test('signals are passed on: a second one ends at once with exit code 1', async (t) => {
  const shown = serve(t, await configFor(t, { ...asText, drain: { delay: '1h' } }));
  await shown.has('framegate serves');
  shown.child.kill('SIGHUP');
  await shown.has('configuration reloaded');
  shown.child.kill('SIGTERM');
  await shown.has('SIGTERM: stopping');
  shown.child.kill('SIGINT');
  assert.equal(await shown.exit(), 1);
  await shown.has('a second signal: the process ends now');
});

test('a reader that has left ends nothing', async (t) => {
  const admin = { admin: { address: '127.0.0.1:0' } };
  const shown = serve(t, await configFor(t, { ...asText, ...admin }));
  await shown.has('framegate serves');
  const [, address] = /admin server listens address=(\S+)/.exec(shown.text()) ?? [];
  shown.child.stdout?.destroy();
  for (let count = 0; count < 3; count++) {
    assert.equal((await fetch(`http://${address}/api/reload`, { method: 'POST' })).status, 200);
    assert.equal((await fetch(`http://${address}/ready`)).status, 200);
  }
  shown.child.kill('SIGTERM');
  assert.equal(await shown.exit(), 0);
});

test('when the process that prints is killed, the proxy ends', async (t) => {
  const shown = serve(t, await configFor(t, asText));
  await shown.has('framegate serves');
  const { pid } = shown.child;
  const [proxy] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  shown.child.kill('SIGKILL');
  await eventually('the proxy ends', () => !isAlive(proxy), PATIENCE_MS);
});

function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('a configuration by standard input is read, and the log stays JSON and says why', async (t) => {
  const shown = serve(t, '-');
  shown.child.stdin?.end(await proxyConfigText({ sections: { workers: 1, ...asText } }));
  await shown.has('"msg":"framegate serves"');
  assert.match(shown.text(), /the log stays JSON lines, though log\.format is text: .* by a pipe/);
  shown.child.kill('SIGTERM');
  assert.equal(await shown.exit(), 0);
});

test('text and a file do not go together', async (t) => {
  const file = await configFor(t, { log: { format: 'text', file: 'x.log' } });
  const { status, stderr } = spawnSync(process.execPath, [mainFile, 'serve', '-c', file], {
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  assert.match(stderr, /config\.yaml:1:\d+ log\.format – text is for standard output/);
});

/** Runs its arguments on a terminal of their own, shows what comes, and types what it reads. */
const ON_A_TERMINAL = `
import os, pty, sys
def typed(fd):
    return os.read(fd, 1)
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 65536), typed)))
`;
const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0;

test('a terminal gets colours, and one Ctrl-C is one stop', { skip: !hasPython }, async (t) => {
  const file = await configFor(t, {});
  const argv = [
    '-c',
    ON_A_TERMINAL,
    'env',
    '-u',
    'NO_COLOR',
    '-u',
    'CI',
    'TERM=xterm-256color',
    process.execPath,
  ];
  const shown = show(t, 'python3', [...argv, mainFile, 'serve', '-c', file]);
  await shown.has('framegate serves');
  assert.ok(shown.text().includes('\u001b[32mINFO'), shown.text());
  shown.child.stdin?.write('\u0003');
  assert.equal(await shown.exit(), 0);
  assert.match(shown.text(), /SIGINT: stopping/);
  assert.doesNotMatch(shown.text(), /a second signal/);
});
