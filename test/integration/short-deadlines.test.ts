// Clients whose calls have short deadlines reset many streams a moment after they opened them, and keep their connection.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { startProxy, startRawUpstream } from '../support/proxy-under-test.ts';

test('a thousand calls that are reset at their deadline of 10 ms leave the other calls of the connection alone', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  const voice = client.call({ endStream: false });
  const first = await upstream.wantRequest();
  for (let count = 0; count < 1000; count++) {
    const call = client.call({ fields: [['grpc-timeout', '10m']] });
    client.sendReset(call, ErrorCode.CANCEL);
  }
  await proxy.wantRecords(1000);
  first.succeed();
  assert.equal((await client.outcome(voice)).grpcStatus, '0');
});

test('a client that resets its calls at once without a deadline is sent away, and the log names the key', async (t) => {
  const upstream = await startRawUpstream(t);
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear');
  for (let count = 0; count < 300; count++) client.sendReset(client.call(), ErrorCode.CANCEL);
  const line = await proxy.line(({ token }) => token === 'too_many_resets');
  assert.match(String(line['msg']), /more than limits\.floods\.resets allows/);
});
