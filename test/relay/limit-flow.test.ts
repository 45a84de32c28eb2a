// Several sets of limits that apply to one call, such as those of its route and of a fault.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Failure, failure } from '../../src/calls/failure.ts';
import type { DirectionLimits, FlowLimits, SizeLimit } from '../../src/calls/flow-limits.ts';
import { framed } from '../../src/grpc/message-reader.ts';
import { type LimitedCall, limitFlow } from '../../src/relay/limit-flow.ts';
import { StreamRelay } from '../../src/relay/stream-relay.ts';
import { TokenLines } from '../../src/relay/token-lines.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { paced, UNLIMITED } from '../support/clocked-tokens.ts';
import { RecordedStream } from '../support/recorded-stream.ts';

/** A call whose request goes on to a service that takes all of it. */
class Limited implements LimitedCall {
  readonly subject: { readonly isGrpc: boolean };
  readonly request: StreamRelay;
  readonly response: StreamRelay;
  refusal: Failure | undefined = undefined;

  constructor(isGrpc: boolean) {
    this.subject = { isGrpc };
    this.request = new StreamRelay(isGrpc);
    this.response = new StreamRelay(isGrpc);
    this.request.setTarget(new RecordedStream().stream);
  }

  requestWritable(): void {}
  onWritable(): void {}

  exceeded(cause: Failure): void {
    this.refusal = cause;
  }

  fault(error: unknown): void {
    throw error;
  }
}

const lines = (): TokenLines => new TokenLines(new DeadlineWheel(() => 0));

function atMost(mostBytes: number): SizeLimit {
  return { mostBytes, exceeded: (size) => failure('memory_pressure', `${size} of ${mostBytes}`) };
}

function ofRequest(request: Partial<DirectionLimits>): FlowLimits {
  return { request: { ...UNLIMITED, ...request }, response: UNLIMITED };
}

/** All orders of three. */
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

for (const [name, isGrpc] of [
  ['messageSize', true],
  ['bodySize', false],
] as const)
  test(`of several limits ${name} the smallest applies, in whichever order they come, and beside sets without one`, () => {
    const sets = [ofRequest({ [name]: atMost(10) }), ofRequest({}), ofRequest({ [name]: atMost(3) })];
    for (const order of ORDERS) {
      const call = new Limited(isGrpc);
      limitFlow(
        call,
        order.map((index) => sets[index]),
        lines(),
      );
      const bytes = isGrpc ? framed(Buffer.from('abcd')) : Buffer.from('abcd');
      call.request.forward(bytes, 0, bytes.length, false);
      assert.equal(call.refusal?.message, '4 of 3', String(order));
    }
  });

/** Of which directions it is known how long limits have held them back. */
function timed(limits: FlowLimits, isGrpc = true): readonly string[] {
  const { request, response } = limitFlow(new Limited(isGrpc), [limits], lines()) ?? {};
  return [...(request === undefined ? [] : ['request']), ...(response === undefined ? [] : ['response'])];
}

test('how long limits hold back a call is known of the directions that they can pace, and of no other call', () => {
  const rate = paced({ burst: 1, take: () => 0 });
  const ofResponse = { request: UNLIMITED, response: { ...UNLIMITED, rates: [rate] } };
  assert.deepEqual(timed(ofRequest({ rates: [rate] })), ['request']);
  assert.deepEqual(timed(ofResponse), ['response']);
  assert.deepEqual(timed(ofResponse, false), [], 'it has no messages');
  assert.deepEqual(timed(ofRequest({ messageSize: atMost(3) })), []);
});
