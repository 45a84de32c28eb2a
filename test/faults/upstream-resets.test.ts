// RST_STREAM of a service, with every code, at every point of a response: the client ends with the status that gRPC gives
// to the code, with all that came before, and the access log says the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type status as GrpcStatus, status } from '../../src/demo/grpc.ts';
import { ErrorCode, errorCodeName } from '../../src/h2/error-codes.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest } from '../support/raw-server.ts';

type StatusName = keyof typeof GrpcStatus;

/** gRPC over HTTP/2, section "Errors"; INTERNAL for every code that is not here. */
const STATUS_OF: Readonly<Record<string, StatusName>> = {
  REFUSED_STREAM: 'UNAVAILABLE',
  CANCEL: 'CANCELLED',
  ENHANCE_YOUR_CALM: 'RESOURCE_EXHAUSTED',
  INADEQUATE_SECURITY: 'PERMISSION_DENIED',
};

/** All of RFC 9113 section 7, and one that nobody has defined. */
const CODES: readonly number[] = [...Object.values(ErrorCode), 0x5eed];

const MESSAGE = Buffer.alloc(700, 'm');

interface Moment {
  readonly when: string;
  readonly before: (request: RawRequest) => void;
  readonly content: number;
}

const MOMENTS: readonly Moment[] = [
  { when: 'before the response headers', before: () => undefined, content: 0 },
  { when: 'after the response headers', before: (request) => request.sendHeaders(), content: 0 },
  {
    when: 'after a message',
    before: (request) => {
      request.sendHeaders();
      request.sendMessage(MESSAGE);
    },
    content: grpcMessage(MESSAGE).length,
  },
  {
    when: 'within a message',
    before: (request) => {
      request.sendHeaders();
      request.peer.sendData(request.streamId, grpcMessage(MESSAGE).subarray(0, 300));
    },
    content: 300,
  },
];

for (const { when, before, content } of MOMENTS) {
  test(`every code ${when} is the status that gRPC gives to it, for the client and in the log`, async (t) => {
    let code = 0;
    const upstream = await startRawUpstream(t, {
      onRequest: (request) => {
        before(request);
        request.reset(code);
      },
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = proxy.voiceClient('tls');
    const raw = await proxy.rawClient('clear');
    for (code of CODES) {
      const name = errorCodeName(code);
      const expected = STATUS_OF[name] ?? 'INTERNAL';
      const recordsBefore = proxy.records().length;
      const outcome = await client.narrate({});
      assert.equal(status[outcome.code], expected, `${name}: ${outcome.details}`);
      const passedOn = await raw.outcome(raw.call());
      assert.equal(passedOn.content.length, content, `${name}: what came before`);
      assert.equal(
        passedOn.grpcStatus,
        undefined,
        `${name}: no status is made up where the code can be passed on`,
      );
      const relayed = code === ErrorCode.NO_ERROR ? ErrorCode.INTERNAL_ERROR : code;
      assert.equal(passedOn.resetCode, relayed, name);
      const records = (await proxy.wantRecords(recordsBefore + 2)).slice(recordsBefore);
      assert.equal(records.length, 2, name);
      for (const record of records) {
        assert.equal(record.grpcStatus, expected, name);
        assert.equal(record['endedBy'], 'upstream', name);
        assert.match(record.reason, new RegExp(name.startsWith('0x') ? name : `\\(${name}\\)`), name);
      }
    }
  });
}

test('a refused call is made once more before the client hears of it, any other reset is not', async (t) => {
  for (const code of CODES) {
    const upstream = await startRawUpstream(t, {
      onRequest: (request) => (upstream.requests.length === 1 ? request.reset(code) : request.succeed()),
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('clear');
    const outcome = await client.outcome(client.call());
    const isRepeated = code === ErrorCode.REFUSED_STREAM;
    assert.equal(outcome.grpcStatus === '0', isRepeated, errorCodeName(code));
    assert.equal(upstream.requests.length, isRepeated ? 2 : 1, errorCodeName(code));
    assert.equal((await proxy.record())['attempts'], isRepeated ? 2 : 1, errorCodeName(code));
    await proxy.close();
  }
});

test('a thousand uploads that the service answers early and resets with NO_ERROR all succeed', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.succeed(MESSAGE);
      request.reset(ErrorCode.NO_ERROR);
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  for (let batch = 0; batch < 20; batch++) {
    const calls = Array.from({ length: 50 }, () =>
      client.call({ endStream: false, body: Buffer.alloc(100) }),
    );
    for (const streamId of calls) {
      const outcome = await client.outcome(streamId);
      assert.equal(outcome.grpcStatus, '0');
      assert.equal(outcome.content.length, grpcMessage(MESSAGE).length);
    }
  }
  const records = await proxy.wantRecords(1000);
  assert.equal(records.length, 1000);
  assert.ok(records.every(({ grpcStatus }) => grpcStatus === 'OK'));
});
