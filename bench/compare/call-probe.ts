// Makes one call through a proxy and checks it in detail, because a proxy that answers quickly but wrongly must not win.

import {
  type ClientHttp2Session,
  connect,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { GRPC_REQUEST_HEADERS } from './request-headers.ts';

const PATIENCE_MS = 5_000;

/** Rejects unless the response has status 200, application/grpc, the content `expected`, and grpc-status 0 in its trailers. */
export async function probeCall(
  port: number,
  path: string,
  message: Buffer,
  expected: Buffer = message,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const impatience = setTimeout(() => session.destroy(new Error('no answer to the first call')), PATIENCE_MS);
  try {
    const problem = await callOnce(
      session,
      { ...GRPC_REQUEST_HEADERS, ...headers, ':path': path },
      message,
      expected,
    );
    if (problem !== undefined) throw new Error(`the first call came back wrong: ${problem}`);
  } finally {
    clearTimeout(impatience);
    session.destroy();
  }
}

async function callOnce(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  message: Buffer,
  expected: Buffer,
): Promise<string | undefined> {
  return await new Promise((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({ ':method': 'POST', ...headers });
    const chunks: Buffer[] = [];
    let responseHeaders: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
    let trailers: IncomingHttpHeaders = {};
    stream.once('error', reject);
    stream.once('response', (received) => (responseHeaders = received));
    stream.once('trailers', (received: IncomingHttpHeaders) => (trailers = received));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('end', () => {
      const grpcStatus = trailers['grpc-status'];
      if (responseHeaders[':status'] !== 200) resolve(`HTTP status ${responseHeaders[':status']}`);
      else if (responseHeaders['content-type'] !== 'application/grpc')
        resolve(`content-type ${responseHeaders['content-type']}`);
      else if (!Buffer.concat(chunks).equals(expected)) resolve('another body than the service sent');
      else if (grpcStatus !== '0') resolve(`grpc-status ${String(grpcStatus)} in the trailers`);
      else resolve(undefined);
    });
    stream.end(message);
  });
}
