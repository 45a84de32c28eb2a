// One call of the gRPC services of the admin server, without a connection.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HeldBytes, RpcCall } from '../../../src/admin/rpc/rpc-call.ts';
import { RpcError } from '../../../src/admin/rpc/rpc-method.ts';
import { GrpcStatus } from '../../../src/grpc/status.ts';
import { ErrorCode } from '../../../src/h2/error-codes.ts';
import type { HeaderList } from '../../../src/h2/hpack/header-list.ts';
import type { Stream } from '../../../src/h2/stream.ts';
import { grpcMessage } from '../../support/raw-frames.ts';
import { standIn } from '../../support/stand-in.ts';

interface Scene {
  readonly call: RpcCall;
  /** The gRPC statuses that were sent. */
  readonly statuses: readonly (string | undefined)[];
  /** How often the connection was told that the call is over. */
  readonly overs: () => number;
  /** Codes of RST_STREAM. */
  readonly resets: readonly number[];
  readonly held: HeldBytes;
}

interface ClientTerms {
  readonly held: HeldBytes;
  /** How many bytes of each piece the client takes at once. */
  takes: number;
}

const READING: ClientTerms = { held: new HeldBytes(1000), takes: Number.POSITIVE_INFINITY };

function begin(onRequest: (call: RpcCall, request: Buffer) => void, client: ClientTerms = READING): Scene {
  const statuses: (string | undefined)[] = [];
  const resets: number[] = [];
  let overs = 0;
  const stream = {
    sendHeaders: (list: HeaderList, endStream: boolean) => {
      if (endStream) statuses.push(list.get('grpc-status'));
      return true;
    },
    sendData: (_bytes: Buffer, start: number, end: number) => Math.min(client.takes, end - start),
    credit: () => undefined,
    reset: (code: number) => {
      resets.push(code);
      return true;
    },
  };
  const call = new RpcCall({
    stream: standIn<Stream>(stream),
    deadlineMs: undefined,
    onRequest,
    onOver: () => void overs++,
    contain: (action) => action(),
    held: client.held,
  });
  return { call, statuses, overs: () => overs, resets, held: client.held };
}

function request(call: RpcCall, text: string): void {
  const bytes = grpcMessage(Buffer.from(text));
  call.onData(bytes, 0, bytes.length, true);
}

test('a request is kept as it was when its bytes have been used for something else before it ends', () => {
  const requests: string[] = [];
  const { call } = begin((_call, bytes) => requests.push(bytes.toString()));
  const received = grpcMessage(Buffer.from('shop.Orders'));
  call.onData(received, 0, received.length, false);
  received.fill(0xee);
  call.onData(received, 0, 0, true);
  assert.deepEqual(requests, ['shop.Orders']);
  call.onReset();
});

test('a method that has ended its call while it began is told that it is over, and only once', () => {
  let overs = 0;
  const scene = begin((call) => {
    call.end(new RpcError(GrpcStatus.UNAVAILABLE, 'gone'));
    call.keepOpen({ onTaken: () => assert.fail('it is over'), onOver: () => void overs++ });
  });
  request(scene.call, '');
  assert.deepEqual([overs, scene.overs(), scene.statuses], [1, 1, ['14']]);
  scene.call.onReset();
  assert.deepEqual([overs, scene.overs(), scene.statuses.length], [1, 1, 1]);
});

test('a call that stays open ends with its client, and tells its method', () => {
  let overs = 0;
  const scene = begin((call) => call.keepOpen({ onTaken: () => undefined, onOver: () => void overs++ }));
  request(scene.call, '');
  assert.deepEqual([overs, scene.call.isOver], [0, false]);
  scene.call.onConnectionLost();
  assert.deepEqual([overs, scene.overs(), scene.call.isOver], [1, 1, true]);
});

function keepOpen(call: RpcCall): void {
  call.keepOpen({ onTaken: () => undefined, onOver: () => undefined });
}

const MESSAGE = Buffer.alloc(95);
const PREFIX_BYTES = 5;

const ENDS: readonly (readonly [how: string, end: (call: RpcCall) => void])[] = [
  ['resets it', (call) => call.onReset()],
  ['loses its connection', (call) => call.onConnectionLost()],
  ['has more to take than may wait', (call) => call.send(Buffer.alloc(2000))],
  [
    'takes all of it bit by bit',
    (call) => {
      for (let taken = 0; taken < 2 * (MESSAGE.length + PREFIX_BYTES); taken += 10) call.onWritable();
      call.end(new RpcError(GrpcStatus.OK, ''));
    },
  ],
];

for (const [how, end] of ENDS)
  test(`what waits for a client is given back when the client ${how}, and what waits for others is not`, () => {
    const client = { held: new HeldBytes(1000), takes: 10 };
    const [one, other] = [begin(keepOpen, client), begin(keepOpen, client)];
    for (const { call } of [one, other]) request(call, '');
    one.call.send(MESSAGE);
    one.call.send(MESSAGE);
    other.call.send(MESSAGE);
    const ofOther = MESSAGE.length + PREFIX_BYTES - client.takes;
    assert.equal(client.held.count, ofOther + 2 * (MESSAGE.length + PREFIX_BYTES) - client.takes);
    end(one.call);
    assert.deepEqual([one.overs(), client.held.count], [1, ofOther]);
    other.call.onReset();
    assert.equal(client.held.count, 0);
  });

const RESPONSE = Buffer.from('a response');
const GONE = new RpcError(GrpcStatus.UNAUTHENTICATED, 'gone');

interface Over {
  /** How often the method was told that the call is over. */
  readonly methodOvers: () => number;
}

/** A call that stays open, whose client takes none of its response. */
function unread(t: TestContext, client = { held: new HeldBytes(1000), takes: 0 }): Scene & Over {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let overs = 0;
  const scene = begin((call) => {
    call.send(RESPONSE);
    call.keepOpen({ onTaken: () => undefined, onOver: () => void overs++ });
  }, client);
  request(scene.call, '');
  assert.equal(scene.call.isTaken, false);
  return { ...scene, methodOvers: () => overs };
}

test('a call that is ended ends within ten seconds, although its client takes nothing', (t) => {
  const { call, methodOvers, overs, resets, held } = unread(t);
  call.end(GONE);
  t.mock.timers.tick(9_999);
  assert.deepEqual([overs(), methodOvers()], [0, 0]);
  t.mock.timers.tick(1);
  assert.deepEqual([overs(), methodOvers(), held.count], [1, 1, 0]);
  assert.deepEqual(resets, [ErrorCode.ENHANCE_YOUR_CALM]);
});

test('a call that is ended tells its status to a client that takes what was sent before', (t) => {
  const client = { held: new HeldBytes(1000), takes: 0 };
  const { call, overs, statuses, resets } = unread(t, client);
  call.end(GONE);
  client.takes = 100;
  call.onWritable();
  assert.deepEqual([overs(), statuses, resets], [1, ['16'], [ErrorCode.NO_ERROR]]);
  t.mock.timers.tick(100_000);
  assert.deepEqual([overs(), resets.length], [1, 1]);
});

test('a call that stays open is ended when its client takes nothing for a minute', (t) => {
  const { methodOvers, overs, resets, held } = unread(t);
  t.mock.timers.tick(59_999);
  assert.equal(overs(), 0);
  t.mock.timers.tick(1);
  assert.deepEqual([overs(), methodOvers(), held.count], [1, 1, 0]);
  assert.deepEqual(resets, [ErrorCode.ENHANCE_YOUR_CALM]);
});

test('a call whose client takes each response stays open, and has the time anew for each', (t) => {
  const client = { held: new HeldBytes(1000), takes: 0 };
  const { call, overs } = unread(t, client);
  t.mock.timers.tick(59_000);
  client.takes = 100;
  call.onWritable();
  t.mock.timers.tick(1_000_000);
  client.takes = 0;
  call.send(RESPONSE);
  t.mock.timers.tick(59_000);
  assert.equal(overs(), 0);
  t.mock.timers.tick(1_000);
  assert.equal(overs(), 1);
});
