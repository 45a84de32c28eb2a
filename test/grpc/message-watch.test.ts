// What a watch tells of messages, and what it keeps of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MessageCounter } from '../../src/grpc/message-counter.ts';
import { MessageWatch, type MessageWatcher } from '../../src/grpc/message-watch.ts';

interface Seen {
  readonly number: number;
  readonly sizeBytes: number;
  readonly isCompressed: boolean;
  readonly bytes: string;
}

class Watcher implements MessageWatcher {
  wantedBytes: number;
  readonly mostBytes: number;
  keptBytes = 0;
  readonly seen: Seen[] = [];

  constructor(wantedBytes: number, mostBytes = 1e6) {
    this.wantedBytes = wantedBytes;
    this.mostBytes = mostBytes;
  }

  take(bytes: number): boolean {
    if (this.keptBytes + bytes > this.mostBytes) return false;
    this.keptBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.keptBytes -= bytes;
  }

  onMessage({ messages, sizeBytes, isCompressed, bytes, start, end }: MessageWatch): void {
    const text = bytes.toString('hex', start, Math.min(end, start + this.wantedBytes));
    this.seen.push({ number: messages, sizeBytes, isCompressed, bytes: text });
  }
}

function message(payload: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(payload.length, 1);
  return Buffer.concat([prefix, payload]);
}

function feed(watch: MessageWatch | MessageCounter, bytes: Buffer, cuts: readonly number[]): void {
  let at = 0;
  for (const cut of [...cuts.map((one) => one % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  )) {
    // A receive buffer is used again after the callback.
    const chunk = Buffer.from(bytes.subarray(at, cut));
    watch.consume(chunk, 0, chunk.length);
    chunk.fill(0xee);
    at = cut;
  }
}

test('however its bytes are cut, each message is told of once with its number, size, flag and first bytes', () => {
  const payloads = fc.array(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(0, 1)), {
    maxLength: 8,
  });
  const cuts = fc.array(fc.nat(400), { maxLength: 30 });
  fc.assert(
    fc.property(payloads, cuts, fc.nat(50), (messages, at, wanted) => {
      const watcher = new Watcher(wanted);
      const watch = new MessageWatch('request', watcher);
      const counter = new MessageCounter();
      const bytes = Buffer.concat(messages.map(([payload, flag]) => message(payload, flag)));
      feed(watch, bytes, at);
      feed(counter, bytes, at);
      assert.deepEqual(
        watcher.seen,
        messages.map(([payload, flag], index) => ({
          number: index + 1,
          sizeBytes: payload.length,
          isCompressed: flag === 1,
          bytes: Buffer.from(payload.slice(0, wanted)).toString('hex'),
        })),
      );
      assert.deepEqual([watch.messages, watch.isInsideMessage], [counter.messages, false]);
      assert.equal(watcher.keptBytes, 0);
    }),
  );
});

test('any bytes are counted as MessageCounter counts them', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(200), { maxLength: 20 }), (bytes, at) => {
      const watch = new MessageWatch('response', new Watcher(10));
      const counter = new MessageCounter();
      // Short lengths, so that there are several messages.
      const garbage = Buffer.from(bytes.map((byte, index) => (index % 3 === 0 ? byte & 1 : byte % 4)));
      feed(watch, garbage, at);
      feed(counter, garbage, at);
      assert.deepEqual([watch.messages, watch.isInsideMessage], [counter.messages, counter.isInsideMessage]);
    }),
  );
});

test('memory grows with the bytes that have come, not with the announced length', () => {
  const watcher = new Watcher(65_536);
  const watch = new MessageWatch('request', watcher);
  const announced = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]);
  watch.consume(announced, 0, announced.length);
  assert.ok(watcher.keptBytes <= 1024, `${watcher.keptBytes} bytes for one`);
  const one = Buffer.from([7]);
  for (let sent = 0; sent < 200_000; sent++) watch.consume(one, 0, 1);
  assert.equal(watcher.keptBytes, 65_536);
  watch.close();
  assert.equal(watcher.keptBytes, 0);
  assert.equal(watch.isInsideMessage, true);
});

test('where there is no memory, a message is told of without the rest of its bytes', () => {
  const watcher = new Watcher(4096, 1024);
  const watch = new MessageWatch('request', watcher);
  feed(watch, message(Buffer.alloc(3000, 5)), [500, 2000]);
  assert.equal(watcher.seen[0].sizeBytes, 3000);
  assert.equal(watcher.seen[0].bytes.length / 2, 495);
  assert.equal(watcher.keptBytes, 0);
  feed(watch, message(Buffer.from('small')), []);
  assert.equal(watcher.seen[1].bytes, Buffer.from('small').toString('hex'));
});

test('what is wanted of a message is asked once, when its first piece comes, and again for the next message', () => {
  const watcher = new Watcher(4);
  const watch = new MessageWatch('request', watcher);
  const bytes = message(Buffer.alloc(100, 5));
  watch.consume(bytes, 0, 20);
  // Whoever wants more now has missed the beginning.
  watcher.wantedBytes = 50;
  watch.consume(bytes, 20, 60);
  watch.consume(bytes, 60, bytes.length);
  feed(watch, bytes, [30, 70]);
  assert.deepEqual(
    watcher.seen.map(({ bytes: shown }) => shown.length / 2),
    [4, 50],
  );
  assert.equal(watcher.keptBytes, 0);
});

test('a watch that is closed only counts, also in the middle of a message', () => {
  const watcher = new Watcher(10);
  const watch = new MessageWatch('request', watcher);
  const bytes = message(Buffer.alloc(20));
  watch.consume(bytes, 0, 12);
  watch.close();
  watch.consume(bytes, 12, bytes.length);
  feed(watch, Buffer.concat([bytes, bytes]), [7]);
  assert.deepEqual([watch.messages, watcher.seen.length, watcher.keptBytes], [3, 0, 0]);
});
