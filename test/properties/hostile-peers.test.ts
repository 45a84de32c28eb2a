// Whatever bytes arrive, receive() never throws: streams or the connection end, and every owner hears of at most one end.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { Role } from '../../src/h2/connection.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import * as frames from '../support/frames.ts';
import { cutInto, endpointFor, STEPS, sessionFor } from '../support/sessions.ts';
import type { Endpoint } from '../support/wire.ts';

/** Owners that answer everything by sending, crediting, and now and then by a reset. */
function answersEverything(endpoint: Endpoint): void {
  let calls = 0;
  const sendsOnAll = (): void => {
    calls++;
    for (const [id, stream] of endpoint.streams) {
      endpoint.sends(id, 'answer', calls % 7 === 0);
      if (calls % 11 === id % 11) stream.reset(ErrorCode.CANCEL);
    }
  };
  Object.assign(endpoint.reactions, {
    onRequest: (stream: { readonly id: number }) => {
      endpoint.responds(stream.id, stream.id % 3 === 0);
      sendsOnAll();
    },
    onData: (_bytes: Buffer, start: number, end: number) => {
      for (const stream of endpoint.streams.values()) stream.credit(end - start);
      sendsOnAll();
    },
    onResponse: sendsOnAll,
    onTrailers: sendsOnAll,
    onWritable: sendsOnAll,
    onReset: sendsOnAll,
    onRefused: sendsOnAll,
    onConnectionLost: sendsOnAll,
    onSettings: sendsOnAll,
    onGoAway: sendsOnAll,
  });
}

/** What must hold after any input; `thrown` by receive() fails the property by itself. */
function isInOrder(endpoint: Endpoint): void {
  const sent = frames.splitFrames(endpoint.takesOutput());
  const goAways = sent.filter((frame) => frame[3] === FrameType.GOAWAY);
  assert.equal(goAways.length, endpoint.connection.isClosed ? 1 : 0);
  if (endpoint.connection.isClosed) assert.equal(sent.at(-1)?.[3], FrameType.GOAWAY);
  for (const { token, message } of endpoint.violations) {
    assert.match(token, /^[a-z0-9]+(_[a-z0-9]+)+$/);
    assert.notEqual(token, 'internal_error', message);
  }
  const live = endpoint.connection.streamCount;
  const before = endpoint.log.length;
  endpoint.connection.connectionLost('the test is over');
  assert.equal(endpoint.connection.streamCount, 0);
  assert.equal(endpoint.log.length - before, live);
  hearOneEndEach(endpoint.log);
}

/** The end is the last thing an owner is told, and there is only one. */
function hearOneEndEach(log: readonly string[]): void {
  const ended = new Set<string>();
  for (const line of log) {
    const told = /^(response|data|trailers|writable|reset|refused|lost) (\d+)/.exec(line);
    if (told === null) continue;
    const [, what, id] = told;
    assert.ok(!ended.has(id), `stream ${id} was told "${line}" behind its end`);
    if (what === 'reset' || what === 'refused' || what === 'lost') ended.add(id);
  }
}

function survives(role: Role, bytes: Buffer, sizes: readonly number[], answers: boolean): void {
  const endpoint = endpointFor(role);
  if (answers) answersEverything(endpoint);
  for (const chunk of cutInto(bytes, sizes)) endpoint.hears(chunk);
  isInOrder(endpoint);
}

const SIZES = fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 5 });

/** A frame with any header and a short payload; types and flags mostly known ones. */
const FRAME = fc
  .record({
    type: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.nat(255)),
    flags: fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d), fc.nat(255)),
    streamId: fc.oneof(fc.integer({ min: 0, max: 13 }), fc.nat(0x7fffffff)),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom(frames.requestBlock(), frames.responseBlock(), frames.block(['a', 'b'])),
      fc.constantFrom(Buffer.from([0, 0, 0, 8]), Buffer.alloc(8), Buffer.from([0, 4, 0, 0, 0, 1])),
    ),
  })
  .map(({ type, flags, streamId, payload }) => frames.frame(type, flags, streamId, Buffer.from(payload)));

interface Mutation {
  readonly at: number;
  readonly kind: 'flip' | 'delete' | 'repeat' | 'insert';
  readonly length: number;
}

const MUTATIONS: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    at: fc.nat(0xffff),
    kind: fc.constantFrom('flip', 'flip', 'delete', 'repeat', 'insert'),
    length: fc.integer({ min: 1, max: 30 }),
  }),
  { minLength: 1, maxLength: 4 },
);

/** Behind the first bytes, so that most mutants come beyond the preface. */
function mutated(session: Buffer, mutations: readonly Mutation[]): Buffer {
  let bytes = Buffer.from(session);
  for (const { at, kind, length } of mutations) {
    const start = Math.min(bytes.length, 33 + (at % bytes.length));
    const before = bytes.subarray(0, start);
    const behind = bytes.subarray(start);
    if (kind === 'flip' && behind.length > 0) behind[0] ^= 1 << (length & 7);
    else if (kind === 'delete') bytes = Buffer.concat([before, behind.subarray(length)]);
    else if (kind === 'repeat') bytes = Buffer.concat([before, behind.subarray(0, length), behind]);
    else bytes = Buffer.concat([before, Buffer.alloc(length, length), behind]);
  }
  return bytes;
}

describe('receive never throws, and owners hear of one end', () => {
  for (const role of ['server', 'client'] as const) {
    for (const answers of [false, true]) {
      const name = `in the ${role} role${answers ? ', with owners that answer everything' : ''}`;

      test(`for random bytes ${name}`, () => {
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 300 }), SIZES, (bytes, sizes) => {
            survives(role, Buffer.concat([sessionFor(role, []), bytes]), sizes, answers);
            survives(role, Buffer.from(bytes), sizes, answers);
          }),
          { seed: 9113, numRuns: 200 },
        );
      });

      test(`for random frames ${name}`, () => {
        fc.assert(
          fc.property(fc.array(FRAME, { maxLength: 30 }), SIZES, (session, sizes) => {
            survives(role, Buffer.concat([sessionFor(role, []), ...session]), sizes, answers);
          }),
          { seed: 9113, numRuns: 300 },
        );
      });

      test(`for valid sessions ${name}`, () => {
        fc.assert(
          fc.property(STEPS, SIZES, (steps, sizes) =>
            survives(role, sessionFor(role, steps), sizes, answers),
          ),
          { seed: 9113, numRuns: 150 },
        );
      });

      test(`for mutations of valid sessions ${name}`, () => {
        fc.assert(
          fc.property(STEPS, MUTATIONS, SIZES, (steps, mutations, sizes) =>
            survives(role, mutated(sessionFor(role, steps), mutations), sizes, answers),
          ),
          { seed: 9113, numRuns: 300 },
        );
      });
    }
  }
});
