// One direction under limits: all that may pass goes on in order and once, at the rate of the limit, and credit is given for no more.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { failure } from '../../src/calls/failure.ts';
import type { DirectionLimits, FlowRateLimit, SizeLimit, Tokens } from '../../src/calls/flow-limits.ts';
import { framed } from '../../src/grpc/message-reader.ts';
import { HeaderList } from '../../src/h2/hpack/header-list.ts';
import { ending, paced } from '../support/clocked-tokens.ts';
import { Clock, Limited } from './limited-relay.ts';

function rates(...limits: readonly FlowRateLimit[]): Partial<DirectionLimits> {
  return { rates: limits };
}

function atMost(mostBytes: number): SizeLimit {
  return { mostBytes, exceeded: (size) => failure('memory_pressure', `${size} of ${mostBytes}`) };
}

/** Tokens of which this process knows only what it is told. */
class UnsureTokens implements Tokens {
  onKnown: (() => void) | undefined = undefined;
  #known = 0;
  readonly #tokens: Tokens;

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
  }

  get burst(): number {
    return this.#tokens.burst;
  }

  take(key: string, count: number): number {
    if (!this.knows(key, count)) return 20;
    this.#known -= count;
    return this.#tokens.take(key, count);
  }

  knows(_key: string, count: number): boolean {
    return count <= this.#known;
  }

  learn(_key: string, _count: number, onKnown: () => void): () => void {
    this.onKnown = onKnown;
    return () => {
      this.onKnown = undefined;
    };
  }

  answer(more: number): void {
    this.#known += more;
    this.onKnown?.();
  }
}

describe('paced by messages', () => {
  test('messages that came in one piece are passed on one by one, in order, and the end with the last of them', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(paced(clock.tokens(10, 2))));
    call.forwards(
      Buffer.concat(['one', 'two', 'three', 'four'].map((text) => framed(Buffer.from(text)))),
      true,
    );
    assert.equal(call.passed, 'onetwo');
    assert.equal(call.source.creditedBytes, 16);
    assert.equal(call.relay.isPaced, true);
    clock.passes(80);
    assert.equal(call.passed, 'onetwo');
    clock.passes(20);
    assert.equal(call.passed, 'onetwothree');
    assert.equal(call.relay.isEnded, false);
    clock.passes(100);
    assert.equal(call.passed, 'onetwothreefour');
    assert.equal(call.target.log.at(-1)?.endsWith(' end'), true);
    assert.deepEqual([call.relay.isEnded, call.relay.pendingBytes, call.relay.isPaced], [true, 0, false]);
    assert.equal(call.source.creditedBytes, call.relay.bytes);
    assert.deepEqual([clock.wheel.size, clock.lines.size], [0, 0]);
  });

  test('over a minute the rate is that of the limit, although timers have ticks', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(paced(clock.tokens(60, 6))));
    for (let sent = 0; sent < 5000; sent++) call.sends('x');
    assert.equal(call.passed.length, 6);
    clock.passes(60_000);
    assert.ok(call.passed.length >= 3600 && call.passed.length <= 3606, String(call.passed.length));
  });

  test('a message in many pieces takes one token, with its first byte', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(paced(clock.tokens(1, 1))));
    const bytes = framed(Buffer.from('abcdef'));
    for (const byte of [...bytes, ...bytes]) call.forwards(Buffer.of(byte));
    assert.equal(call.passed, 'abcdef');
    assert.equal(call.passedBytes, bytes.length);
    clock.passes(1000);
    assert.equal(call.passed, 'abcdefabcdef');
  });

  test('messages without content count', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(paced(clock.tokens(1, 2))));
    call.sends('', '', '');
    assert.equal(call.passedBytes, 10);
    clock.passes(1000);
    assert.equal(call.passedBytes, 15);
  });

  test('trailers wait for the messages before them', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(paced(clock.tokens(1, 1))));
    call.sends('a', 'b');
    call.relay.forwardTrailers(HeaderList.of(['grpc-status', '0']));
    assert.equal(call.relay.isComplete, true);
    assert.equal(call.relay.isEnded, false);
    clock.passes(1000);
    assert.equal(call.target.log.at(-1), 'headers grpc-status=0 end');
    assert.equal(call.relay.isEnded, true);
  });

  test('tokens are not taken twice for what the target had no room for', () => {
    const clock = new Clock();
    const tokens = clock.tokens(0.001, 3);
    const call = new Limited(clock, rates(paced(tokens)));
    call.target.room = 4;
    call.sends('a', 'b', 'c');
    assert.equal(call.passedBytes, 4);
    assert.deepEqual([call.relay.isPaced, call.relay.owedBytes], [false, 14]);
    for (let freed = 0; freed < 14; freed++) {
      call.target.room += 1;
      call.relay.resume();
    }
    assert.equal(call.passed, 'abc');
    assert.equal(tokens.asked, 3);
  });

  test('what is sent again to another endpoint takes no tokens', () => {
    const clock = new Clock();
    const tokens = clock.tokens(1, 2);
    const call = new Limited(clock, rates(paced(tokens)));
    call.sends('a', 'b', 'c');
    const sent = [framed(Buffer.from('a')), framed(Buffer.from('b'))];
    call.relay.clearTarget();
    call.relay.replay(sent, false);
    call.target.log.length = 0;
    call.connects();
    assert.equal(call.passed, 'ab');
    assert.equal(call.source.creditedBytes, 12, 'credited once');
    clock.passes(1000);
    assert.equal(call.passed, 'abc');
    assert.equal(call.source.creditedBytes, 18);
  });

  test('an ended call leaves its line, and wants no more tokens', () => {
    const clock = new Clock();
    const tokens = clock.tokens(10, 1);
    const call = new Limited(clock, rates(paced(tokens)));
    call.sends('a', 'b');
    assert.equal(clock.lines.size, 1);
    call.relay.unlimit();
    assert.deepEqual([clock.lines.size, clock.wheel.size], [0, 0]);
    const { asked } = tokens;
    clock.passes(1000);
    assert.equal(tokens.asked, asked);
  });

  test('what waits is held without credit, so that no more than a window is held', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(paced(clock.tokens(1, 1))));
    for (let sent = 0; sent < 100; sent++) call.sends('x');
    assert.equal(call.source.creditedBytes, 6);
    assert.equal(call.relay.pendingBytes, 594);
    assert.equal(call.relay.owedBytes, 0, 'the target is not to blame');
    assert.equal(call.relay.pacing?.limit, 'a limit');
  });
});

describe('the time for which limits hold back a call', () => {
  test('it is counted until what waits may pass, and told to each limit by itself', () => {
    const clock = new Clock();
    const waits: number[] = [];
    const call = new Limited(
      clock,
      rates(paced(clock.tokens(1, 1), { onPaced: (waitedMs) => waits.push(waitedMs) })),
    );
    call.sends('a');
    assert.equal(call.pacedMs, undefined);
    call.sends('b');
    clock.passes(400);
    assert.deepEqual([call.pacedMs, waits], [400, []]);
    clock.passes(5000);
    assert.deepEqual([call.passed, call.pacedMs, waits], ['ab', 1000, [1000]]);
    call.sends('c', 'd');
    clock.passes(1000);
    assert.deepEqual([call.pacedMs, waits], [2000, [1000, 1000]]);
  });

  test('whoever asks meanwhile is told what has come since, and all of it is told once', () => {
    const clock = new Clock();
    const waits: number[] = [];
    const onPaced = (waitedMs: number): void => void waits.push(waitedMs);
    const calls = [1, 2].map(() => new Limited(clock, rates(paced(clock.tokens(1, 1), { onPaced }))));
    for (const call of calls) call.sends('a', 'b', 'c');
    clock.lines.tellWaits();
    clock.passes(400);
    clock.lines.tellWaits();
    clock.lines.tellWaits();
    assert.deepEqual(waits, [0, 0, 400, 400, 0, 0]);
    waits.length = 0;
    clock.passes(600);
    assert.equal(
      waits.reduce((one, other) => one + other),
      1200,
      'what is left of the first wait',
    );
    assert.deepEqual(
      calls.map(({ pacedMs }) => pacedMs),
      [1000, 1000],
    );
    for (const call of calls) call.relay.unlimit();
    waits.length = 0;
    clock.passes(400);
    clock.lines.tellWaits();
    assert.deepEqual(waits, [], 'nobody waits any more');
  });

  test('where two limits hold back the same bytes, it counts once', () => {
    const clock = new Clock();
    const waits: string[] = [];
    const limit = (name: string, perSecond: number): FlowRateLimit =>
      paced(clock.tokens(perSecond, 1), { key: name, onPaced: (ms) => waits.push(`${name} ${ms}`) });
    const call = new Limited(clock, rates(limit('slow', 1), limit('slower', 0.25)));
    call.sends('a', 'b', 'c', 'd');
    clock.passes(4000);
    assert.deepEqual([call.passed, call.pacedMs], ['ab', 4000]);
    assert.deepEqual(waits, ['slow 1000', 'slow 1000', 'slow 1000', 'slower 3000']);
  });

  test('a call that ends has waited until then, and no longer', () => {
    const clock = new Clock();
    const waits: number[] = [];
    const call = new Limited(
      clock,
      rates(paced(clock.tokens(1, 1), { onPaced: (waitedMs) => waits.push(waitedMs) })),
    );
    call.sends('a', 'b');
    clock.passes(400);
    call.relay.unlimit();
    call.relay.unlimit();
    clock.passes(400);
    assert.deepEqual([call.pacedMs, waits], [400, [400]]);
  });

  test('a call for which tokens cannot be asked waits no more', () => {
    const clock = new Clock();
    let canAnswer = true;
    const source: Tokens = {
      burst: 1,
      take: () => {
        if (canAnswer) return 100;
        throw new Error('no answer');
      },
    };
    const call = new Limited(clock, rates(paced(source)));
    call.sends('a');
    canAnswer = false;
    clock.passes(1000);
    assert.deepEqual([call.faults.length, call.pacedMs], [1, 100]);
  });

  test('there is none where limits only end calls', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(ending(clock.tokens(1, 1))));
    assert.equal(call.gate.pacedTime, undefined);
  });
});

describe('several calls of one key', () => {
  test('they share the tokens evenly, and who comes later passes nobody', () => {
    const clock = new Clock();
    const tokens = clock.tokens(30, 3);
    const calls = Array.from({ length: 3 }, () => new Limited(clock, rates(paced(tokens))));
    for (const call of calls) for (let sent = 0; sent < 100; sent++) call.sends('x');
    const late = new Limited(clock, rates(paced(tokens)));
    // There is a token, and the timer of those that wait for it comes a moment later.
    clock.nowMs += 39;
    late.sends('x', 'x', 'x', 'x');
    assert.equal(late.passed, '');
    clock.passes(2000);
    const counts = calls.map(({ passed }) => passed.length);
    assert.equal(late.passed.length, 4);
    // The first one had the burst.
    assert.ok(counts[0] - counts[1] <= 4 && Math.abs(counts[1] - counts[2]) <= 1, String(counts));
    assert.ok(counts.reduce((sum, one) => sum + one, 4) <= 63);
    assert.equal(clock.lines.size, 1);
  });

  test('those that wait ask for nothing until it is their turn', () => {
    const clock = new Clock();
    const tokens = clock.tokens(1, 1);
    const calls = Array.from({ length: 1000 }, () => new Limited(clock, rates(paced(tokens))));
    for (const call of calls) call.sends('x');
    const before = tokens.asked;
    clock.passes(10_000);
    assert.equal(calls.filter(({ passed }) => passed === 'x').length, 11);
    assert.ok(tokens.asked - before <= 30, String(tokens.asked - before));
    for (const call of calls) call.relay.unlimit();
    assert.deepEqual([clock.lines.size, clock.wheel.size], [0, 0]);
  });

  test('a call whose target throws does not keep the others from their tokens', () => {
    const clock = new Clock();
    const tokens = clock.tokens(10, 1);
    const [bad, good] = [0, 0].map(() => new Limited(clock, rates(paced(tokens))));
    bad.sends('a', 'b');
    good.sends('c');
    bad.target.stream.sendData = () => {
      throw new Error('a fault');
    };
    clock.passes(1000);
    assert.equal(bad.faults.length, 1);
    assert.equal(good.passed, 'c');
  });
});

describe('paced by bytes', () => {
  test('bytes are passed on in slices, whatever the messages are', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(paced(clock.tokens(100, 10), { counts: 'bytes' })), false);
    call.forwards(Buffer.from('abcdefghijklmnopqrst'), true);
    assert.equal(call.passedBytes, 8);
    clock.passes(1000);
    assert.equal(
      call.target.log.map((entry) => entry.replaceAll(/data |"| end/g, '')).join(''),
      'abcdefghijklmnopqrst',
    );
    assert.equal(call.target.log.at(-1), 'data "qrst" end');
  });

  test('a call goes on when the burst becomes smaller than what it waits for at a time', () => {
    for (const isWaiting of [true, false]) {
      const clock = new Clock();
      const tokens = clock.tokens(1000, 400);
      const call = new Limited(clock, rates(paced(tokens, { counts: 'bytes', sliceBytes: 200 })), false);
      if (isWaiting) call.forwards(Buffer.alloc(2000));
      tokens.burst = 50.5;
      call.forwards(Buffer.alloc(2000));
      clock.passes(1000);
      assert.ok(call.passedBytes >= 600, `${call.passedBytes} bytes have passed`);
    }
  });

  test('the rate is exact over time', () => {
    const clock = new Clock();
    const call = new Limited(
      clock,
      rates(paced(clock.tokens(10_000, 1000), { counts: 'bytes', sliceBytes: 200 })),
    );
    const chunk = Buffer.alloc(1000);
    for (let sent = 0; sent < 700; sent++) call.forwards(chunk);
    clock.passes(60_000);
    assert.ok(call.passedBytes >= 600_000 && call.passedBytes <= 601_000, String(call.passedBytes));
  });

  test('two limits hold at once', () => {
    const clock = new Clock();
    const messages = paced(clock.tokens(10, 1), { key: 'a' });
    const bytes = paced(clock.tokens(30, 6), { counts: 'bytes', key: 'b', sliceBytes: 6 });
    const call = new Limited(clock, rates(messages, bytes));
    for (let sent = 0; sent < 100; sent++) call.sends('x');
    clock.passes(10_000);
    // Six bytes each: five messages in a second.
    assert.ok(call.passed.length >= 49 && call.passed.length <= 51, String(call.passed.length));
  });
});

describe('ended', () => {
  test('what comes before the message beyond the limit is passed on, and nothing after it', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(ending(clock.tokens(10, 2))));
    call.sends('a', 'b', 'c', 'd');
    assert.equal(call.passed, 'ab');
    assert.equal(call.refusal?.message, '1 wanted, 100 ms');
    assert.equal(call.relay.pendingBytes, 0);
    assert.equal(call.relay.isComplete, false);
  });

  test('what comes after the message that ends the call is counted by no limit', () => {
    const clock = new Clock();
    const tokens = clock.tokens(1, 100);
    const refusals: number[] = [];
    const messageSize: SizeLimit = {
      mostBytes: 3,
      exceeded: (sizeBytes) => {
        refusals.push(sizeBytes);
        return failure('memory_pressure', 'too large');
      },
    };
    const { gate } = new Limited(clock, { ...rates(paced(tokens)), messageSize });
    const bytes = Buffer.concat(['a', 'abcd'].map((text) => framed(Buffer.from(text))));
    assert.equal(gate.admit(bytes, 0, bytes.length, bytes.length), 6);
    assert.deepEqual([gate.isRefusing, refusals], [true, [4]]);
    const { asked } = tokens;
    const more = Buffer.concat([bytes, framed(Buffer.from('abcde'))]);
    assert.equal(gate.admit(more, 0, more.length, more.length), 6);
    assert.deepEqual([tokens.asked, refusals], [asked, [4]]);
  });

  test('a call waits until it is known whether tokens are missing, and ends only then', () => {
    for (const counts of ['messages', 'bytes'] as const)
      for (const isInPieces of [true, false]) {
        const clock = new Clock();
        const tokens = new UnsureTokens(clock.tokens(1, counts === 'messages' ? 4 : 24));
        const call = new Limited(clock, rates(ending(tokens, { counts })));
        const bytes = Buffer.concat(['a', 'b', 'c', 'd', 'e'].map((text) => framed(Buffer.from(text))));
        if (isInPieces) for (const byte of bytes) call.forwards(Buffer.of(byte));
        else call.forwards(bytes);
        assert.deepEqual([call.passed, call.refusal, call.relay.isPaced], ['', undefined, true]);
        // Two answers that let one message pass, and one that says all.
        tokens.answer(counts === 'messages' ? 1 : 6);
        tokens.answer(counts === 'messages' ? 1 : 6);
        assert.deepEqual([call.passed, call.refusal], ['ab', undefined]);
        assert.equal(call.relay.pacing?.limit, 'a limit');
        tokens.answer(Number.POSITIVE_INFINITY);
        assert.equal(call.passed, 'abcd');
        assert.notEqual(call.refusal, undefined);
      }
  });

  test('a call that ends while it waits to know is not told', () => {
    const clock = new Clock();
    const tokens = new UnsureTokens(clock.tokens(1, 4));
    const call = new Limited(clock, rates(ending(tokens)));
    call.sends('a');
    call.relay.unlimit();
    assert.equal(tokens.onKnown, undefined);
  });

  test('what may pass still waits for room when the limit ends the call', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(ending(clock.tokens(10, 1))));
    call.target.room = 3;
    call.target.roomBytesOf = () => Number.POSITIVE_INFINITY;
    call.sends('a', 'b', 'c', 'd');
    assert.equal(call.relay.pendingBytes, 3);
    call.connects();
    call.relay.forwardTrailers(HeaderList.of(['grpc-status', '8']));
    call.target.room = 100;
    call.relay.resume();
    assert.equal(call.passed, 'a');
    assert.equal(call.target.log.at(-1), 'headers grpc-status=8 end');
  });

  test('messages whose bytes are not there are not passed on in part', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(ending(clock.tokens(1, 20), { counts: 'bytes' })));
    call.sends('abcde', 'fghijk');
    assert.equal(call.passed, 'abcde');
    assert.equal(call.refusal?.message, '11 wanted, 1000 ms');
  });

  test('bytes of calls that are not gRPC are counted as they come', () => {
    const clock = new Clock();
    const call = new Limited(clock, rates(ending(clock.tokens(1, 6), { counts: 'bytes' })), false);
    call.forwards(Buffer.from('abcdefgh'));
    assert.equal(call.passedBytes, 4);
    assert.ok(call.refusal);
  });

  test('of a message that is too large nothing but the prefix is passed on', () => {
    const clock = new Clock();
    const call = new Limited(clock, { messageSize: atMost(3) });
    call.sends('abc', 'abcd', 'a');
    assert.equal(call.passedBytes, 8);
    assert.equal(call.refusal?.message, '4 of 3');
    const split = new Limited(clock, { messageSize: atMost(3) });
    for (const byte of framed(Buffer.from('abcd'))) split.forwards(Buffer.of(byte));
    assert.equal(split.refusal?.message, '4 of 3');
    assert.ok(split.passedBytes <= 5);
  });

  test('a length of four gibibytes is no negative one', () => {
    const clock = new Clock();
    const call = new Limited(clock, { messageSize: atMost(2 ** 31) });
    call.forwards(Buffer.of(0, 255, 255, 255, 255, 1));
    assert.equal(call.refusal?.message, '4294967295 of 2147483648');
    assert.equal(call.passedBytes, 0);
  });

  test('a message that is too large is refused when it is its turn', () => {
    const clock = new Clock();
    const call = new Limited(clock, { ...rates(paced(clock.tokens(1, 1))), messageSize: atMost(3) });
    call.sends('a', 'b', 'abcd');
    clock.passes(1000);
    assert.deepEqual([call.passed, call.refusal], ['ab', undefined]);
    clock.passes(1000);
    assert.equal(call.refusal?.message, '4 of 3');
  });

  test('of two limits that end the call, the one counts that is exceeded first', () => {
    const clock = new Clock();
    const call = new Limited(clock, { ...rates(ending(clock.tokens(1, 2))), messageSize: atMost(3) });
    call.sends('a', 'abcd', 'a', 'a');
    assert.equal(call.refusal?.message, '4 of 3');
    assert.equal(call.passed, 'a');
  });

  test('a body that grows too large ends the call, and one of the exact size does not', () => {
    const clock = new Clock();
    const call = new Limited(clock, { bodySize: atMost(8) }, false);
    call.forwards(Buffer.from('abcdefgh'));
    assert.equal(call.refusal === undefined, true);
    call.forwards(Buffer.from('i'));
    assert.equal(call.refusal?.message, '9 of 8');
    assert.equal(call.passedBytes, 8);
  });

  test('a body of gRPC and messages of other calls are not limited', () => {
    const clock = new Clock();
    const grpc = new Limited(clock, { bodySize: atMost(1) });
    grpc.sends('abcdef');
    const other = new Limited(clock, { ...rates(paced(clock.tokens(1, 1))), messageSize: atMost(1) }, false);
    other.sends('abcdef', 'ghi');
    assert.deepEqual([grpc.refusal, other.refusal, other.relay.isPaced], [undefined, undefined, false]);
  });
});

test('however it is cut and whatever the room, all is passed on once, in order, at most at the rate', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(40), { minLength: 1, maxLength: 60 }),
      fc.array(fc.record({ cut: fc.integer({ min: 1, max: 30 }), room: fc.nat(25), ms: fc.nat(60) }), {
        minLength: 1,
        maxLength: 80,
      }),
      fc.boolean(),
      (sizes, steps, isByBytes) => {
        const clock = new Clock();
        const burst = isByBytes ? 8 : 2;
        const tokens = clock.tokens(isByBytes ? 400 : 50, burst);
        const call = new Limited(
          clock,
          rates(paced(tokens, { counts: isByBytes ? 'bytes' : 'messages', sliceBytes: 8 })),
        );
        call.target.room = 0;
        const all = Buffer.concat(sizes.map((size, index) => framed(Buffer.alloc(size, 97 + (index % 26)))));
        let at = 0;
        for (const { cut, room, ms } of steps) {
          const end = Math.min(all.length, at + cut);
          if (at < all.length) call.forwards(all.subarray(at, end), end === all.length);
          at = end;
          call.target.room += room;
          call.relay.resume();
          clock.passes(ms);
          const bytes = call.passedOn;
          assert.ok(all.subarray(0, bytes.length).equals(bytes));
          assert.equal(call.source.creditedBytes, bytes.length);
          assert.equal(call.relay.pendingBytes, at - bytes.length);
          const most = burst + (clock.nowMs * (isByBytes ? 400 : 50)) / 1000;
          if (isByBytes) assert.ok(bytes.length <= most + 1e-6);
        }
        if (at < all.length) call.forwards(all.subarray(at), true);
        call.target.room = Number.POSITIVE_INFINITY;
        call.relay.resume();
        clock.passes(60_000);
        assert.ok(call.passedOn.equals(all));
        assert.deepEqual([call.relay.isEnded, clock.lines.size, clock.wheel.size], [true, 0, 0]);
        assert.equal(call.recorded, all.length);
      },
    ),
  );
});

function tried(
  tokens: Tokens,
  ends: boolean,
  told: string[],
  given: Partial<FlowRateLimit> = {},
): FlowRateLimit {
  return paced(tokens, { ...given, dryRun: { ends, tell: () => void told.push('told') } });
}

describe('only tried', () => {
  test('messages pass at once with tokens and without them, and what a limit that paces would let pass is counted on', () => {
    const clock = new Clock();
    const told: string[] = [];
    const tokens = clock.tokens(10, 2);
    const call = new Limited(clock, rates(tried(tokens, false, told)));
    call.sends('a', 'b');
    assert.deepEqual([call.passed, told], ['ab', []]);
    call.sends('c');
    assert.deepEqual([call.passed, told.length, call.pacedMs], ['abc', 1, undefined]);
    clock.passes(100);
    call.sends('d');
    assert.deepEqual([call.passed, told.length], ['abcd', 1], 'its token had come');
    assert.equal(tokens.asked, 4);
    assert.deepEqual([call.relay.pacing, call.refusal], [undefined, undefined]);
  });

  test('a limit that would have ended the call counts nothing more of it', () => {
    const clock = new Clock();
    const told: string[] = [];
    const tokens = clock.tokens(10, 2);
    const call = new Limited(clock, rates(tried(tokens, true, told)));
    call.sends('a', 'b', 'c', 'd', 'e');
    clock.passes(1000);
    call.sends('f');
    assert.deepEqual([call.passed, told, tokens.asked], ['abcdef', ['told'], 3]);
  });

  test('bytes pass, and a message is judged as a whole where the call would end', () => {
    const clock = new Clock();
    for (const ends of [true, false]) {
      const told: string[] = [];
      const call = new Limited(
        clock,
        rates(tried(clock.tokens(1, 20), ends, told, { counts: 'bytes', sliceBytes: 4 })),
      );
      call.sends('seven', 'x'.repeat(200));
      assert.deepEqual([call.passed, told.length > 0], [`seven${'x'.repeat(200)}`, true], `ends: ${ends}`);
      assert.equal(call.refusal, undefined);
    }
    const told: string[] = [];
    const web = new Limited(
      clock,
      rates(tried(clock.tokens(1, 20), true, told, { counts: 'bytes', sliceBytes: 4 })),
      false,
    );
    web.forwards(Buffer.from('y'.repeat(100)));
    assert.equal(web.passedOn.length, 100);
    assert.equal(told.length, 1);
  });

  test('nothing waits for an answer about what this process does not know, and it is not told', () => {
    const clock = new Clock();
    const told: string[] = [];
    const unsure = new UnsureTokens(clock.tokens(1, 1));
    for (const ends of [true, false]) {
      const call = new Limited(clock, rates(tried(unsure, ends, told)));
      call.sends('a', 'b');
      assert.deepEqual([call.passed, told, unsure.onKnown], ['ab', [], undefined]);
    }
  });

  test('a limit that holds beside it holds back and ends as without it', () => {
    const clock = new Clock();
    const told: string[] = [];
    const call = new Limited(
      clock,
      rates(tried(clock.tokens(1, 1), true, told), paced(clock.tokens(10, 2)), ending(clock.tokens(1, 3))),
    );
    call.sends('a', 'b', 'c', 'd', 'e');
    assert.equal(call.passed, 'ab');
    clock.passes(5000);
    assert.deepEqual([call.passed, told], ['abc', ['told']]);
    assert.notEqual(call.refusal, undefined);
  });

  test('sizes that are only tried let everything pass: messages of gRPC, bodies of others, once what is too large has come', () => {
    const clock = new Clock();
    const told: string[] = [];
    const triedSizes = (['message', 'body'] as const).map((of) => {
      return { of, mostBytes: 10, tell: () => void told.push(of) };
    });
    const call = new Limited(clock, { triedSizes, messageSize: atMost(20) });
    call.sends('ten bytes.', 'and eleven.');
    assert.deepEqual([call.passed, told.splice(0)], ['ten bytes.and eleven.', ['message']]);
    call.sends('x'.repeat(21));
    assert.notEqual(call.refusal, undefined, 'the size that holds');
    told.length = 0;
    const web = new Limited(clock, { triedSizes }, false);
    for (const part of ['ten bytes.', '!', 'more']) web.forwards(Buffer.from(part));
    assert.deepEqual([web.passedOn.toString(), told], ['ten bytes.!more', ['body']]);
  });
});
