// What is known of a call while it runs: whose time it is that bytes wait.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whoBlocks } from '../../src/calls/who-blocks.ts';
import type { StreamRoom } from '../../src/h2/stream-room.ts';
import type { AttemptState } from '../../src/relay/attempts.ts';
import { factsOf, type LookedAt } from '../../src/relay/live-facts.ts';
import type { RequestHead } from '../../src/relay/request-head.ts';
import { StreamRelay } from '../../src/relay/stream-relay.ts';
import { DeadlineWheel } from '../../src/transport/deadline-wheel.ts';
import { holds } from '../support/clocked-tokens.ts';
import { NO_ROOM, RecordedStream } from '../support/recorded-stream.ts';
import { standIn } from '../support/stand-in.ts';

const BYTES = Buffer.alloc(5000);

interface Given {
  readonly states?: readonly AttemptState[];
  readonly hasResponse?: boolean;
  readonly clientRoom?: StreamRoom;
}

/** A call whose bytes wait from now on: those of the client, or those of the response. */
function callWith({ states = [], hasResponse = false, clientRoom = NO_ROOM }: Given): LookedAt {
  const request = new StreamRelay(false);
  const response = new StreamRelay(false);
  (hasResponse ? response : request).forward(BYTES, 0, BYTES.length, false);
  return {
    subject: standIn<RequestHead>({
      isGrpc: true,
      translation: undefined,
      kind: standIn<RequestHead['kind']>({ httpMethod: 'POST' }),
    }),
    request,
    response,
    number: 1,
    requestId: 1,
    identity: undefined,
    startedAtMs: performance.now(),
    hasResponse,
    isFinished: false,
    parts: {
      stream: standIn<LookedAt['parts']['stream']>({ room: clientRoom }),
      attempts: standIn<LookedAt['parts']['attempts']>({ states }),
      isAsked: false,
    },
  };
}

test('the time that bytes have waited for an endpoint is no time of the service that gets them', () => {
  const nowMs = Math.ceil(performance.now()) + 30_000;
  const { stream } = new RecordedStream();
  const sent = (sentAtMs: number): LookedAt =>
    callWith({ states: [{ stage: 'sent', number: 1, endpoint: 'a', stream, sentAtMs }] });
  const { service } = factsOf(sent(nowMs - 3), nowMs);
  assert.deepEqual([service.owedBytes, service.stuckMs, service.presentMs], [5000, 3, 3]);
  assert.notEqual(whoBlocks(factsOf(sent(nowMs - 3), nowMs)).by, 'service');
  const stuck = whoBlocks(factsOf(sent(nowMs - 2000), nowMs));
  assert.deepEqual([stuck.by, stuck.forMs], ['service', 2000]);
});

test('an endpoint owes an answer where no attempt is at one that owes none', () => {
  const nowMs = performance.now();
  const { stream } = new RecordedStream();
  const sent = (unansweredMs: number | undefined): AttemptState => ({
    stage: 'sent',
    number: 1,
    endpoint: 'a',
    stream,
    sentAtMs: 1,
    unansweredMs,
  });
  const unanswered = (...states: readonly AttemptState[]): number | undefined =>
    factsOf(callWith({ states }), nowMs).unansweredMs;
  assert.equal(unanswered(), undefined);
  assert.equal(unanswered(sent(undefined)), undefined);
  assert.equal(unanswered(sent(1200)), 1200);
  assert.equal(unanswered({ stage: 'paused', number: 1 }, sent(1200)), 1200);
  assert.equal(unanswered(sent(1200), sent(1100)), 1100);
  assert.equal(
    unanswered(sent(1200), sent(undefined)),
    undefined,
    'a hedged call may get its response there',
  );
});

test('where the client takes nothing is measured, that is for how long it has not', () => {
  const nowMs = Math.ceil(performance.now()) + 30_000;
  const stuckMs = (unsentBytes: number, unsentMs?: number): number =>
    factsOf(
      callWith({
        hasResponse: true,
        clientRoom: { ...NO_ROOM, unsentBytes, ...(unsentMs !== undefined && { unsentMs }) },
      }),
      nowMs,
    ).client.stuckMs;
  assert.equal(stuckMs(10, 5000.5), 5000);
  assert.ok(stuckMs(0, 5000) >= 29_000, 'nothing is unsent: the bytes wait here');
  assert.ok(stuckMs(10) >= 29_000, 'the bytes of other streams say nothing');
});

test('what a limit holds back is no fault of the side that gets it', () => {
  const nowMs = Math.ceil(performance.now()) + 30_000;
  const { stream } = new RecordedStream();
  const looked = callWith({
    states: [{ stage: 'sent', number: 1, endpoint: 'a', stream, sentAtMs: nowMs - 29_000 }],
  });
  looked.request.discard();
  holds(looked.request, new DeadlineWheel(() => 0));
  looked.request.setTarget(stream);
  looked.request.forward(BYTES, 0, BYTES.length, false);
  const facts = factsOf(looked, nowMs);
  assert.equal(facts.service.owedBytes, 0);
  const { by, how, forMs, sentence } = whoBlocks(facts);
  assert.deepEqual([by, how], ['framegate', 'limit']);
  assert.ok(forMs >= 29_000, String(forMs));
  assert.match(sentence, /^The request is paced by a limit: a limit\. It holds back 4 KiB/);
});
