// Generates requests over persistent HTTP/1.1 connections, one at a time on each, and provides the service that answers them. Both
// are as cheap as Node's sockets allow, because the process between them is what is measured.

import { connect, createServer, type Server } from 'node:net';

const HEAD_END = '\r\n\r\n';

const REQUEST = [
  'GET /assets/app.js?v=1 HTTP/1.1',
  'Host: shop.example',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
  'Accept: */*',
  'Accept-Language: en-GB,en;q=0.9',
  'Accept-Encoding: gzip, deflate, br',
  'Cookie: session=0123456789abcdef0123456789abcdef',
  'Referer: https://shop.example/',
  'Connection: keep-alive',
  HEAD_END.slice(2),
].join('\r\n');

export const BODY_BYTES = 1024;
const BODY = 'x'.repeat(BODY_BYTES);
const RESPONSE = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'Content-Type: text/javascript; charset=utf-8',
    `Content-Length: ${BODY.length}`,
    'Cache-Control: max-age=60',
    'ETag: "0123456789abcdef"',
    'Date: Thu, 01 Jan 1970 00:00:00 GMT',
    'Server: service',
    '',
    BODY,
  ].join('\r\n'),
);

export function startService(port: number): Promise<Server> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    let received = '';
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      for (let end = received.indexOf(HEAD_END); end !== -1; end = received.indexOf(HEAD_END)) {
        received = received.slice(end + HEAD_END.length);
        socket.write(RESPONSE);
      }
    });
    socket.on('error', () => socket.destroy());
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

/** Rejects if a response is not 200 or a connection breaks. */
export async function runLoad(port: number, connections: number, requests: number): Promise<void> {
  let left = requests;
  const takeOne = (): boolean => left-- > 0;
  await Promise.all(Array.from({ length: connections }, () => runConnection(port, takeOne)));
}

function runConnection(port: number, takeOne: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    let received = '';
    const next = (): void => {
      if (takeOne()) socket.write(REQUEST);
      else socket.end();
    };
    socket.once('connect', next);
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      const end = received.indexOf(HEAD_END);
      if (end === -1 || received.length < end + HEAD_END.length + BODY.length) return;
      if (!received.startsWith('HTTP/1.1 200 ')) reject(new Error(`answered ${received.slice(0, 100)}`));
      received = '';
      next();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve());
  });
}
