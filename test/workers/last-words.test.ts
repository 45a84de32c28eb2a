// Each way in which an error can leave the event of a socket, in a process of its own that dies of it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const lastWords = join(import.meta.dirname, '../../src/workers/last-words.ts');

/** A server that throws at `place`, a client that makes it do so; prints whether its end is the one that is told. */
function script(server: string, request: string): string {
  return `
    import { createServer as tcp, connect } from 'node:net';
    import { createServer as http } from 'node:http';
    import { remoteEndOfEvent } from ${JSON.stringify(lastWords)};
    const fail = () => { throw new Error('nobody catches this'); };
    let client;
    process.on('uncaughtException', () => {
      const end = remoteEndOfEvent();
      console.log(end === undefined ? 'nobody' : end.address === '127.0.0.1' && end.port === client.localPort);
      process.exit();
    });
    const server = ${server};
    server.listen(0, '127.0.0.1', () => {
      client = connect(server.address().port, '127.0.0.1', () => client.write(${JSON.stringify(request)}));
      client.on('error', () => undefined);
    });`;
}

function told(server: string, request: string): string {
  const argv = ['--input-type=module', '--eval', script(server, request)];
  return execFileSync(process.execPath, argv, { encoding: 'utf8' }).trim();
}

const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd';

const PLACES: readonly (readonly [where: string, server: string, request: string])[] = [
  ['bytes of a socket', "tcp((socket) => socket.on('data', fail))", 'x'],
  ['a request over HTTP/1.1', 'http(fail)', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a body over HTTP/1.1', "http((request) => request.on('data', fail))", POST],
  ['a broken request', "http().on('clientError', fail)", 'no HTTP\r\n\r\n'],
];

for (const [where, server, request] of PLACES) {
  test(`an error that nobody caught, in ${where}, names the other end`, () => {
    assert.equal(told(server, request), 'true');
  });
}

const ANONYMOUS: readonly (readonly [where: string, server: string, request: string])[] = [
  ['a timer', "tcp((socket) => socket.on('data', () => setTimeout(fail, 1)))", 'x'],
  ['an upgrade, of which Node has let go by then', "http().on('upgrade', fail)", UPGRADE],
  [
    'the end of a socket that is closed',
    "tcp((socket) => socket.on('data', () => socket.destroy()).on('close', fail))",
    'x',
  ],
];

for (const [where, server, request] of ANONYMOUS) {
  test(`an error that nobody caught, in ${where}, blames nobody`, () => {
    assert.equal(told(server, request), 'nobody');
  });
}
