// What a message has announced is taken from a limit of bytes that ends calls, before its content comes. If the content does not come, it
// is given back, and never more than that.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowRateLimit, Tokens } from '../../src/calls/flow-limits.ts';
import type { AdmittedCall } from '../../src/calls/policy.ts';
import { framed } from '../../src/grpc/message-reader.ts';
import { Quotas } from '../../src/limits/quotas.ts';
import { flowLimitsPolicy } from '../../src/policies/limits/flow-limits-policy.ts';
import { ending } from '../support/clocked-tokens.ts';
import { routeConfig } from '../support/route-config.ts';
import { standIn } from '../support/stand-in.ts';
import { Clock, Limited } from './limited-relay.ts';

const BURST = 1000;
/** In this time, all tokens come back. */
const FULL_AFTER_MS = 1000;

function callWith(clock: Clock, tokens: Tokens, given: Partial<FlowRateLimit> = {}): Limited {
  const rate = ending(tokens, { counts: 'bytes', ...given });
  return new Limited(clock, { rates: [rate] });
}

/** A message of 900 bytes of which this much comes, with its prefix. */
function begun(bytes: number): Buffer {
  return framed(Buffer.alloc(895)).subarray(0, bytes);
}

function takes(tokens: Tokens, count: number): boolean {
  return tokens.take('one', count) <= 0;
}

test('a call that ends in the middle of a message gives back what did not come of it', () => {
  const clock = new Clock();
  const tokens = clock.tokens(BURST, BURST);
  const call = callWith(clock, tokens);
  call.forwards(begun(5));
  call.forwards(Buffer.alloc(95));
  assert.equal(takes(tokens, 101), false);
  call.relay.unlimit();
  assert.equal(takes(tokens, 901), false);
  assert.equal(takes(tokens, 900), true);
});

test('it gives back once, and nothing of messages that have come', () => {
  const clock = new Clock();
  const tokens = clock.tokens(BURST, BURST);
  const call = callWith(clock, tokens);
  call.forwards(begun(100));
  call.gate.close();
  call.gate.close();
  assert.equal(takes(tokens, 901), false);
  const whole = callWith(clock, tokens);
  whole.sends('abcde');
  whole.relay.unlimit();
  assert.equal(takes(tokens, 891), false);
  assert.equal(takes(tokens, 890), true);
});

test('a limit that ends the call gives back what it has refused, and takes nothing for it', () => {
  const clock = new Clock();
  const tokens = clock.tokens(BURST, BURST);
  const call = callWith(clock, tokens);
  call.sends('x'.repeat(600), 'y'.repeat(600));
  assert.match(call.refusal?.message ?? '', /^605 wanted/);
  assert.equal(takes(tokens, 396), false);
  assert.equal(takes(tokens, 395), true);
});

test('what does not come holds its tokens however long it takes, so that none are saved up, and gives them back at the end', () => {
  const clock = new Clock();
  const tokens = clock.tokens(BURST, BURST);
  const call = callWith(clock, tokens);
  call.forwards(begun(5));
  clock.passes(10 * FULL_AFTER_MS);
  assert.equal(takes(tokens, 106), false);
  assert.equal(takes(tokens, 105), true);
  call.relay.unlimit();
  assert.equal(takes(tokens, 896), false);
  assert.equal(takes(tokens, 895), true);
});

test('a message that comes slowly holds the tokens of what is missing alone', () => {
  const clock = new Clock();
  const tokens = clock.tokens(BURST, BURST);
  const call = callWith(clock, tokens);
  call.forwards(begun(5));
  for (let part = 0; part < 5; part++) {
    clock.passes(FULL_AFTER_MS);
    call.forwards(Buffer.alloc(100));
  }
  // The last part has come just now.
  assert.equal(takes(tokens, 506), false);
  assert.equal(takes(tokens, 505), true);
  clock.passes(FULL_AFTER_MS);
  assert.equal(takes(tokens, 606), false);
  assert.equal(takes(tokens, 605), true);
});

test('a message that ends where another one begins gives way to it, in one piece or several', () => {
  const clock = new Clock();
  const tokens = clock.tokens(BURST, BURST);
  const call = callWith(clock, tokens);
  call.forwards(begun(500));
  clock.passes(FULL_AFTER_MS);
  call.forwards(Buffer.concat([begun(900).subarray(500), framed(Buffer.alloc(395)).subarray(0, 100)]));
  assert.equal(call.refusal, undefined);
  clock.passes(FULL_AFTER_MS);
  assert.equal(takes(tokens, 701), false);
  call.relay.unlimit();
  assert.equal(takes(tokens, 1000), true);
});

test('a short message that ends where a longer one begins holds nothing from then on', () => {
  for (const dryRun of [undefined, { ends: true, tell: () => undefined }]) {
    const clock = new Clock();
    const tokens = clock.tokens(BURST, BURST);
    const call = callWith(clock, tokens, { dryRun });
    const short = framed(Buffer.alloc(95));
    call.forwards(short.subarray(0, 50));
    call.forwards(Buffer.concat([short.subarray(50), framed(Buffer.alloc(495)).subarray(0, 100)]));
    clock.passes(10 * FULL_AFTER_MS);
    assert.equal(takes(tokens, 601), false, 'of the longer one, 400 bytes are missing');
    assert.equal(takes(tokens, 600), true);
    call.relay.unlimit();
    clock.passes(FULL_AFTER_MS);
    assert.equal(takes(tokens, 1000), true);
  }
});

test('the limits of a route give back to the count that all its calls share', () => {
  let nowMs = 0;
  const policy = flowLimitsPolicy(
    routeConfig({
      name: 'voice',
      limits: [
        {
          kind: 'rate',
          count: 'bytes',
          direction: 'request',
          rate: { count: BURST, periodMs: FULL_AFTER_MS },
          burst: BURST,
          by: [{ kind: 'route' }],
          exceed: 'end',
        },
      ],
    }),
    { quotas: new Quotas(() => nowMs) },
  );
  const limits = policy?.limitFlow?.(standIn<AdmittedCall>({ isGrpc: true }));
  assert.ok(limits !== undefined);
  const clock = new Clock();
  for (let tries = 0; tries < 20; tries++) {
    const attack = new Limited(clock, limits.request);
    attack.forwards(begun(5));
    assert.equal(attack.refusal, undefined, `try ${tries}`);
    attack.relay.unlimit();
  }
  nowMs = 1;
  const honest = new Limited(clock, limits.request);
  honest.sends('x'.repeat(800));
  assert.equal(honest.refusal, undefined);
});

test('a limit that is only tried gives back as one that ends calls, and tells of as few calls', () => {
  const clock = new Clock();
  const tokens = clock.tokens(BURST, BURST);
  let told = 0;
  const dryRun = { ends: true, tell: () => told++ };
  for (let tries = 0; tries < 20; tries++) {
    const call = callWith(clock, tokens, { dryRun });
    call.forwards(begun(5));
    if (tries % 2 === 0) call.relay.unlimit();
    else call.gate.close();
  }
  assert.equal(told, 0);
  assert.equal(takes(tokens, 901), false, 'the prefixes have come');
  assert.equal(takes(tokens, 900), true);
});

test('a limit that is only tried gives back nothing that it has not taken', () => {
  const clock = new Clock();
  const tokens = clock.tokens(BURST, BURST);
  assert.equal(takes(tokens, 500), true);
  let told = 0;
  const call = callWith(clock, tokens, { dryRun: { ends: true, tell: () => told++ } });
  call.forwards(begun(100));
  assert.equal(told, 1);
  call.relay.unlimit();
  assert.equal(takes(tokens, 501), false);
  assert.equal(takes(tokens, 500), true);
});
