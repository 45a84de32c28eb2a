// Services that fail under gRPC-Web calls, over HTTP/1.1 and HTTP/2: an end that is known becomes a status in the body's
// trailers, behind all that had come; a reset cuts a response that has begun off, visibly. Never is there silence.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { status } from '../../src/demo/grpc.ts';
import { ErrorCode, errorCodeName } from '../../src/h2/error-codes.ts';
import {
  openWebCall,
  parseWebBody,
  type WebProtocol,
  webCall,
  webProtocols,
} from '../support/grpc-web-client.ts';
import { type ProxyUnderTest, startProxy, startRawUpstream } from '../support/proxy-under-test.ts';
import { grpcMessage } from '../support/raw-frames.ts';
import type { RawRequest, RawServer } from '../support/raw-server.ts';

const MESSAGE = Buffer.from('a message that came in time');
const CALL = {
  path: '/a.B/C',
  fields: { 'content-type': 'application/grpc-web+proto' },
  body: grpcMessage(Buffer.from('request')),
};

interface Failing {
  readonly does: string;
  readonly fail: (request: RawRequest) => void;
  readonly code: keyof typeof status;
}

function socketOf({ peer }: RawRequest): Socket {
  return peer.socket;
}

const FAILING: readonly Failing[] = [
  { does: 'dies by FIN', fail: (request) => socketOf(request).end(), code: 'UNAVAILABLE' },
  { does: 'dies by RST', fail: (request) => socketOf(request).resetAndDestroy(), code: 'UNAVAILABLE' },
  {
    does: 'ends without trailers',
    fail: (request) => request.peer.sendData(request.streamId, Buffer.alloc(0), true),
    code: 'UNKNOWN',
  },
];

const RESETS: readonly (readonly [resetCode: number, code: keyof typeof status])[] = [
  [ErrorCode.NO_ERROR, 'INTERNAL'],
  [ErrorCode.CANCEL, 'CANCELLED'],
  [ErrorCode.INTERNAL_ERROR, 'INTERNAL'],
  [ErrorCode.ENHANCE_YOUR_CALM, 'RESOURCE_EXHAUSTED'],
];

interface Bench {
  readonly proxy: ProxyUnderTest;
  readonly upstream: RawServer;
}

async function behindProxy(t: TestContext, onRequest: (request: RawRequest) => void): Promise<Bench> {
  const upstream = await startRawUpstream(t, { onRequest });
  const routes = [{ match: { path: '/*' }, upstream: 'voice', grpcWeb: true }];
  return { proxy: await startProxy(t, { endpoints: [upstream.address], sections: { routes } }), upstream };
}

async function endsWith(
  proxy: ProxyUnderTest,
  protocol: WebProtocol,
  code: keyof typeof status,
  messages: number,
): Promise<void> {
  const response = await webCall(protocol, proxy.port('clear'), CALL);
  assert.equal(response.status, 200);
  const body = parseWebBody(response.content);
  assert.deepEqual(
    body.messages,
    Array.from({ length: messages }, () => MESSAGE),
  );
  const told = body.trailers?.['grpc-status'] ?? response.headers['grpc-status'];
  assert.equal(told, String(status[code]));
  assert.equal((await proxy.record()).grpcStatus, code);
}

for (const protocol of webProtocols) {
  for (const { does, fail, code } of FAILING) {
    test(`over ${protocol}: a service that ${does} within its response is ${code}, behind what had come`, async (t) => {
      const { proxy } = await behindProxy(t, (request) => {
        request.sendHeaders();
        request.sendMessage(MESSAGE);
        setImmediate(() => fail(request));
      });
      await endsWith(proxy, protocol, code, 1);
    });
  }

  for (const [resetCode, code] of RESETS) {
    const name = errorCodeName(resetCode);

    test(`over ${protocol}: ${name} before the response is told as ${code}`, async (t) => {
      const { proxy } = await behindProxy(t, (request) => request.reset(resetCode));
      await endsWith(proxy, protocol, code, 0);
    });

    test(`over ${protocol}: ${name} within the response cuts it off, and is ${code} in the log`, async (t) => {
      const { proxy, upstream } = await behindProxy(t, (request) => {
        request.sendHeaders();
        request.sendMessage(MESSAGE);
      });
      const response = await openWebCall(protocol, proxy.port('clear'), CALL);
      (await upstream.wantRequest()).reset(resetCode);
      response.body.on('error', () => undefined).resume();
      assert.equal(await response.isWhole, false);
      assert.equal((await proxy.record()).grpcStatus, code);
    });
  }
}
