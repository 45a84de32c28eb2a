import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { eventually, START_TIMEOUT_MS } from './eventually.ts';

const lanesFile = join(import.meta.dirname, 'lanes.ts');

/** Each lane waits for the file that the other writes, so that they end only side by side. */
const LANE = `
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
const [own, other, code] = process.argv.slice(2);
const path = (name) => join(import.meta.dirname, name);
console.log(own + ' begins');
writeFileSync(path(own), '');
const waiting = setInterval(() => {
  if (!existsSync(path(other))) return;
  clearInterval(waiting);
  console.log(own + ' ends');
  process.send({ from: own });
  process.disconnect();
  process.exitCode = Number(code);
}, 5);
`;

async function runTwo(t: TestContext, codes: readonly [string, string]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-lanes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'lane.mjs'), LANE);
  writeFileSync(
    join(folder, 'run.mjs'),
    `import { runLanes } from ${JSON.stringify(lanesFile)};
const ends = await runLanes(${JSON.stringify(join(folder, 'lane.mjs'))}, [
  { name: 'first', args: ['a', 'b', '${codes[0]}'] },
  { name: 'second', args: ['b', 'a', '${codes[1]}'] },
]);
console.log(JSON.stringify(ends));
`,
  );
  const child = spawn(process.execPath, [join(folder, 'run.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
  return text(child.stdout);
}

test('lanes run side by side, and the output of each is printed whole', async (t) => {
  const output = await runTwo(t, ['0', '0']);
  assert.match(output, /a begins\na ends\n/);
  assert.match(output, /b begins\nb ends\n/);
  const ends: unknown = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '');
  assert.deepEqual(ends, [
    { name: 'first', hasSucceeded: true, isInterrupted: false, messages: [{ from: 'a' }] },
    { name: 'second', hasSucceeded: true, isInterrupted: false, messages: [{ from: 'b' }] },
  ]);
});

test('a lane that fails is named, and does not end the others', async (t) => {
  const output = await runTwo(t, ['3', '0']);
  assert.match(output, /^-- first: \d+:\d\d minutes; FAILED: it ended with 3$/m);
  assert.match(output, /^-- second: \d+:\d\d minutes$/m);
  const ends: unknown = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '');
  assert.deepEqual(ends, [
    { name: 'first', hasSucceeded: false, isInterrupted: false, messages: [{ from: 'a' }] },
    { name: 'second', hasSucceeded: true, isInterrupted: false, messages: [{ from: 'b' }] },
  ]);
});

test('a lane that crashes has failed, and was not interrupted', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-lanes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const lane = join(folder, 'lane.mjs');
  writeFileSync(lane, 'process.kill(process.pid, process.argv[2]);\nsetInterval(() => undefined, 1000);\n');
  const signals = ['SIGABRT', 'SIGKILL'];
  writeFileSync(
    join(folder, 'run.mjs'),
    `import { runLanes } from ${JSON.stringify(lanesFile)};
const lanes = ${JSON.stringify(signals.map((signal) => ({ name: signal, args: [signal] })))};
const ends = await runLanes(${JSON.stringify(lane)}, lanes);
console.log(JSON.stringify(ends.map(({ hasSucceeded, isInterrupted }) => [hasSucceeded, isInterrupted])));
`,
  );
  const child = spawn(process.execPath, [join(folder, 'run.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const output = await text(child.stdout);
  assert.match(output, /SIGABRT: .*; FAILED: it ended with SIGABRT/);
  assert.equal(output.trimEnd().split('\n').at(-1), '[[false,false],[false,false]]');
});

test('a signal reaches every lane, and each says that it was interrupted', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-lanes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(
    join(folder, 'lane.mjs'),
    `import { writeFileSync } from 'node:fs';
setInterval(() => undefined, 1000);
writeFileSync(process.argv[2], '');
`,
  );
  const begun = [join(folder, 'first'), join(folder, 'second')];
  writeFileSync(
    join(folder, 'run.mjs'),
    `import { runLanes } from ${JSON.stringify(lanesFile)};
const lanes = ${JSON.stringify(begun.map((file) => ({ name: file, args: [file] })))};
const ends = await runLanes(${JSON.stringify(join(folder, 'lane.mjs'))}, lanes);
console.log(JSON.stringify(ends.map(({ isInterrupted }) => isInterrupted)));
`,
  );
  const child = spawn(process.execPath, [join(folder, 'run.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const output = text(child.stdout);
  await eventually('both lanes run', () => begun.every((file) => existsSync(file)), START_TIMEOUT_MS);
  child.kill('SIGTERM');
  assert.equal((await output).trimEnd().split('\n').at(-1), '[true,true]');
});
