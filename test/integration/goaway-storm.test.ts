// A service that sends GOAWAY all the time loses no call, as long as it says which ones it has not looked at.

import assert from 'node:assert/strict';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { goAwayFrame } from '../support/raw-frames.ts';

const CALLS = 10_000;
/** Together more calls at once than a connection carries, so that some meet several GOAWAYs in a row. */
const CLIENTS = 4;
const CALLS_AT_ONCE = 100;
const CALLS_PER_CONNECTION = 97;
const LAST_STREAM_ID = 2 * CALLS_PER_CONNECTION - 1;

test(`of ${CALLS} calls none fails at a service that sends GOAWAY with every ${CALLS_PER_CONNECTION}th`, async (t) => {
  let ignored = 0;
  const upstream = await startRawUpstream(t, {
    onRequest: ({ peer, streamId }) => {
      if (streamId === LAST_STREAM_ID) peer.send(goAwayFrame(LAST_STREAM_ID, ErrorCode.NO_ERROR));
      if (streamId > LAST_STREAM_ID) ignored++;
    },
    onRequestEnd: (request) => {
      if (request.streamId <= LAST_STREAM_ID) request.succeed();
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const sessions = Array.from({ length: CLIENTS }, () => connect(`http://127.0.0.1:${proxy.port('clear')}`));
  t.after(() => sessions.forEach((session) => session.destroy()));
  const statuses = new Map<string, number>();
  await Promise.all(
    sessions.flatMap((session) => Array.from({ length: CALLS_AT_ONCE }, () => callInTurn(session, statuses))),
  );
  assert.deepEqual([...statuses], [['0', CALLS]]);
  assert.ok(ignored > CALLS / CALLS_PER_CONNECTION, `${ignored} calls met a GOAWAY`);
});

async function callInTurn(session: ClientHttp2Session, statuses: Map<string, number>): Promise<void> {
  for (let count = 0; count < CALLS / CLIENTS / CALLS_AT_ONCE; count++) {
    const status = await statusOfCall(session);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
}

/** @returns the gRPC status, or the code of the reset */
function statusOfCall(session: ClientHttp2Session): Promise<string> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/a.B/C',
      'content-type': 'application/grpc',
    });
    let status = '';
    const take = (fields: IncomingHttpHeaders): void => {
      status = String(fields['grpc-status'] ?? status);
    };
    stream
      .on('response', take)
      .on('trailers', take)
      .on('error', () => undefined);
    stream.on('close', () => resolve(status === '' ? `reset ${stream.rstCode}` : status));
    stream.resume().end();
  });
}
