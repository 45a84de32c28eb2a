// An upstream that cannot be reached or does not speak HTTP/2: the client gets UNAVAILABLE at once, with a sentence that
// says which of these it was, and is served again as soon as the upstream is back.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startServiceProcess } from '../support/proxy-process.ts';
import { startDemo, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { windowUpdateFrame } from '../support/raw-frames.ts';
import { startSocketServer } from '../support/raw-server.ts';

function isOk({ code }: { readonly code: number }): boolean {
  return status[code] === 'OK';
}

test('an upstream that is down gives UNAVAILABLE quickly and is used once it is up', async (t) => {
  const port = await freePort();
  const proxy = await startProxy(t, { endpoints: [`127.0.0.1:${port}`] });
  const client = proxy.voiceClient('tls');
  for (let call = 0; call < 3; call++) {
    const outcome = await client.say({});
    assert.equal(outcome.code, status.UNAVAILABLE);
    assert.match(outcome.details, new RegExp(`127\\.0\\.0\\.1:${port} refused the connection`));
  }
  const record = await proxy.record();
  assert.equal(record.grpcStatus, 'UNAVAILABLE');
  assert.match(record.reason, /^upstream_connection_refused: /);
  assert.equal(record['endedBy'], 'framegate');
  assert.equal(record['attempts'], 0);
  await startDemo(t, { address: `127.0.0.1:${port}` });
  await eventually('calls succeed again', async () => isOk(await client.say({})));
});

test('a service process killed in the middle of 50 streams gives what had arrived, then UNAVAILABLE', async (t) => {
  const service = await startServiceProcess(t);
  const proxy = await startProxy(t, { endpoints: [service.address] });
  const client = proxy.voiceClient('tls');
  const streams = Array.from({ length: 50 }, () => client.streamAudio());
  for (const stream of streams) {
    stream.send({ sequence: 1 });
    stream.send({ sequence: 2 });
  }
  for (const stream of streams) assert.equal((await stream.next())?.sequence, 1);
  for (const stream of streams) assert.equal((await stream.next())?.sequence, 2);
  service.kill();
  for (const stream of streams) {
    const outcome = await stream.outcome;
    assert.equal(outcome.code, status.UNAVAILABLE, outcome.details);
    assert.match(outcome.details, /was lost during the call/);
  }
  await startDemo(t, { address: service.address });
  await eventually('calls succeed again', async () => isOk(await client.say({})));
});

for (const way of ['FIN', 'RST'] as const) {
  test(`messages that came before the upstream's ${way} are delivered, then UNAVAILABLE`, async (t) => {
    const upstream = await startRawUpstream(t, {
      onRequest: (request) => {
        request.sendHeaders();
        for (let message = 0; message < 4; message++) request.sendMessage(Buffer.alloc(10_000, message));
      },
    });
    const proxy = await startProxy(t, { endpoints: [upstream.address] });
    const client = await proxy.rawClient('tls');
    const streamId = client.call({ endStream: false });
    await eventually('all has arrived', () => client.contentOf(streamId).length === 4 * 10_005);
    const { socket } = upstream.peers[0];
    if (way === 'FIN') socket.end();
    else socket.resetAndDestroy();
    const outcome = await client.outcome(streamId);
    assert.equal(outcome.content.length, 4 * 10_005);
    assert.equal(new Map(outcome.trailers).get('grpc-status'), String(status.UNAVAILABLE));
    const record = await proxy.record();
    assert.equal(record.grpcStatus, 'UNAVAILABLE');
    assert.match(record.reason, /^upstream_connection_lost: /);
  });
}

test('messages that the client has not taken yet when the upstream dies still reach it, then UNAVAILABLE', async (t) => {
  const upstream = await startRawUpstream(t, {
    onRequest: (request) => {
      request.sendHeaders();
      for (let message = 0; message < 10; message++) request.sendMessage(Buffer.alloc(10_000, message));
    },
  });
  const proxy = await startProxy(t, { endpoints: [upstream.address] });
  const client = await proxy.rawClient('clear', { givesCredit: false });
  const streamId = client.call({ endStream: false });
  // The client's window is used up, so that the rest waits in the proxy.
  await eventually('the window is used up', () => client.contentOf(streamId).length === 65_535);
  upstream.peers[0].destroy();
  await proxy.line(({ msg }) => String(msg).startsWith('lost 1 call: '));
  client.send(windowUpdateFrame(0, 1_000_000), windowUpdateFrame(streamId, 1_000_000));
  const outcome = await client.outcome(streamId);
  assert.equal(outcome.content.length, 10 * 10_005);
  assert.equal(new Map(outcome.trailers).get('grpc-status'), String(status.UNAVAILABLE));
});

interface WrongUpstream {
  readonly does: string;
  readonly onSocket: (socket: Socket) => void;
  readonly says: RegExp;
  readonly token: string;
}

const wrongUpstreams: readonly WrongUpstream[] = [
  {
    does: 'answers HTTP/1.1',
    onSocket: (socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'));
    },
    says: /answered HTTP\/1\.1, not h2c /,
    token: 'upstream_not_http2_http1',
  },
  {
    does: 'answers with a TLS alert',
    onSocket: (socket) => {
      socket.once('data', () => socket.end(Buffer.from([0x15, 3, 1, 0, 2, 2, 70])));
    },
    says: /expects TLS: set protocol: h2 /,
    token: 'upstream_not_http2_tls',
  },
  {
    does: 'answers something else',
    onSocket: (socket) => {
      socket.write('220 mail.example.com ESMTP\r\n');
    },
    says: /answered neither HTTP\/2 nor HTTP\/1\.1/,
    token: 'upstream_not_http2_unknown',
  },
  {
    does: 'accepts and says nothing',
    onSocket: () => undefined,
    says: /accepted the connection but sent no SETTINGS in /,
    token: 'upstream_no_settings',
  },
  {
    does: 'breaks a rule of HTTP/2 in its SETTINGS',
    onSocket: (socket) => {
      socket.once('data', () => socket.write(Buffer.from([0, 0, 3, 4, 0, 0, 0, 0, 0, 1, 2, 3])));
    },
    says: /sent what HTTP\/2 forbids, so this proxy ended the connection \(SETTINGS of 3 bytes/,
    token: 'upstream_http2_violation',
  },
  {
    does: 'closes at once',
    onSocket: (socket) => {
      socket.end();
    },
    says: /accepted the connection and broke it off/,
    token: 'upstream_connection_reset',
  },
  {
    does: 'resets at once',
    onSocket: (socket) => {
      socket.resetAndDestroy();
    },
    says: /accepted the connection and broke it off/,
    token: 'upstream_connection_reset',
  },
];

async function callWrongUpstream(t: TestContext, wrong: WrongUpstream): Promise<void> {
  const server = await startSocketServer(wrong.onSocket);
  t.after(() => server.close());
  const proxy = await startProxy(t, {
    endpoints: [server.address],
    connections: { connectTimeout: '300ms' },
  });
  const client = proxy.voiceClient('tls');
  const outcomes = await Promise.all([client.say({}), client.say({}), client.say({})]);
  for (const outcome of outcomes) {
    assert.equal(outcome.code, status.UNAVAILABLE);
    assert.match(outcome.details, wrong.says);
    assert.ok(outcome.details.startsWith(server.address), outcome.details);
  }
  const record = await proxy.record();
  assert.ok(record.reason.startsWith(`${wrong.token}: `), record.reason);
  const line = await proxy.line(({ token }) => token === wrong.token);
  assert.equal(line['endpoint'], server.address);
}

for (const wrong of wrongUpstreams) {
  test(`an upstream that ${wrong.does} gives UNAVAILABLE and says so`, (t) => callWrongUpstream(t, wrong));
}

test('a name that DNS does not know gives UNAVAILABLE and says so', async (t) => {
  const proxy = await startProxy(t, { endpoints: ['no-such-host.invalid:50051'] });
  const outcome = await proxy.voiceClient('tls').say({});
  assert.equal(outcome.code, status.UNAVAILABLE);
  assert.match(outcome.details, /no-such-host\.invalid:50051/);
});

test('a waiting call keeps its deadline', async (t) => {
  const server = await startSocketServer(() => undefined);
  t.after(() => server.close());
  const proxy = await startProxy(t, { endpoints: [server.address], connections: { connectTimeout: '10m' } });
  const client = await proxy.rawClient('tls');
  const streamId = client.call({ fields: [['grpc-timeout', '50m']] });
  assert.equal((await client.outcome(streamId)).grpcStatus, String(status.DEADLINE_EXCEEDED));
});

test('a unix socket that is missing gives UNAVAILABLE and says so', async (t) => {
  const proxy = await startProxy(t, { endpoints: ['unix:/nowhere/service.sock'] });
  const outcome = await proxy.voiceClient('tls').say({});
  assert.equal(outcome.code, status.UNAVAILABLE);
  assert.match(outcome.details, /unix:\/nowhere\/service\.sock does not exist/);
});
