// WebSockets of the page through the proxy to an HTTP/1.1 server.

import { closeCode, exchanges, type Settings } from '../other-side.ts';
import { check, eventually, type PageCase, same, sameBytes, sampleBytes } from '../page-case.ts';

const largeBytes = 1024 * 1024;

export function webSocketCases(protocol: Settings['protocol']): readonly PageCase[] {
  return [...messagesAndEnds, protocol === 'h2' ? streamOfThePage : connectionOfItsOwn];
}

const messagesAndEnds: readonly PageCase[] = [
  { name: 'WebSocket: text comes back', run: text },
  { name: 'WebSocket: 1 MiB of bytes comes back', run: bytes },
  { name: 'WebSocket: a hundred messages keep their order', run: order },
  { name: "WebSocket: the server's ping is answered", run: ping },
  { name: 'WebSocket: the protocol that the server chose reaches the page', run: subprotocol },
  { name: "WebSocket: the page's close code reaches the server and comes back", run: closeByPage },
  { name: "WebSocket: the server's close code and reason reach the page", run: closeByServer },
  { name: 'WebSocket: a server that drops the connection is an unclean end', run: drop },
  { name: 'WebSocket: a server that declines is an error', run: declined },
];

const streamOfThePage: PageCase = {
  name: "WebSocket: it is a stream of the page's own HTTP/2 connection (RFC 8441)",
  run: async () => {
    const { ofSocket, ofRequest } = await connections();
    same(ofSocket, ofRequest, 'the connection of the WebSocket');
  },
};

const connectionOfItsOwn: PageCase = {
  name: 'WebSocket: it has a connection of its own (RFC 6455)',
  run: async () => {
    const { ofSocket, ofRequest } = await connections();
    check(ofSocket !== ofRequest, 'the WebSocket and a request had one connection');
  },
};

interface Ending {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

interface OpenSocket {
  readonly id: string;
  readonly socket: WebSocket;
  readonly closed: Promise<Ending>;
  next(): Promise<unknown>;
}

async function open(path = '/socket', protocols: string[] = []): Promise<OpenSocket> {
  const id = crypto.randomUUID();
  const socket = new WebSocket(`wss://${location.host}${path}?id=${id}`, protocols);
  socket.binaryType = 'arraybuffer';
  const received: unknown[] = [];
  socket.addEventListener('message', ({ data }) => received.push(data));
  const closed = new Promise<Ending>((resolve) => {
    socket.addEventListener('close', ({ code, reason, wasClean }) => resolve({ code, reason, wasClean }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error('the WebSocket did not open')));
  });
  const next = () => eventually('a message arrives', async () => received.shift());
  return { id, socket, closed, next };
}

async function closeWell({ socket, closed }: OpenSocket): Promise<void> {
  socket.close(1000);
  same(await closed, { code: 1000, reason: '', wasClean: true }, 'the end');
}

async function text(): Promise<void> {
  const opened = await open();
  for (const message of ['hello', 'Grüße, 世界 🎙', '']) {
    opened.socket.send(message);
    same(await opened.next(), message, 'what came back');
  }
  await closeWell(opened);
}

async function bytes(): Promise<void> {
  const opened = await open();
  const sent = sampleBytes(largeBytes);
  opened.socket.send(sent);
  const received = await opened.next();
  check(received instanceof ArrayBuffer, 'bytes did not come back as bytes');
  sameBytes(new Uint8Array(received), sent, 'what came back');
  await closeWell(opened);
}

async function order(): Promise<void> {
  const opened = await open();
  const messages = Array.from({ length: 100 }, (_, index) => `message ${index}`);
  for (const message of messages) opened.socket.send(message);
  for (const message of messages) same(await opened.next(), message, 'the next message');
  await closeWell(opened);
}

async function ping(): Promise<void> {
  const opened = await open();
  opened.socket.send('ping');
  same(await opened.next(), 'pong from the server', 'what the server got');
  await closeWell(opened);
}

async function subprotocol(): Promise<void> {
  const opened = await open('/socket', ['voice.v1', 'voice.v0']);
  same(opened.socket.protocol, 'voice.v1', 'the protocol');
  await closeWell(opened);
}

async function closeByPage(): Promise<void> {
  const { id, socket, closed } = await open();
  socket.close(3001, 'enough');
  same(await closed, { code: 3001, reason: 'enough', wasClean: true }, 'the end');
  same(await closeCode(id), 3001, 'what the server was told');
}

async function closeByServer(): Promise<void> {
  const { socket, closed } = await open();
  socket.send('close 4001 go home now');
  same(await closed, { code: 4001, reason: 'go home now', wasClean: true }, 'the end');
}

async function drop(): Promise<void> {
  const { socket, closed } = await open();
  socket.send('drop');
  same(await closed, { code: 1006, reason: '', wasClean: false }, 'the end');
}

async function declined(): Promise<void> {
  const error = await open('/no-socket').then(
    () => undefined,
    (reason: unknown) => reason,
  );
  check(error instanceof Error, 'it opened');
}

function connectionOf(path: string): Promise<string> {
  return eventually(`the log has ${path}`, async () => (await exchanges(path)).at(-1)?.client);
}

/** The browser's end of the connections of a WebSocket and of a request beside it, as the proxy's log has them. */
async function connections(): Promise<{ readonly ofSocket: string; readonly ofRequest: string }> {
  const opened = await open();
  const path = `/headers?of=${opened.id}`;
  await fetch(path);
  await closeWell(opened);
  return {
    ofSocket: await connectionOf(`/socket?id=${opened.id}`),
    ofRequest: await connectionOf(path),
  };
}
