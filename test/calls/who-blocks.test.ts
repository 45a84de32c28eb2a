// Who holds a call up, for what is known of it: a table of cases, and what holds in all combinations.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCKERS, CALL_STATES, type CallState } from '../../src/calls/live-exchange.ts';
import { type CallFacts, type PeerFacts, whoBlocks } from '../../src/calls/who-blocks.ts';
import type { StreamRoom } from '../../src/h2/stream-room.ts';
import { NO_ROOM } from '../support/recorded-stream.ts';

const OPEN: StreamRoom = {
  ...NO_ROOM,
  sendWindow: 100,
  receiveWindow: 100,
  connectionSendWindow: 100,
  connectionReceiveWindow: 100,
};
const PEER: PeerFacts = {
  silentMs: 200,
  presentMs: 60_000,
  bytes: 10,
  hasEnded: false,
  isInsideMessage: false,
  owedBytes: 0,
  stuckMs: 0,
  waitMs: 0,
  room: OPEN,
};

interface Given {
  readonly paced?: CallFacts['paced'];
  readonly state?: CallState;
  readonly waits?: CallFacts['waits'];
  readonly protocol?: CallFacts['protocol'];
  readonly ageMs?: number;
  readonly unansweredMs?: number;
  readonly client?: Partial<PeerFacts>;
  readonly service?: Partial<PeerFacts>;
}

function factsOf({ client, service, ...rest }: Given): CallFacts {
  return {
    state: 'streaming',
    waits: undefined,
    protocol: 'grpc',
    ageMs: 60_000,
    paced: undefined,
    unansweredMs: undefined,
    ...rest,
    client: { ...PEER, ...client },
    service: { ...PEER, ...service },
  };
}

const NO_WINDOW: StreamRoom = { ...OPEN, sendWindow: 0 };
const STUCK = { owedBytes: 65_536, stuckMs: 42_000 };

const CASES: readonly (readonly [what: string, given: Given, blocked: string, sentence: RegExp])[] = [
  [
    'both have sent lately',
    {},
    'nobody none 0',
    /^The last bytes of the client came 0\.2 s ago\. The last bytes of the service came 0\.2 s ago\.$/,
  ],
  [
    'the client talks, and a service that has answered before does not',
    { service: { silentMs: 11_600 } },
    'service silent 11600',
    /^The service has sent nothing for 11 s, while the client kept sending\.$/,
  ],
  [
    'the client has talked for a moment, and the service has not answered that yet',
    { service: { silentMs: 4999 } },
    'nobody none 0',
    /client came 0\.2 s ago\. .*service came 4\.9 s ago\.$/,
  ],
  [
    'the client goes on talking, and the service has stopped inside a message',
    { client: { isInsideMessage: true }, service: { silentMs: 5000, isInsideMessage: true } },
    'service silent 5000',
    /^The service has sent a part of a message, and nothing more for 5 s, while the client kept sending\.$/,
  ],
  [
    'the client sends a long message, which the service must get first',
    { client: { isInsideMessage: true }, service: { silentMs: 9000 } },
    'nobody none 0',
    /^The service has sent nothing for 9 s, while the client kept sending\. It may be waiting for the rest of a message\.$/,
  ],
  [
    'the client talks, and the service has sent its header fields alone',
    { service: { silentMs: 9000, bytes: 0 } },
    'nobody none 0',
    /^The service sent its header fields 9 s ago, and no content since, while the client kept sending\. It may be waiting for the end of the request\.$/,
  ],
  [
    'the client streams, and the service has sent nothing yet',
    { state: 'waiting_for_response', service: { silentMs: undefined, presentMs: 12_000, bytes: 0 } },
    'nobody none 0',
    /^The service has sent nothing in the 12 s since it got the request, while the client kept sending\. It may be waiting for the end of the request\.$/,
  ],
  [
    'the client has just ended what it streamed',
    {
      state: 'waiting_for_response',
      client: { hasEnded: true },
      service: { silentMs: undefined, presentMs: 12_000, bytes: 0 },
    },
    'nobody none 0',
    /^The service has sent nothing in the 12 s since it got the request\. The request has been complete for 0\.2 s\.$/,
  ],
  [
    'the client has just ended, long after the service became silent',
    { state: 'request_ended', client: { hasEnded: true }, service: { silentMs: 12_000 } },
    'service silent 12000',
    /^The service has sent nothing for 12 s\. The request has been complete for 0\.2 s\.$/,
  ],
  [
    'the service talks, and the client listens',
    { client: { silentMs: 60_000 } },
    'nobody none 0',
    /^The last bytes of the client came 60 s ago\. The last bytes of the service came 0\.2 s ago\.$/,
  ],
  [
    'the connection of the service owes an answer to the keepalive, while the client talks',
    { unansweredMs: 1100, service: { silentMs: 4000 } },
    'service silent 4000',
    /^The service has sent nothing for 4 s\. The connection of the service has not answered the keepalive of 1\.1 s ago: its process or machine has stopped, or the network to it is interrupted\.$/,
  ],
  [
    'such a connection has a call of a moment ago',
    {
      unansweredMs: 1100,
      state: 'waiting_for_response',
      ageMs: 300,
      client: { silentMs: 300 },
      service: { silentMs: undefined, presentMs: 290, bytes: 0 },
    },
    'service silent 290',
    /^The service has sent nothing in the 0\.2 s since it got the request\. The connection of the service has not answered /,
  ],
  [
    'such a connection, although it would be the turn of the client',
    { unansweredMs: 1100, client: { silentMs: 9000 }, service: { silentMs: 8000 } },
    'service silent 8000',
    /^The service has sent nothing for 8 s\. The connection of the service has not /,
  ],
  [
    'such a connection, which has also taken nothing for longer than that of the client',
    {
      unansweredMs: 1100,
      client: { ...STUCK, stuckMs: 2000, room: NO_WINDOW },
      service: { ...STUCK, silentMs: 60_000, room: NO_WINDOW },
    },
    'service window 42000',
    /^The service does not read: .* for 42 s\. The client does not read either\. The connection of the service has not answered .* interrupted\.$/,
  ],
  [
    'such a connection, whose response the client does not read',
    { unansweredMs: 1100, client: { ...STUCK, room: NO_WINDOW } },
    'client window 42000',
    /^The client does not read: .* for 42 s\. The connection of the service has not answered the keepalive of 1\.1 s ago\.$/,
  ],
  [
    'such a connection, whose response a limit paces',
    {
      unansweredMs: 1100,
      paced: { direction: 'response', limit: '1 messages/s', heldBytes: 7, heldMs: 9000 },
      service: { silentMs: 9000 },
    },
    'framegate limit 9000',
    /^The response is paced by a limit: .* 9 s\. The connection of the service has not answered the keepalive of 1\.1 s ago\.$/,
  ],
  [
    'such a connection, whose request a limit paces',
    {
      unansweredMs: 1100,
      paced: { direction: 'request', limit: '1 messages/s', heldBytes: 7, heldMs: 9000 },
      service: { silentMs: 9000 },
    },
    'service silent 9000',
    /^The service has sent nothing for 9 s\. The connection of the service has not /,
  ],
  [
    'such a connection, and the response is complete',
    { unansweredMs: 1100, state: 'response_ended', service: { silentMs: 9000 } },
    'nobody none 0',
    /^The response is complete\.$/,
  ],
  [
    'the client spoke last',
    { client: { silentMs: 41_000 }, service: { silentMs: 42_000 } },
    'service silent 42000',
    /^The service has sent nothing for 42 s\. The last bytes of the client came 41 s ago\.$/,
  ],
  [
    'the service spoke last',
    { client: { silentMs: 42_000 }, service: { silentMs: 41_000 } },
    'client silent 42000',
    /^The client has sent nothing for 42 s\. The last bytes of the service came 41 s ago\.$/,
  ],
  [
    'in the same millisecond',
    { client: { silentMs: 5000 }, service: { silentMs: 5000 } },
    'client silent 5000',
    /^The client has sent nothing for 5 s\./,
  ],
  [
    'a limit paces the request, whose service waits for it',
    {
      paced: { direction: 'request', limit: '60 messages/s', heldBytes: 2048, heldMs: 9000 },
      service: { silentMs: 9000 },
      client: { silentMs: 8000 },
    },
    'framegate limit 9000',
    /^The request is paced by a limit: 60 messages\/s\. It holds back 2 KiB, and has held back some for 9 s\.$/,
  ],
  [
    'a limit paces a response that has come completely',
    {
      state: 'response_ended',
      paced: { direction: 'response', limit: '1 messages/s', heldBytes: 7, heldMs: 1000 },
    },
    'framegate limit 1000',
    /^The response is paced by a limit: 1 messages\/s\. It holds back 7 bytes,/,
  ],
  [
    'a limit holds back something for a moment',
    { paced: { direction: 'request', limit: '60 messages/s', heldBytes: 7, heldMs: 900 } },
    'nobody none 0',
    /^The last bytes of the client/,
  ],
  [
    'the request is complete',
    { state: 'request_ended', client: { silentMs: 9000, hasEnded: true }, service: { silentMs: 1000 } },
    'service silent 1000',
    /^The service has sent nothing for 1 s\. The request has been complete for 9 s\.$/,
  ],
  [
    'no head of a response',
    {
      state: 'waiting_for_response',
      client: { silentMs: 3_600_000, hasEnded: true },
      service: { silentMs: undefined, presentMs: 180_000 },
    },
    'service silent 180000',
    /^The service has sent nothing in the 3 min since it got the request\. The request has been complete for 60 min\.$/,
  ],
  [
    'no message after the header fields',
    {
      state: 'waiting_for_response',
      client: { silentMs: 4000, bytes: 0 },
      service: { silentMs: undefined, presentMs: 4100 },
    },
    'client silent 4000',
    /^The client has sent nothing for 4 s\. The service has sent nothing yet\.$/,
  ],
  [
    'a message, and no head of a response',
    {
      state: 'waiting_for_response',
      client: { silentMs: 4000 },
      service: { silentMs: undefined, presentMs: 4100 },
    },
    'service silent 4100',
    /^The service has sent nothing in the 4\.1 s/,
  ],
  [
    'a message that the service got later',
    {
      state: 'waiting_for_response',
      client: { silentMs: 4000 },
      service: { silentMs: undefined, presentMs: 3000 },
    },
    'service silent 3000',
    /^The service has sent nothing in the 3 s/,
  ],
  [
    'half of an upload over plain HTTP',
    {
      state: 'waiting_for_response',
      protocol: 'http',
      client: { silentMs: 4000 },
      service: { silentMs: undefined, presentMs: 4100 },
    },
    'client silent 4000',
    /^The client has sent nothing for 4 s\./,
  ],
  [
    'a WebSocket that the service has not opened',
    {
      state: 'waiting_for_response',
      protocol: 'websocket',
      client: { silentMs: 60_000, bytes: 0 },
      service: { silentMs: undefined, presentMs: 59_990 },
    },
    'service silent 59990',
    /^The service has sent nothing in the 59 s since it got the request\./,
  ],
  [
    'the service is inside a message, although it spoke last',
    { client: { silentMs: 9000 }, service: { silentMs: 5000, isInsideMessage: true } },
    'service silent 5000',
    /^The service has sent a part of a message, and nothing more for 5 s\. /,
  ],
  [
    'the client is inside a message, although it spoke last',
    { client: { silentMs: 5000, isInsideMessage: true }, service: { silentMs: 9000 } },
    'client silent 5000',
    /^The client has sent a part of a message, and nothing more for 5 s\. /,
  ],
  [
    'the service has sent a head alone',
    { client: { silentMs: 5000 }, service: { silentMs: 2000, bytes: 0 } },
    'client silent 5000',
    /The service sent its header fields 2 s ago, and no content since\.$/,
  ],
  [
    'the client does not read',
    { client: { ...STUCK, room: NO_WINDOW } },
    'client window 42000',
    /^The client does not read: its flow-control window is empty, and it has taken nothing of the waiting 64 KiB for 42 s\.$/,
  ],
  [
    'a window below zero',
    { client: { ...STUCK, room: { ...OPEN, sendWindow: -5, connectionSendWindow: 0 } } },
    'client window 42000',
    /its flow-control window is empty/,
  ],
  [
    'the window of the connection is empty',
    { client: { ...STUCK, owedBytes: 1, room: { ...OPEN, connectionSendWindow: 0 } } },
    'client connection_window 42000',
    /window of its connection, which all its calls share, is empty, and it has taken nothing of the waiting 1 byte for/,
  ],
  [
    'the connection takes nothing',
    { client: { ...STUCK, owedBytes: 5_000_000, room: OPEN } },
    'client socket 42000',
    /^The client does not read, or the network to it is interrupted: its connection takes no bytes, and it has taken nothing of the waiting 4 MiB/,
  ],
  [
    'HTTP/1.1, which has no windows',
    { service: { ...STUCK, owedBytes: 700, room: NO_ROOM } },
    'service socket 42000',
    /^The service does not read, or the network to it is interrupted: its connection takes no bytes, and it has taken nothing of the waiting 700 bytes/,
  ],
  [
    'the service does not read',
    { service: { ...STUCK, room: NO_WINDOW } },
    'service window 42000',
    /^The service does not read: its flow-control window is empty, and it has taken nothing of the waiting 64 KiB/,
  ],
  [
    'neither reads: the one that has not for longer',
    { client: { ...STUCK, room: NO_WINDOW }, service: { ...STUCK, stuckMs: 43_000, room: NO_WINDOW } },
    'service window 43000',
    /^The service does not read: .* for 43 s\. The client does not read either\.$/,
  ],
  [
    'neither reads for equally long',
    { client: { ...STUCK, room: NO_WINDOW }, service: { ...STUCK, room: NO_WINDOW } },
    'client window 42000',
    /^The client does not read: .* for 42 s\. The service does not read either\.$/,
  ],
  [
    'bytes wait for less than a second',
    { client: { ...STUCK, stuckMs: 999, room: NO_WINDOW } },
    'nobody none 0',
    /0\.2 s ago/,
  ],
  [
    'the client takes a little again and again, and the service has no window to send more',
    {
      state: 'request_ended',
      protocol: 'http',
      client: { owedBytes: 178_024, stuckMs: 300, silentMs: 14_000, hasEnded: true, room: NO_WINDOW },
      service: { silentMs: 13_239, room: { ...OPEN, isPaused: true } },
    },
    'client window 13239',
    /^The client reads slowly, or the network to it is slow: 173 KiB wait for it\. The last bytes of the service came 13 s ago\.$/,
  ],
  [
    'the service takes a little again and again, and the client has no window to send the rest of its message',
    {
      state: 'waiting_for_response',
      client: { silentMs: 9647, isInsideMessage: true, room: { ...OPEN, receiveWindow: 0 } },
      service: { owedBytes: 119_073, stuckMs: 700, silentMs: undefined, presentMs: 20_000, room: NO_WINDOW },
    },
    'service window 9647',
    /^The service reads slowly, or the network to it is slow: 116 KiB wait for it\. The last bytes of the client came 9\.6 s ago\.$/,
  ],
  [
    'both take a little again and again: the one that has taken nothing for longer',
    {
      client: { owedBytes: 1, stuckMs: 300, silentMs: 5000, room: NO_ROOM },
      service: { owedBytes: 1, stuckMs: 400, silentMs: 6000, room: NO_ROOM },
    },
    'service socket 5000',
    /^The service reads slowly, or the network to it is slow: 1 byte waits for it\. .* The client reads slowly as well\.$/,
  ],
  [
    'bytes flow all the time, and wait for long: a slow network, or a slow reader',
    { client: { owedBytes: 60_000, stuckMs: 20, waitMs: 4000, room: NO_WINDOW } },
    'client window 4000',
    /^The client reads slowly, or the network to it is slow: 58 KiB wait for it\. The last bytes of the service came 0\.2 s ago\.$/,
  ],
  [
    'bytes flow up all the time, and wait for long',
    { service: { owedBytes: 60_000, stuckMs: 20, waitMs: 4000 } },
    'service socket 4000',
    /^The service reads slowly, or the network to it is slow: .* client came 0\.2 s ago\.$/,
  ],
  [
    'bytes have waited for an endpoint longer than for this service',
    { service: { owedBytes: 60_000, stuckMs: 20, waitMs: 4000, presentMs: 900 } },
    'nobody none 0',
    /0\.2 s ago/,
  ],
  [
    'a fast transfer, in which some bytes always wait, but none for long',
    { client: { owedBytes: 60_000, stuckMs: 1, waitMs: 80, room: NO_WINDOW } },
    'nobody none 0',
    /0\.2 s ago/,
  ],
  [
    'the client is slow, so that the service has stopped reading as well',
    {
      client: { owedBytes: 900_000, stuckMs: 300, waitMs: 9000, room: NO_WINDOW },
      service: { ...STUCK, room: NO_WINDOW },
    },
    'client window 9000',
    /^The client reads slowly, .* The service does not read meanwhile\.$/,
  ],
  [
    'the service is slow, so that the client has stopped reading as well',
    {
      client: { ...STUCK, room: NO_WINDOW },
      service: { owedBytes: 900_000, stuckMs: 300, waitMs: 9000, room: NO_WINDOW },
    },
    'service window 9000',
    /^The service reads slowly, .* The client does not read meanwhile\.$/,
  ],
  [
    'a complete response that the client takes bit by bit',
    {
      state: 'response_ended',
      client: { owedBytes: 2048, stuckMs: 10, silentMs: 9000 },
      service: { silentMs: 9000 },
    },
    'client socket 9000',
    /^The client reads slowly, or the network to it is slow: 2 KiB wait for it\./,
  ],
  ['nothing waits', { client: { stuckMs: 42_000, room: NO_WINDOW } }, 'nobody none 0', /0\.2 s ago/],
  [
    'a complete response that the client does not read',
    { state: 'response_ended', client: { ...STUCK, room: NO_WINDOW } },
    'client window 42000',
    /^The client does not read/,
  ],
  [
    'a complete response on its way',
    {
      state: 'response_ended',
      client: { owedBytes: 2048, stuckMs: 10, silentMs: 9000 },
      service: { silentMs: 900 },
    },
    'nobody none 0',
    /^The response is complete\. The client has 2 KiB of it to read\.$/,
  ],
  ['a complete response', { state: 'response_ended' }, 'nobody none 0', /^The response is complete\.$/],
  [
    'no endpoint',
    {
      state: 'waiting_for_endpoint',
      waits: { text: 'none is there', by: 'framegate' },
      client: { ...STUCK, room: NO_WINDOW },
    },
    'framegate waiting 60000',
    /^The call waits for a place at its upstream: none is there\.$/,
  ],
  [
    'no endpoint, and a client that has filled the window',
    {
      state: 'waiting_for_endpoint',
      waits: { text: 'none is there', by: 'framegate' },
      client: { room: { ...OPEN, receiveWindow: 0 } },
    },
    'framegate window 60000',
    /^The call waits for a place at its upstream: none is there\. The client may send no more meanwhile, /,
  ],
  [
    'no endpoint that answers',
    { state: 'waiting_for_endpoint', waits: { text: 'none answers', by: 'service' } },
    'service waiting 60000',
    /^The call waits for a place at its upstream: none answers\.$/,
  ],
  [
    'no endpoint that answers, and a client that has filled the window of Framegate',
    {
      state: 'waiting_for_endpoint',
      waits: { text: 'none answers', by: 'service' },
      client: { room: { ...OPEN, receiveWindow: 0 } },
    },
    'service waiting 60000',
    /: none answers\. The client may send no more meanwhile, /,
  ],
  [
    'HTTP/1.1 that is not read from',
    { state: 'waiting_for_policy', client: { room: { ...NO_ROOM, isPaused: true } } },
    'framegate window 60000',
    /^The call waits for the answer to a question .* The client may send no more/,
  ],
  ['a policy', { state: 'waiting_for_policy' }, 'framegate waiting 60000', /question that a policy/],
  ['a retry', { state: 'waiting_for_retry' }, 'framegate waiting 60000', /waits for its next attempt/],
  ['its turn', { state: 'waiting_for_turn' }, 'framegate waiting 60000', /until an earlier one/],
  [
    'hours',
    { client: { silentMs: 10_800_000 }, service: { silentMs: 86_400_000 } },
    'service silent 86400000',
    /nothing for 24 h\. .* came 3 h ago\.$/,
  ],
];

for (const [what, given, wanted, sentence] of CASES) {
  test(`${what}: ${wanted}`, () => {
    const blocked = whoBlocks(factsOf(given));
    assert.equal(`${blocked.by} ${blocked.how} ${blocked.forMs}`, wanted);
    assert.match(blocked.sentence, sentence);
  });
}

test('a side blocks a call after the time that its caller gives it', () => {
  const facts = factsOf({ client: { silentMs: 20 }, service: { silentMs: 300 } });
  const given = { silentMs: 100, answerMs: 300 };
  assert.equal(whoBlocks(facts).by, 'nobody');
  assert.equal(whoBlocks(facts, given).by, 'service');
  assert.equal(whoBlocks(facts, { ...given, answerMs: 301 }).by, 'nobody');
});

const SILENCES = [undefined, 0, 999, 1000, 5000];
const ROOMS = [undefined, NO_ROOM, OPEN, NO_WINDOW, { ...OPEN, connectionSendWindow: 0 }];
const PEERS: readonly PeerFacts[] = SILENCES.flatMap((silentMs) =>
  [false, true].flatMap((hasEnded) =>
    [false, true].flatMap((isInsideMessage) =>
      [0, 1, 4000].flatMap((owedBytes) =>
        [
          [0, 0],
          [0, 2000],
          [1000, 1000],
        ].flatMap(([stuckMs, waitMs]) =>
          ROOMS.map((room) => ({
            ...PEER,
            silentMs,
            hasEnded,
            isInsideMessage,
            owedBytes,
            stuckMs,
            waitMs,
            room,
          })),
        ),
      ),
    ),
  ),
);

test('in all combinations: one who, one how that fits, and whole sentences', () => {
  // Each peer with each of a few others would be millions: a stride without a common factor meets all pairs of properties.
  const failures: string[] = [];
  let count = 0;
  for (const state of CALL_STATES) {
    for (const protocol of ['grpc', 'http', 'websocket'] as const) {
      for (let one = 0; one < PEERS.length; one++) {
        for (let other = one % 7; other < PEERS.length; other += 7) {
          const facts = {
            state,
            protocol,
            waits: undefined,
            ageMs: 9000,
            paced: undefined,
            unansweredMs: undefined,
            client: PEERS[one],
            service: PEERS[other],
          };
          count++;
          const wrong = whatIsWrong(facts);
          if (wrong !== undefined && failures.length < 5) failures.push(`${wrong}: ${JSON.stringify(facts)}`);
        }
      }
    }
  }
  assert.deepEqual(failures, []);
  assert.ok(count > 500_000);
});

function whatIsWrong(facts: CallFacts): string | undefined {
  const { by, how, forMs, sentence } = whoBlocks(facts);
  if (!BLOCKERS.includes(by)) return `by ${by}`;
  if (!/^(?:[A-Z][^.]*(?:\.\d[^.]*)*\. ?)+$/.test(sentence)) return `sentence ${sentence}`;
  const isWaiting = facts.state.startsWith('waiting_') && facts.state !== 'waiting_for_response';
  if (isWaiting !== (by === 'framegate')) return `by ${by}`;
  if ((by === 'nobody') !== (how === 'none') || (how === 'none' && forMs !== 0)) return `how ${how}`;
  if (by === 'client' || by === 'service') {
    const peer = facts[by];
    const isStuck = how !== 'silent';
    const other = facts[by === 'client' ? 'service' : 'client'];
    if (isStuck && peer.owedBytes === 0) return 'nothing waits';
    const times: readonly number[] = [peer.stuckMs, peer.waitMs, other.silentMs ?? other.presentMs];
    if (isStuck && !times.includes(forMs)) return 'not for so long';
    // While the client goes on sending, a service that reads has something to read now and then.
    const isTalking = (other.silentMs ?? other.presentMs) < 1000;
    if (!isStuck && other.owedBytes > 0) return 'the other side has bytes to read';
    if (!isStuck && !isTalking && peer.owedBytes > 0) return 'it has bytes to read';
    if (!isStuck && isTalking && (by === 'client' || forMs < 5000)) return 'the other side talks';
    if (forMs < 1000) return 'too short';
    if (!isStuck && forMs !== (peer.silentMs ?? peer.presentMs)) return `for ${forMs}`;
    if (how === 'window' && (peer.room?.sendWindow ?? 1) > 0) return 'there is a window';
  }
  if (by === 'nobody') {
    const isStuck = [facts.client, facts.service].some(
      ({ owedBytes, stuckMs, waitMs }) => owedBytes > 0 && Math.max(stuckMs, waitMs) >= 1000,
    );
    if (isStuck) return 'somebody does not read';
  }
  return undefined;
}
