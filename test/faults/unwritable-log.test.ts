// The log cannot be written: a full disk, a file that may not grow, a reader that has left. No call is held up, what is lost is
// counted, and standard error says so once.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { ChildProxy } from '../support/child-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startDemo } from '../support/proxy-under-test.ts';
import { connectVoiceClient } from '../support/voice-client.ts';

async function metric(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}

function complaintsIn(file: string): readonly string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('framegate: the log '));
}

interface Unwritable {
  readonly proxy: ChildProxy;
  readonly adminPort: number;
  readonly folder: string;
  /** Calls until the log has had to write. */
  readonly call: () => Promise<void>;
}

/** @param redirection with LOG and ERRORS for files */
async function startUnwritable(t: TestContext, redirection: string, workers = 1): Promise<Unwritable> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const demo = await startDemo(t);
  const adminPort = await freePort();
  const proxy = await ChildProxy.start(t, {
    endpoints: [demo.address],
    // Files may have 400 KiB, or half of it where the shell counts otherwise: more than one buffer of the log holds. The limit holds
    // for the files of a compile cache too, and a signal at the end of a process would end it.
    shell: 'export NODE_DISABLE_COMPILE_CACHE=1; ulimit -f 400;',
    redirection: redirection.replace('LOG', join(folder, 'log')).replace('ERRORS', join(folder, 'errors')),
    sections: { workers, admin: { address: `127.0.0.1:${adminPort}` } },
  });
  const client = connectVoiceClient({ address: `127.0.0.1:${proxy.port}` });
  t.after(() => client.close());
  const call = async (): Promise<void> => {
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => client.say({ text: 'x' })));
    assert.ok(outcomes.every(({ code }) => status[code] === 'OK'));
  };
  return { proxy, adminPort, folder, call };
}

const UNWRITABLE: readonly (readonly [what: string, redirection: string, code: string])[] = [
  ['a full disk', '>/dev/full 2>ERRORS', 'ENOSPC'],
  ['a file that may not grow', '>>LOG 2>ERRORS', 'EFBIG'],
  ['a pipe whose reader has left', '2>ERRORS | true', 'EPIPE'],
];

for (const [what, redirection, code] of UNWRITABLE) {
  test(`a log that cannot be written, on ${what}, is counted and told once on standard error`, async (t) => {
    const { adminPort, folder, call } = await startUnwritable(t, redirection);
    const errors = join(folder, 'errors');
    await eventually('writes fail', async () => {
      await call();
      return (await metric(adminPort, 'framegate_log_write_failures_total')) >= 2;
    });
    const [complaint, ...more] = complaintsIn(errors);
    assert.match(complaint, new RegExp(`^framegate: the log cannot be written \\(${code}: `));
    assert.deepEqual(more, []);
  });
}

test('a log that can be written again is told on standard error, and nothing is missing in it', async (t) => {
  const { adminPort, folder, call } = await startUnwritable(t, '>>LOG 2>ERRORS');
  const failures = () => metric(adminPort, 'framegate_log_write_failures_total');
  await eventually('writes fail', async () => {
    await call();
    return (await failures()) >= 1;
  });
  const log = join(folder, 'log');
  const kept = readFileSync(log, 'utf8');
  truncateSync(log);
  const lines = await eventually('it is written again', () => {
    const complaints = complaintsIn(join(folder, 'errors'));
    return complaints.length > 1 && complaints;
  });
  assert.equal(lines[1], 'framegate: the log is written again; 0 records were dropped meanwhile.');
  assert.equal(lines.length, 2);
  // What was cut in the middle of a line goes on where it was cut.
  const all = kept + readFileSync(log, 'utf8');
  for (const line of all.split('\n').slice(0, -1)) assert.equal(typeof JSON.parse(line), 'object');
});

test('what the first process could not write is counted as well', async (t) => {
  const { adminPort, folder } = await startUnwritable(t, '>/dev/full 2>ERRORS', 2);
  // No worker has written anything yet.
  await eventually(
    'writes fail',
    async () => (await metric(adminPort, 'framegate_log_write_failures_total')) >= 1,
  );
  assert.match(complaintsIn(join(folder, 'errors'))[0], /ENOSPC/);
});

test('an outage that several processes notice is told once, and what a replaced worker loses is counted', async (t) => {
  const { proxy, adminPort, folder, call } = await startUnwritable(t, '>/dev/full 2>ERRORS', 2);
  // Ten batches: far fewer records than a process keeps.
  let batches = 0;
  await eventually('each process has failed', async () => {
    if (batches++ < 10) await call();
    return (await metric(adminPort, 'framegate_log_write_failures_total')) >= 9;
  });
  assert.equal(complaintsIn(join(folder, 'errors')).length, 1);
  assert.equal(await metric(adminPort, 'framegate_log_records_dropped_total'), 0);
  assert.ok((await metric(adminPort, 'framegate_log_waiting_bytes')) > 0);
  proxy.signal('SIGUSR2');
  const dropped = await eventually('what the first workers have lost is counted', async () => {
    const records = await metric(adminPort, 'framegate_log_records_dropped_total');
    return records >= 50 && records;
  });
  assert.ok(dropped >= 50);
});

test('records that are lost with the end of the process are told, with their number', async (t) => {
  const { proxy, folder, call } = await startUnwritable(t, '>/dev/full 2>ERRORS');
  await call();
  proxy.signal('SIGTERM');
  assert.equal(await proxy.exit(), 0);
  const text = readFileSync(join(folder, 'errors'), 'utf8');
  const [, records] =
    /the process ends, and the last (\d+) records of the log are lost \(ENOSPC/.exec(text) ?? [];
  assert.ok(Number(records) >= 50, text);
});

test('log and standard error on the same full disk end nothing', async (t) => {
  const { proxy, call } = await startUnwritable(t, '>/dev/full 2>&1', 2);
  for (let batch = 0; batch < 3; batch++) await call();
  assert.equal(proxy.hasExited, false);
  proxy.signal('SIGTERM');
  assert.equal(await proxy.exit(), 0);
});
