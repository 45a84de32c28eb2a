import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { ProxyLog } from '../../scripts/proxy-log.ts';
import { eventually } from '../support/eventually.ts';

const INFO = 30;
const WARN = 40;

function printed(context: TestContext): { output: PassThrough; log: ProxyLog; text: () => string } {
  let text = '';
  context.mock.method(process.stdout, 'write', (piece: string | Uint8Array) => {
    text += typeof piece === 'string' ? piece : Buffer.from(piece).toString();
    return true;
  });
  const output = new PassThrough();
  return { output, log: new ProxyLog(output), text: () => text };
}

function line(level: number, msg: string, time: number): string {
  return `${JSON.stringify({ level, time, msg })}\n`;
}

test('before the proof only warnings are printed', async (context) => {
  const { output, text } = printed(context);
  output.write(line(INFO, 'listener is open', Date.now()) + line(WARN, 'be warned', Date.now()));
  await eventually('the warning is printed', () => text().includes('be warned'));
  assert.ok(!text().includes('listener is open'));
});

test('what was logged before the proof and comes after it is not printed', async (context) => {
  const { output, log, text } = printed(context);
  const before = Date.now() - 100;
  log.open();
  output.write(line(INFO, 'listener is open', before) + line(INFO, 'a call', Date.now()));
  await eventually('the call is printed', () => text().includes('a call'));
  assert.ok(!text().includes('listener is open'));
});

test('all that was kept is printed where something fails', async (context) => {
  const { output, log, text } = printed(context);
  output.write(line(INFO, 'listener is open', Date.now()) + line(WARN, 'be warned', Date.now()));
  await eventually('both have come', () => text().includes('be warned'));
  log.release();
  assert.match(text(), /listener is open/);
});

test('a line that is no record, such as a text of Node, is printed at once', async (context) => {
  const { output, text } = printed(context);
  output.write('node: bad option\n');
  await eventually('it is printed', () => text().includes('bad option'));
});
