import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryPair } from '../../src/transport/memory-pair.ts';
import { eventually } from '../support/eventually.ts';

function listenTo(end: ReturnType<typeof memoryPair>[number]) {
  const heard = { text: '', isEnded: false };
  end.on('data', (chunk: Buffer) => {
    heard.text += chunk.toString();
  });
  end.on('end', () => {
    heard.isEnded = true;
  });
  return heard;
}

test('what is written to one end is read from the other, not during the write', async () => {
  const [one, other] = memoryPair();
  const heard = listenTo(other);
  one.write('a');
  one.write('b');
  assert.equal(heard.text, '');
  await eventually('it arrives', () => heard.text === 'ab');
});

test('an end is passed on, and the other direction goes on', async () => {
  const [one, other] = memoryPair();
  const atOther = listenTo(other);
  const atOne = listenTo(one);
  one.end('last');
  await eventually('the end arrives', () => atOther.isEnded);
  other.write('answer');
  await eventually('the answer arrives', () => atOne.text === 'answer');
  assert.deepEqual([one.destroyed, other.destroyed], [false, false]);
  other.end();
  await eventually('both are over', () => one.destroyed && other.destroyed);
});

test('an end that is destroyed takes the other with it, without an error', async () => {
  const [one, other] = memoryPair();
  let isClosed = false;
  other.on('close', () => {
    isClosed = true;
  });
  one.destroy();
  await eventually('the other end closes', () => isClosed);
});

test('a writer is held up until the reader takes it', async () => {
  const [one, other] = memoryPair();
  const block = Buffer.alloc(100_000);
  let written = 0;
  while (written < 100 && one.write(block)) written++;
  for (let count = 0; count < 20; count++) one.write(block);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.ok(one.writableNeedDrain);
  let received = 0;
  other.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await eventually('everything arrives', () => !one.writableNeedDrain && received >= 20 * block.length);
});

test('the writer may use its buffer again once the write is done', async () => {
  const [one, other] = memoryPair();
  const buffer = Buffer.from('first');
  await new Promise((resolve) => {
    one.write(buffer, resolve);
  });
  buffer.write('other');
  const heard = listenTo(other);
  await eventually('what was written arrives', () => heard.text === 'first');
});
