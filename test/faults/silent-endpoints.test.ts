// Endpoints from which nothing comes any more, although their connections stay open: a process that is stopped, and a service that
// is asked too often.

import assert from 'node:assert/strict';
import { kill } from 'node:process';
import { test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from '../support/eventually.ts';
import { startServiceProcess } from '../support/proxy-process.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { goAwayFrame } from '../support/raw-frames.ts';

const keepalive = { after: '1s', timeout: '2s' };

test('streams at a stopped process end UNAVAILABLE, calls go elsewhere, one warning; when it goes on, it is used again', async (t) => {
  const service = await startServiceProcess(t);
  const other = await startDemo(t);
  const endpoints = [service.address, other.address];
  const proxy = await startProxy(t, { sections: { upstreams: { voice: { endpoints, keepalive } } } });
  const client = proxy.voiceClient('clear');
  const servedBy = async (): Promise<string> => (await client.say({})).reply?.servedBy ?? '';
  const seen = new Set<string>();
  await eventually('both serve', async () => seen.add(await servedBy()).size === 2);
  const streams = Array.from({ length: 10 }, () => client.streamAudio());
  for (const stream of streams) {
    stream.send({ sequence: 1, audio: Buffer.alloc(100), returnAudio: true });
    assert.equal((await stream.next())?.sequence, 1);
  }
  kill(service.pid, 'SIGSTOP');
  const silent = await proxy.line(({ token }) => token === 'upstream_silent');
  assert.deepEqual(
    [silent['level'], silent['endpoint'], silent['code'], silent['calls']],
    [40, service.address, 'FG2014', 5],
  );
  assert.match(
    String(silent['msg']),
    /^lost 5 calls: .* has sent nothing for [3-9] s and does not answer \(keepalive\)/,
  );
  const ended = await eventually('they are told', () => {
    const records = proxy.records().filter(({ grpcStatus }) => grpcStatus === 'UNAVAILABLE');
    return records.length === 5 && records;
  });
  for (const { reason } of ended) assert.match(reason, /^upstream_silent: .* has sent nothing for/);
  for (let call = 0; call < 10; call++) assert.equal(await servedBy(), other.address);
  assert.equal(proxy.lines().filter(({ token }) => token === 'upstream_silent').length, 1);
  kill(service.pid, 'SIGCONT');
  await eventually('it serves again', async () => (await servedBy()) === service.address);
});

test('too_many_pings is a warning that names what the service can be given', async (t) => {
  const upstream = await startRawUpstream(t, {
    onPeerFrame: (peer, { type }) => {
      if (type !== FrameType.PING) return;
      peer.send(goAwayFrame(1, ErrorCode.ENHANCE_YOUR_CALM, 'too_many_pings'));
      peer.socket.end();
    },
  });
  const endpoints = [upstream.address];
  const proxy = await startProxy(t, { sections: { upstreams: { voice: { endpoints, keepalive } } } });
  const client = await proxy.rawClient('clear');
  const outcome = await client.outcome(client.call());
  assert.equal(outcome.grpcStatus, String(status.UNAVAILABLE));
  const line = await proxy.line(({ msg }) => String(msg).includes('too_many_pings'));
  assert.deepEqual([line['level'], line['endpoint'], line['afterMs']], [40, upstream.address, 2000]);
});
