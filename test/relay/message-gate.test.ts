// A gate passes whole messages up to a number, however frames cut them and however little the target takes at a time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallStream } from '../../src/calls/call-stream.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { MessageGate } from '../../src/relay/message-gate.ts';
import { grpcMessage } from '../support/raw-frames.ts';

/** Takes at most `most` bytes at a time. */
class Target implements CallStream {
  most = Number.POSITIVE_INFINITY;
  bytes = Buffer.alloc(0);
  ends = 0;
  sections = 0;

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const taken = Math.min(end - start, this.most);
    this.bytes = Buffer.concat([this.bytes, bytes.subarray(start, start + taken)]);
    if (endStream && taken === end - start) this.ends++;
    return taken;
  }

  sendHeaders(): boolean {
    this.sections++;
    return true;
  }

  reset(): boolean {
    return true;
  }

  credit(): void {}

  get roomBytes(): number {
    return this.most;
  }

  get room(): never {
    throw new Error('nobody looks at it here');
  }
}

function gated(messages: number): { target: Target; gate: MessageGate; shut: () => number } {
  const target = new Target();
  let shut = 0;
  return { target, gate: new MessageGate(target, messages, () => void shut++), shut: () => shut };
}

const MESSAGES = [
  grpcMessage(Buffer.from('one')),
  grpcMessage(Buffer.alloc(0)),
  grpcMessage(Buffer.alloc(300, 7)),
];
const ALL = Buffer.concat([...MESSAGES, grpcMessage(Buffer.from('too much'))]);
const ALLOWED = Buffer.concat(MESSAGES);

test('messages pass up to the number, and then nothing', () => {
  const { target, gate, shut } = gated(3);
  assert.equal(gate.sendData(ALL, 0, ALL.length, true), ALLOWED.length);
  assert.deepEqual([target.bytes, target.ends, shut()], [ALLOWED, 0, 1]);
  assert.equal(gate.sendData(ALL, ALLOWED.length, ALL.length, true), 0);
  assert.equal(gate.sendHeaders(new HeaderList(), true), false);
  assert.deepEqual([target.bytes.length, target.sections, shut()], [ALLOWED.length, 0, 1]);
});

for (const size of [1, 2, 5, 7, 64])
  test(`it does not matter how messages are cut: pieces of ${size} bytes, of which a part is taken`, () => {
    const { target, gate, shut } = gated(3);
    target.most = Math.max(1, size - 1);
    let at = 0;
    for (let offered = 0; offered < ALL.length + 10 && shut() === 0; offered++)
      at += gate.sendData(ALL, at, Math.min(ALL.length, at + size), false);
    assert.deepEqual([at, target.bytes, shut()], [ALLOWED.length, ALLOWED, 1]);
  });

test('with fewer messages than that, nothing changes', () => {
  const { target, gate, shut } = gated(5);
  assert.equal(gate.sendData(ALL, 0, ALL.length, false), ALL.length);
  assert.equal(gate.sendData(ALL, 0, 0, true), 0);
  assert.equal(gate.sendHeaders(new HeaderList(), true), true);
  assert.deepEqual([target.bytes, target.ends, target.sections, shut()], [ALL, 1, 1, 0]);
});
