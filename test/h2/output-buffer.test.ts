// Slabs: growth, order, reuse, and that no byte of one connection reaches another.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutputBuffer, type Slab } from '../../src/h2/output-buffer.ts';

const SMALL = 4_096;
/** A large slab holds at least this. */
const LARGE = 65_536;

function newOutput(): { output: OutputBuffer; events: string[] } {
  const events: string[] = [];
  const output = new OutputBuffer({
    outputBegins: () => events.push('begins'),
    slabIsFull: () => events.push('full'),
  });
  return { output, events };
}

function write(output: OutputBuffer, bytes: Buffer): void {
  bytes.copy(output.reserve(bytes.length), output.position);
  output.position += bytes.length;
}

function takeAll(output: OutputBuffer): Slab[] {
  const slabs: Slab[] = [];
  for (let slab = output.takeSlab(); slab !== undefined; slab = output.takeSlab()) slabs.push(slab);
  return slabs;
}

function bytesOf(slabs: readonly Slab[]): Buffer {
  return Buffer.concat(slabs.map((slab) => slab.bytes.subarray(0, slab.length)));
}

/** Bytes that differ from their neighbours, so that a shift shows. */
function counted(length: number, seed = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 7 + (index >>> 8) + seed) & 0xff));
}

test('an idle output holds no slab', () => {
  const { output, events } = newOutput();
  assert.equal(output.bytes.length, 0);
  assert.equal(output.pendingBytes, 0);
  assert.equal(output.takeSlab(), undefined);
  assert.deepEqual(events, []);
});

test('the sink hears once that output begins, and again after it was taken', () => {
  const { output, events } = newOutput();
  write(output, counted(10));
  write(output, counted(5_000));
  assert.deepEqual(events, ['begins']);
  takeAll(output).forEach((slab) => output.releaseSlab(slab));
  write(output, counted(10));
  assert.deepEqual(events, ['begins', 'begins']);
});

test('a little output goes into a small slab, more moves to a large one', () => {
  const { output } = newOutput();
  const bytes = counted(SMALL + 1);
  write(output, bytes.subarray(0, SMALL));
  assert.equal(output.bytes.length, SMALL);
  write(output, bytes.subarray(SMALL));
  assert.ok(output.bytes.length >= LARGE);
  const slabs = takeAll(output);
  assert.equal(slabs.length, 1);
  assert.deepEqual(bytesOf(slabs), bytes);
});

test('a first frame above the small size gets a large slab at once', () => {
  const { output } = newOutput();
  output.reserve(SMALL + 1);
  assert.ok(output.bytes.length >= LARGE);
});

test('several slabs come out in the order they were written', () => {
  const { output, events } = newOutput();
  const pieces = Array.from({ length: 9 }, (_, index) => counted(30_000, index));
  for (const piece of pieces) write(output, piece);
  assert.equal(output.pendingBytes, 270_000);
  const slabs = takeAll(output);
  assert.deepEqual(
    slabs.map((slab) => slab.length),
    [60_000, 60_000, 60_000, 60_000, 30_000],
  );
  assert.deepEqual(bytesOf(slabs), Buffer.concat(pieces));
  assert.deepEqual(events, ['begins', 'full', 'full', 'full', 'full']);
});

test('the sink may take the full slab from within slabIsFull', () => {
  const taken: Slab[] = [];
  const output: OutputBuffer = new OutputBuffer({
    outputBegins: () => undefined,
    slabIsFull: () => taken.push(...takeAll(output)),
  });
  const pieces = Array.from({ length: 7 }, (_, index) => counted(30_000, index));
  for (const piece of pieces) write(output, piece);
  taken.push(...takeAll(output));
  assert.deepEqual(bytesOf(taken), Buffer.concat(pieces));
});

test('the sink that takes and releases within slabIsFull spoils nothing', () => {
  const received: Buffer[] = [];
  const drain = (): void => {
    for (const slab of takeAll(output)) {
      received.push(Buffer.from(slab.bytes.subarray(0, slab.length)));
      output.releaseSlab(slab);
    }
  };
  const output: OutputBuffer = new OutputBuffer({ outputBegins: () => undefined, slabIsFull: drain });
  const pieces = Array.from({ length: 7 }, (_, index) => counted(30_000, index));
  for (const piece of pieces) write(output, piece);
  drain();
  assert.deepEqual(Buffer.concat(received), Buffer.concat(pieces));
  assert.equal(output.pendingBytes, 0);
});

test('what was taken stays pending until it is released', () => {
  const { output } = newOutput();
  write(output, counted(100));
  const slab = output.takeSlab();
  assert.ok(slab);
  assert.equal(output.pendingBytes, 100);
  write(output, counted(20));
  assert.equal(output.pendingBytes, 120);
  output.releaseSlab(slab);
  assert.equal(output.pendingBytes, 20);
});

test('a taken slab keeps its bytes while more is written', () => {
  const { output } = newOutput();
  const first = counted(100, 1);
  write(output, first);
  const slab = output.takeSlab();
  write(output, counted(100, 2));
  assert.deepEqual(bytesOf(slab === undefined ? [] : [slab]), first);
});

test('a released slab is used again, and its old bytes are not sent', () => {
  const first = newOutput().output;
  write(first, Buffer.alloc(3_000, 'secret of another connection'));
  const [slab] = takeAll(first);
  first.releaseSlab(slab);
  const second = newOutput().output;
  write(second, Buffer.from('mine'));
  assert.equal(second.bytes, slab.bytes);
  assert.equal(bytesOf(takeAll(second)).toString(), 'mine');
});

test('large slabs are used again too', () => {
  const { output } = newOutput();
  write(output, counted(10_000));
  const [slab] = takeAll(output);
  output.releaseSlab(slab);
  write(output, counted(9_000, 5));
  assert.equal(output.bytes, slab.bytes);
  assert.deepEqual(bytesOf(takeAll(output)), counted(9_000, 5));
});

test('no slab is handed to two outputs at a time', () => {
  const outputs = Array.from({ length: 50 }, () => newOutput().output);
  outputs.forEach((output, index) => write(output, counted(5_000, index)));
  outputs.forEach((output, index) => assert.deepEqual(bytesOf(takeAll(output)), counted(5_000, index)));
});

test('a burst of slabs is not kept for ever', () => {
  const outputs = Array.from({ length: 1_200 }, () => newOutput().output);
  for (const output of outputs) write(output, counted(1));
  const known = new Set(outputs.map((output) => output.bytes));
  for (const output of outputs) write(output, counted(SMALL));
  const later = Array.from({ length: 1_200 }, () => newOutput().output);
  for (const output of later) write(output, counted(1));
  assert.equal(later.filter((output) => known.has(output.bytes)).length, 1_024);
  for (const output of [...outputs, ...later]) output.discard();
});

test('discard forgets what was not taken, and may be called twice', () => {
  const { output } = newOutput();
  for (let count = 0; count < 4; count++) write(output, counted(40_000));
  output.discard();
  output.discard();
  assert.equal(output.pendingBytes, 0);
  assert.equal(output.takeSlab(), undefined);
});

test('a place in the output is written when all before it was released, however much was written ever', () => {
  const { output } = newOutput();
  // More than the numbers go to before they begin again.
  for (let written = 0; written < 2 ** 29; written += 3 * LARGE) {
    output.reserve(LARGE);
    output.position += LARGE;
    const place = output.end;
    assert.equal(output.isWritten(place), false);
    output.reserve(LARGE);
    output.position += LARGE;
    const behind = output.end;
    const [first, second] = takeAll(output);
    output.releaseSlab(first);
    if (second !== undefined) {
      assert.deepEqual([output.isWritten(place), output.isWritten(behind)], [true, false]);
      output.releaseSlab(second);
    }
    assert.deepEqual([output.isWritten(place), output.isWritten(behind)], [true, true]);
  }
});
