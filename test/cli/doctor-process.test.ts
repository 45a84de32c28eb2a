// framegate doctor while the process that makes its checks is ended, or the doctor itself is.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folderOf, healthyConfig, startSocketPeer } from '../doctor/patient.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { childOf, firstChildOf, holdsConnection, isAlive, noProcessTree } from '../support/process-tree.ts';
import { startDemo } from '../support/proxy-under-test.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const skip = noProcessTree;
const SECRET = 'Tr0ub4dor-and-three';

interface Doctor {
  readonly pid: number;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  stdout(): string;
  stderr(): string;
}

function startDoctor(t: TestContext, argv: readonly string[], input = ''): Doctor {
  const child = spawn(process.execPath, [main, 'doctor', ...argv], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, FORCE_COLOR: undefined },
  });
  t.after(() => child.kill('SIGKILL'));
  child.stdin.end(input);
  const [out, errors]: [string[], string[]] = [[], []];
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => errors.push(bytes.toString()));
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  const { pid } = child;
  assert.ok(pid !== undefined);
  return { pid, ended, stdout: () => out.join(''), stderr: () => errors.join('') };
}

/** A peer that accepts connections and says nothing. @param onSocket is told of the port of each client @returns its address */
function startSilence(t: TestContext, onSocket: (port: number) => void): Promise<string> {
  return startSocketPeer(t, (socket) => {
    const { remotePort } = socket;
    socket.resume();
    if (remotePort !== undefined) onSocket(remotePort);
  });
}

test('a check during which its process ends has no result, and the rest is reported', { skip }, async (t) => {
  const killed = new Set<number>();
  let doctor: Doctor | undefined;
  // Each process that examines the target ends as if Node had aborted in it.
  const target = await startSilence(t, (port) => {
    const pid = doctor && firstChildOf(doctor.pid);
    // A connection may be one of a process that has ended meanwhile.
    if (pid === undefined || killed.has(pid) || !holdsConnection(pid, port)) return;
    killed.add(pid);
    process.kill(pid, 'SIGABRT');
  });
  const config = await healthyConfig((await startDemo(t)).address);
  // What can be read only once reaches each of the processes.
  doctor = startDoctor(t, ['-c', '-', '--json', target], JSON.stringify(config));
  const { code } = await doctor.ended;
  assert.equal(doctor.stderr(), '');
  assert.equal(code, 1);
  const { ok, checks }: { ok: boolean; checks: ShownCheck[] } = JSON.parse(doctor.stdout());
  const verdictOf = (id: RegExp): string => checks.find((check) => id.test(check.id))?.verdict ?? 'missing';
  assert.deepEqual([ok, verdictOf(/^target\.protocol$/)], [false, 'failed']);
  const found = checks.find(({ id }) => id === 'target.protocol');
  assert.match(
    found?.findings[0]?.text ?? '',
    /^this check was under way when the process that makes the checks ended \(SIGABRT\), so it has no result/,
  );
  assert.ok(killed.size >= 1 && killed.size <= 2, `${killed.size} processes have ended`);
  assert.equal(verdictOf(/^target\.call$/), 'skipped');
  assert.match(verdictOf(/^config\.usable$/), /^(?:ok|note|warning)$/);
  // On a busy machine others may fail by their own limits of a few seconds, but no other one for want of a process.
  for (const id of [/^ports\./, /^upstream\..*\.health$/, /^through\.route\.voice$/, /^host\./])
    assert.notEqual(verdictOf(id), 'missing', `${id}`);
  for (const { id, findings, skippedBecause = '' } of checks)
    if (id !== 'target.protocol' && !id.startsWith('guesses.'))
      assert.doesNotMatch(
        [skippedBecause, ...findings.map(({ text }) => text)].join('\n'),
        /has no result|has not reported|have ended 5 times/,
        id,
      );
});

interface ShownCheck {
  readonly id: string;
  readonly verdict: string;
  readonly findings: readonly { readonly text: string }[];
  readonly skippedBecause?: string;
}

/** The doctor while it examines a peer that says nothing. */
async function whileItExamines(t: TestContext, ...argv: readonly string[]): Promise<[Doctor, number]> {
  let connections = 0;
  const target = await startSilence(t, () => connections++);
  const doctor = startDoctor(t, [...argv, '--only', 'target', target]);
  await eventually('the target is examined', () => connections > 0, START_TIMEOUT_MS);
  const child = await childOf(doctor.pid);
  t.after(() => {
    if (isAlive(child)) process.kill(child, 'SIGKILL');
  });
  return [doctor, child];
}

test('the text names the check, with what to do, and then goes on', { skip }, async (t) => {
  const [doctor, child] = await whileItExamines(t);
  process.kill(child, 'SIGSEGV');
  assert.equal((await doctor.ended).code, 1);
  assert.match(
    doctor.stdout(),
    /✖ 127\.0\.0\.1:\d+: serves HTTP\/2\n {4}✖ this check was under way when .*\(SIGSEGV\)/,
  );
  assert.match(doctor.stdout(), /→ make it alone: --only target\.protocol/);
  assert.match(doctor.stdout(), /relays gRPC calls\n {4}skipped because “127/);
  assert.match(doctor.stdout(), /1 failed, 0 warnings, 0 passed, 2 skipped/);
});

test('header fields reach the process that makes checks by no argument and no variable', {
  skip,
}, async (t) => {
  const file = join(folderOf(t), 'token.txt');
  writeFileSync(file, SECRET);
  const [doctor, child] = await whileItExamines(t, '--header', `x-api-key:@${file}`);
  for (const name of ['cmdline', 'environ'])
    assert.ok(!readFileSync(`/proc/${child}/${name}`, 'latin1').includes(SECRET), name);
  process.kill(child, 'SIGABRT');
  await doctor.ended;
  assert.ok(!`${doctor.stdout()}${doctor.stderr()}`.includes(SECRET));
});

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test(`${signal} ends the doctor at once, and the process that makes its checks`, { skip }, async (t) => {
    // By itself the process would hold a stream for an hour.
    const file = join(folderOf(t), 'config.yaml');
    writeFileSync(file, JSON.stringify(await healthyConfig((await startDemo(t)).address)));
    const [doctor, child] = await whileItExamines(t, '-c', file, '--only', 'hold', '--hold', '3600');
    process.kill(doctor.pid, signal);
    assert.deepEqual(await doctor.ended, { code: null, signal });
    await eventually('the process that makes checks has ended', () => !isAlive(child), START_TIMEOUT_MS);
  });
}
