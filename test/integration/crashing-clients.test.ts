// A client that ends workers by what it sends, again and again: others are served all the time. The fault that lets it do so is
// put into the workers here; Framegate is not meant to have one.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { ProxyProcess } from '../support/proxy-process.ts';
import { proxyConfigText, startDemo } from '../support/proxy-under-test.ts';
import { connectRawClient } from '../support/raw-client.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');
const PATIENCE_MS = 120_000;
const KILLER = '127.0.0.2';
const DEADLY = 'kill this worker';
const EMPTY_MESSAGE = Buffer.alloc(5);

/** Loaded in front of every process; workers get a fault by it. */
const FAULT = `
import { Socket } from 'node:net';
if (process.argv[2] === 'worker') {
  const push = Socket.prototype.push;
  Socket.prototype.push = function (chunk, ...rest) {
    if (chunk?.includes?.(${JSON.stringify(DEADLY)})) HOW;
    return push.call(this, chunk, ...rest);
  };
}`;
const BY_AN_ERROR = "throw new Error('a fault that a client has found')";
const WITHOUT_A_WORD = "process.kill(process.pid, 'SIGKILL')";

async function started(t: TestContext, fault: string): Promise<ProxyProcess> {
  const demo = await startDemo(t);
  const folder = mkdtempSync(join(tmpdir(), 'framegate-crashing-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const module = join(folder, 'fault.mjs');
  writeFileSync(module, FAULT.replace('HOW', fault));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, await proxyConfigText({ endpoints: [demo.address], sections: { workers: 2 } }));
  const child = spawn(process.execPath, ['--import', module, mainFile, 'serve', '-c', file], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill('SIGKILL'));
  const proxy = new ProxyProcess(child, '');
  const serves = (): boolean => saying(proxy, 'framegate serves').length > 0;
  await eventually('the proxy serves', serves, START_TIMEOUT_MS);
  return proxy;
}

function saying(proxy: ProxyProcess, text: string): readonly Readonly<Record<string, unknown>>[] {
  return proxy.lines().filter(({ msg }) => String(msg).startsWith(text));
}

/** Comes again as soon as it is cut off, until it is told to stop. */
function keepKilling(t: TestContext, port: number): () => void {
  let isOver = false;
  const attack = (): void => {
    if (isOver) return;
    const socket = connect({ host: '127.0.0.1', port, localAddress: KILLER }, () => socket.write(DEADLY));
    socket.on('error', () => undefined);
    socket.on('close', attack);
    t.after(() => socket.destroy());
  };
  attack();
  const stop = (): void => {
    isOver = true;
  };
  t.after(stop);
  return stop;
}

/** @returns the status of a call on a connection of its own; rejects when that is cut off */
async function probe(port: number): Promise<string> {
  const client = await connectRawClient({ port });
  try {
    return (await client.outcome(client.call({ body: EMPTY_MESSAGE }))).grpcStatus ?? '';
  } finally {
    client.destroy();
  }
}

test('who ends workers by what he sends is kept to one of them, and every call of others is served', async (t) => {
  const proxy = await started(t, BY_AN_ERROR);
  const port = await proxy.port('clear');
  keepKilling(t, port);
  const [line] = await eventually(
    'it is known who does it',
    () => {
      const lines = saying(proxy, 'a worker dies by what this client has sent');
      return lines.length > 0 && lines;
    },
    PATIENCE_MS,
  );
  assert.equal(line['client'], KILLER);
  // From here on each of his connections meets the worker that is kept for him.
  const deaths = () => saying(proxy, 'a worker died');
  await eventually(
    'the second worker serves',
    async () => (await probe(port).catch(() => '')) === '0',
    PATIENCE_MS,
  );
  const before = deaths().length;
  let probes = 0;
  await eventually(
    'the killer goes on, and every probe is answered',
    async () => {
      assert.equal(await probe(port), '0', `probe ${probes}`);
      probes++;
      return deaths().length >= before + 3 && probes >= 30;
    },
    PATIENCE_MS,
  );
  const late = deaths().slice(before);
  assert.deepEqual(new Set(late.map(({ worker }) => worker)), new Set([1]), 'nobody else dies by him');
  const putOff = saying(proxy, 'the worker ended soon after its start');
  assert.ok(putOff.every(({ worker }) => worker === 1));
  assert.equal(saying(proxy, 'a worker dies by what this client has sent').length, 1, 'said once');
});

test('workers that had carried connections are started again at once, however often they die', async (t) => {
  const proxy = await started(t, WITHOUT_A_WORD);
  const port = await proxy.port('clear');
  const stop = keepKilling(t, port);
  await eventually('ten have died', () => saying(proxy, 'a worker died').length >= 10, PATIENCE_MS);
  stop();
  assert.deepEqual(saying(proxy, 'the worker ended soon after its start'), []);
  await eventually('calls are served', async () => (await probe(port).catch(() => '')) === '0', PATIENCE_MS);
});
