// Streams whose tokens others count: they go on when they are told, and end when those who count are gone, between two messages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failure } from '../../src/calls/failure.ts';
import type { FlowRateLimit, Tokens } from '../../src/calls/flow-limits.ts';
import { framed } from '../../src/grpc/message-reader.ts';
import { ending, paced } from '../support/clocked-tokens.ts';
import { Clock, Limited } from './limited-relay.ts';

/** Tokens of a store that grants them when the test says so. */
class StoreTokens implements Tokens {
  burst = 1000;
  tokens = 0;
  isGone = false;
  watching = 0;
  /** How long it says that tokens are missing. */
  waitMs = 60_000;
  readonly #watchers = new Set<() => void>();

  take(_key: string, count: number): number {
    if (this.tokens < count) return this.waitMs;
    this.tokens -= count;
    return 0;
  }

  watch(_key: string, _count: number, onChange: () => void): () => void {
    this.watching++;
    const tell = (): void => {
      end();
      onChange();
    };
    const end = (): void => {
      if (this.#watchers.delete(tell)) this.watching--;
    };
    this.#watchers.add(tell);
    return end;
  }

  #tell(): void {
    for (const tell of Array.from(this.#watchers)) tell();
  }

  grants(count: number): void {
    this.tokens += count;
    this.#tell();
  }

  goes(): void {
    this.isGone = true;
    this.#tell();
  }

  paced(given: Partial<FlowRateLimit> = {}): FlowRateLimit {
    const cause = failure('limit_store_unavailable', 'the store is gone');
    return paced(this, { outOfReach: () => (this.isGone ? cause : undefined), ...given });
  }
}

test('a line goes on when it is told of more, without a tick of the clock, and is told once', () => {
  const clock = new Clock();
  const tokens = new StoreTokens();
  const calls = [0, 1, 2].map(() => new Limited(clock, { rates: [tokens.paced()] }));
  for (const call of calls) call.sends('a', 'b');
  assert.deepEqual([tokens.watching, clock.wheel.size, clock.lines.size], [1, 1, 1]);
  tokens.grants(2);
  assert.deepEqual(
    calls.map(({ passed }) => passed),
    ['a', 'a', ''],
  );
  assert.deepEqual([tokens.watching, clock.wheel.size], [1, 1]);
  tokens.grants(10);
  assert.deepEqual(
    calls.map(({ passed }) => passed),
    ['ab', 'ab', 'ab'],
  );
  assert.deepEqual([tokens.watching, clock.wheel.size, clock.lines.size], [0, 0, 0]);
});

test('a line that is told of too little waits again', () => {
  const clock = new Clock();
  const tokens = new StoreTokens();
  const call = new Limited(clock, { rates: [tokens.paced({ counts: 'bytes', sliceBytes: 8 })] }, false);
  call.forwards(Buffer.from('abcdefgh'));
  tokens.grants(7);
  assert.deepEqual([call.passedBytes, tokens.watching, clock.wheel.size], [0, 1, 1]);
  tokens.grants(1);
  assert.deepEqual([call.passedBytes, tokens.watching, clock.wheel.size], [8, 0, 0]);
});

test('tokens that come with time alone, of which nobody tells, are found by the timer', () => {
  const clock = new Clock();
  const tokens = new StoreTokens();
  tokens.waitMs = 100;
  const call = new Limited(clock, { rates: [tokens.paced()] });
  call.sends('a');
  tokens.tokens = 1;
  clock.passes(120);
  assert.equal(call.passed, 'a');
  assert.equal(tokens.watching, 0);
});

test('a call that ends leaves nothing behind that would be told', () => {
  const clock = new Clock();
  const tokens = new StoreTokens();
  const call = new Limited(clock, { rates: [tokens.paced()] });
  call.sends('a');
  call.relay.unlimit();
  assert.deepEqual([tokens.watching, clock.wheel.size, clock.lines.size], [0, 0, 0]);
});

test('calls that wait end when those who count are gone, and so do calls that want tokens afterwards', () => {
  const clock = new Clock();
  const tokens = new StoreTokens();
  const calls = [0, 1].map(() => new Limited(clock, { rates: [tokens.paced()] }));
  for (const call of calls) call.sends('a');
  tokens.goes();
  const late = new Limited(clock, { rates: [tokens.paced()] });
  late.sends('a');
  for (const call of [...calls, late]) {
    assert.equal(call.refusal?.token, 'limit_store_unavailable');
    assert.deepEqual([call.passed, call.relay.pendingBytes], ['', 0]);
  }
  assert.deepEqual([tokens.watching, clock.wheel.size, clock.lines.size], [0, 0, 0]);
});

test('what was granted before passes, and the call ends at the message after it', () => {
  const clock = new Clock();
  const tokens = new StoreTokens();
  tokens.tokens = 2;
  const call = new Limited(clock, { rates: [tokens.paced()] });
  tokens.goes();
  call.sends('a');
  call.sends('b', 'c');
  assert.deepEqual([call.passed, call.refusal?.token], ['ab', 'limit_store_unavailable']);
});

test('of a call of gRPC whose bytes are counted, the message that has begun passes whole, however it is cut', () => {
  const bytes = Buffer.concat(['abcdefghij', '', 'klm'].map((text) => framed(Buffer.from(text))));
  for (let granted = 0; granted <= bytes.length; granted++)
    for (const isWaiting of [true, false])
      for (const piece of [1, 3, bytes.length]) {
        const clock = new Clock();
        const tokens = new StoreTokens();
        tokens.tokens = granted;
        const call = new Limited(clock, { rates: [tokens.paced({ counts: 'bytes', sliceBytes: 1 })] });
        if (!isWaiting) tokens.goes();
        for (let at = 0; at < bytes.length && call.refusal === undefined; at += piece) {
          call.forwards(bytes.subarray(at, at + piece));
          if (isWaiting && at === 0) tokens.goes();
        }
        const most = granted === 0 ? 0 : granted <= 15 ? 15 : granted <= 20 ? 20 : bytes.length;
        const text = `${granted} granted, pieces of ${piece}, ${isWaiting}`;
        assert.equal(call.passedOn.length, most, text);
        if (granted < bytes.length) assert.equal(call.refusal?.token, 'limit_store_unavailable', text);
        assert.equal(call.relay.pendingBytes, 0, text);
      }
});

test('other bodies end at once', () => {
  const clock = new Clock();
  const tokens = new StoreTokens();
  tokens.tokens = 4;
  const call = new Limited(clock, { rates: [tokens.paced({ counts: 'bytes', sliceBytes: 2 })] }, false);
  call.forwards(Buffer.from('abcdefgh'));
  tokens.goes();
  assert.deepEqual([call.passedBytes, call.refusal?.token], [4, 'limit_store_unavailable']);
});

test('what one limit has let pass is not cut by its end where another limit still paces it', () => {
  const clock = new Clock();
  const gone = new StoreTokens();
  const slow = new StoreTokens();
  gone.tokens = 1;
  slow.tokens = 3;
  const call = new Limited(clock, {
    rates: [gone.paced(), slow.paced({ counts: 'bytes', sliceBytes: 3, key: 'other' })],
  });
  call.sends('abcdef', 'g');
  gone.goes();
  assert.deepEqual([call.passedBytes, call.refusal], [3, undefined]);
  slow.grants(3);
  assert.deepEqual([call.passedBytes, call.refusal], [6, undefined]);
  slow.grants(100);
  assert.deepEqual([call.passed, call.refusal?.token], ['abcdef', 'limit_store_unavailable']);
  assert.deepEqual([slow.watching, clock.lines.size], [0, 0]);
});

test('a limit behind one that ends the call may end it earlier', () => {
  const clock = new Clock();
  const gone = new StoreTokens();
  gone.tokens = 2;
  const call = new Limited(clock, { rates: [gone.paced(), ending(clock.tokens(1, 1), { key: 'other' })] });
  gone.goes();
  call.sends('a', 'b', 'c');
  assert.deepEqual([call.passed, call.refusal?.message], ['a', '1 wanted, 1000 ms']);
});

test('a store that goes after another limit has ended the call does not undo that', () => {
  const clock = new Clock();
  const gone = new StoreTokens();
  gone.tokens = 2;
  let isKnown = false;
  const curious: (() => void)[] = [];
  // Holds back what the others let pass, so that the call has not ended yet.
  const unsure: Tokens = {
    burst: 10,
    take: () => (isKnown ? 0 : 20),
    knows: () => isKnown,
    learn: (_key, _count, onKnown) => {
      curious.push(onKnown);
      return () => undefined;
    },
  };
  const ends = ending(clock.tokens(1, 1), { key: 'other' });
  const call = new Limited(clock, { rates: [gone.paced(), ends, ending(unsure, { key: 'third' })] });
  call.sends('a', 'b', 'c');
  assert.deepEqual([gone.watching, call.refusal], [1, undefined], 'the third message waits for tokens');
  // By now the limit that ends the call would let the second message pass.
  clock.passes(2000);
  gone.goes();
  assert.deepEqual([gone.watching, call.refusal], [0, undefined]);
  isKnown = true;
  for (const tell of curious) tell();
  assert.deepEqual([call.passed, String(call.refusal?.message)], ['a', '1 wanted, 1000 ms']);
});
