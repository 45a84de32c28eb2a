// Whom the gRPC services of the admin server answer, and that nothing that arrives on their connections ends the server or holds up others.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type AdminServer, openAdminServer } from '../../../src/admin/admin-server.ts';
import type { Address } from '../../../src/config/address.ts';
import { CLIENT_PREFACE, FrameType } from '../../../src/h2/frame-type.ts';
import { begin, check, connectAdmin, healthRequest, portOf, watched } from '../../support/admin-grpc.ts';
import { adminStateWith } from '../../support/admin-state.ts';
import { eventually } from '../../support/eventually.ts';
import { connectRawClient } from '../../support/raw-client.ts';
import { grpcMessage, rawFrame, settingsFrame } from '../../support/raw-frames.ts';

const TOKEN = 'a-token-that-is-long-enough-for-this';
const loopback: Address = { kind: 'tcp', host: '127.0.0.1', port: 0, text: '127.0.0.1:0' };
/** Bound to all addresses, so others than this machine can reach it. */
const open: Address = { kind: 'tcp', host: '0.0.0.0', port: 0, text: '0.0.0.0:0' };
const state = adminStateWith({
  readiness: () => ({ ready: true }),
  rpc: { ...adminStateWith({}).rpc, services: async () => new Map([['shop.Orders', true]]) },
});

function live(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: '/live', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

describe('the gRPC services of an admin server', () => {
  let server: AdminServer;
  before(async () => {
    server = await openAdminServer({ address: loopback }, state);
  });
  after(() => server.close());

  test('answer on the port that answers HTTP/1.1', async () => {
    const client = await connectAdmin(server.address);
    assert.equal(await check(client, ''), 'SERVING');
    assert.equal(await live(portOf(server.address)), 200);
    client.destroy();
  });

  test('find their preface in whatever pieces it comes', async () => {
    const socket = connect(portOf(server.address), '127.0.0.1');
    const bytes = Buffer.concat([CLIENT_PREFACE, settingsFrame([])]);
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    for (const byte of bytes) await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve));
    await eventually('SETTINGS of the server', () => received >= 9);
    socket.destroy();
  });

  for (const authority of ['127.0.0.1:9901', 'localhost', '[::1]:1']) {
    test(`take ${authority} for their name`, async () => {
      const client = await connectAdmin(server.address);
      assert.equal(await check(client, '', [[':authority', authority]]), 'SERVING');
      client.destroy();
    });
  }

  test('refuse another name, which a web page may have made up', async () => {
    const client = await connectAdmin(server.address);
    assert.equal(await check(client, '', [[':authority', 'evil.example']]), 'grpc 7');
    client.destroy();
  });

  test('say to other clients of HTTP/2 what there is', async () => {
    const client = await connectAdmin(server.address);
    for (const fields of [
      [[':method', 'GET']],
      [['content-type', 'application/json']],
      [['content-type', 'application/grpc-web']],
    ] as const) {
      const { headers, content } = await client.outcome(begin(client, 'Health/Check', { fields }));
      assert.equal(new Map(headers).get(':status'), '415');
      assert.match(content.toString(), /grpc\.health\.v1.*HTTP\/1\.1/);
    }
    client.destroy();
  });

  const requests: readonly (readonly [name: string, body: Buffer, status: string])[] = [
    ['without a message', Buffer.alloc(0), '3'],
    ['with half a message', healthRequest('shop').subarray(0, 7), '3'],
    ['with two messages', Buffer.concat([healthRequest(''), healthRequest('')]), '3'],
    ['of a megabyte, so it says', Buffer.from([0, 0, 16, 0, 0]), '3'],
    ['that says to be compressed', Buffer.from([1, 0, 0, 0, 0]), '3'],
    ['that is no message', grpcMessage(Buffer.from('ffffffffffffffffffffff', 'hex')), '3'],
    ['with a text that ends too early', grpcMessage(Buffer.from([0x0a, 0x7f, 0x41])), '3'],
    ['with a group, which nobody sends any more', grpcMessage(Buffer.from([0x0b])), '3'],
    ['with a field that it does not know', grpcMessage(Buffer.from([0x78, 0x01])), '0'],
  ];
  for (const [name, body, status] of requests) {
    test(`answer a request ${name}`, async () => {
      const client = await connectAdmin(server.address);
      const { grpcStatus } = await client.outcome(begin(client, 'Health/Check', { body }));
      assert.equal(grpcStatus, status);
      assert.equal(await check(client, ''), 'SERVING');
      client.destroy();
    });
  }

  test('do not read a request that is compressed', async () => {
    const client = await connectAdmin(server.address);
    assert.equal(await check(client, '', [['grpc-encoding', 'gzip']]), 'grpc 12');
    client.destroy();
  });

  test('end a call whose deadline passes before its request is complete', async () => {
    const client = await connectAdmin(server.address);
    const stream = begin(client, 'Health/Check', { fields: [['grpc-timeout', '20m']], endStream: false });
    assert.equal((await client.outcome(stream)).grpcStatus, '4');
    client.destroy();
  });

  test('end what is watched when the deadline of the client passes', async () => {
    const client = await connectAdmin(server.address);
    const stream = begin(client, 'Health/Watch', { fields: [['grpc-timeout', '100m']] });
    assert.equal((await client.outcome(stream)).grpcStatus, '4');
    client.destroy();
  });

  test('have no room for more than 16 calls of a client at a time', async () => {
    const client = await connectAdmin(server.address);
    const streams = Array.from({ length: 16 }, () => begin(client, 'Health/Watch'));
    for (const stream of streams) await watched(client, stream, 1);
    assert.equal((await client.outcome(begin(client, 'Health/Check'))).resetCode, 7);
    client.destroy();
  });

  test('keep their connections apart: half of those that the port has, and none from HTTP/1.1', async () => {
    const clients = await Promise.all(Array.from({ length: 70 }, () => connectAdmin(server.address)));
    const isRefused = () => clients.filter(({ isClosed }) => isClosed).length >= 6;
    await eventually('some connections are refused', isRefused);
    assert.equal(await live(portOf(server.address)), 200);
    for (const client of clients) client.destroy();
    await eventually('there is room again', async () => {
      const client = await connectAdmin(server.address);
      return check(client, '').then(
        (status) => status === 'SERVING',
        () => false,
      );
    });
  });

  const noise: readonly (readonly [name: string, bytes: Buffer])[] = [
    ['a preface and zeros', Buffer.concat([CLIENT_PREFACE, Buffer.alloc(64)])],
    ['a preface and text', Buffer.concat([CLIENT_PREFACE, Buffer.from('GET / HTTP/1.1\r\n\r\n')])],
    ['DATA on a stream that was never opened', frame(FrameType.DATA, 1, Buffer.alloc(8))],
    ['HEADERS that are no HPACK', frame(FrameType.HEADERS, 1, Buffer.alloc(64, 0xff), 4)],
    ['a flood of PING', Buffer.concat([frame(FrameType.PING, 0, Buffer.alloc(8)), pings(500)])],
    ['SETTINGS of half an entry', frame(FrameType.SETTINGS, 0, Buffer.alloc(5))],
    ['a frame that is too large', Buffer.concat([CLIENT_PREFACE, settingsFrame([]), Buffer.alloc(9, 0x7f)])],
    ['bytes of TLS', Buffer.from('16030100c8010000c40303', 'hex')],
    ['a PROXY header', Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\nGET /live HTTP/1.1\r\n\r\n')],
    ['zeros', Buffer.alloc(100)],
  ];
  for (const [name, bytes] of noise) {
    test(`survive ${name}, which ends the connection`, async () => {
      const socket = connect(portOf(server.address), '127.0.0.1');
      socket.on('error', () => undefined);
      let isClosed = false;
      socket.on('close', () => {
        isClosed = true;
      });
      socket.resume();
      socket.write(bytes);
      socket.end();
      await eventually('the connection is closed', () => isClosed);
      assert.equal(await live(portOf(server.address)), 200);
    });
  }
});

describe('an admin server with a token on an open address', () => {
  let server: AdminServer;
  before(async () => {
    server = await openAdminServer({ address: open, token: TOKEN }, state);
  });
  after(() => server.close());

  test('says to everybody whether the proxy is ready, and nothing else', async () => {
    const client = await connectAdmin(server.address);
    assert.equal(await check(client, ''), 'SERVING');
    assert.equal(await check(client, 'shop.Orders'), 'grpc 16');
    for (const method of ['Health/List', 'Health/Watch'])
      assert.equal((await client.outcome(begin(client, method))).grpcStatus, '16');
    client.destroy();
  });

  test('answers those who have the token, whatever name they call it by', async () => {
    const client = await connectAdmin(server.address);
    const authorization = ['authorization', `Bearer ${TOKEN}`] as const;
    assert.equal(await check(client, 'shop.Orders', [authorization]), 'SERVING');
    assert.equal(await check(client, '', [[':authority', 'a.example'], authorization]), 'SERVING');
    client.destroy();
  });

  for (const authority of ['localhost', 'a.example']) {
    test(`takes a second for a wrong token by the name ${authority}, reads no other meanwhile, and ends the connection`, async () => {
      const client = await connectRawClient({ port: portOf(server.address) });
      const startedMs = performance.now();
      const call = (token: string) =>
        begin(client, 'Health/Check', {
          service: 'shop.Orders',
          fields: [
            [':authority', authority],
            ['authorization', `Bearer ${token}`],
          ],
        });
      const [wrong, right] = [call('a-wrong-token'), call(TOKEN)];
      assert.equal((await client.outcome(wrong)).grpcStatus, '16');
      assert.ok(performance.now() - startedMs >= 900);
      assert.equal((await client.outcome(right)).grpcStatus, '16');
      await client.wantClosed();
    });
  }
});

function frame(type: number, streamId: number, payload: Buffer, flags = 0): Buffer {
  return Buffer.concat([CLIENT_PREFACE, settingsFrame([]), rawFrame(type, flags, streamId, payload)]);
}

function pings(count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => rawFrame(FrameType.PING, 0, 0, Buffer.alloc(8))));
}
