// A client for each protocol that the proxy serves, over any socket. Each returns the answer as its protocol expresses it.

import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import { eventually } from './eventually.ts';
import { parseWebBody } from './grpc-web-client.ts';
import { grpcMessage } from './raw-frames.ts';

export interface Answer {
  /** The gRPC status, or the HTTP status if the client does not speak gRPC. */
  readonly status: string;
  /** The message of the gRPC status, or the body. */
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ProtocolClient {
  readonly name: string;
  /** The service that it calls. */
  readonly service: 'grpc' | 'web';
  readonly language: 'grpc' | 'http';
  readonly alpn: 'h2' | 'http/1.1';
  /** The status that the client gets if its call is served. */
  readonly served: string;
  call(socket: Socket): Promise<Answer>;
}

const SAY = '/voice.VoiceAssistant/Say';
const MESSAGE = grpcMessage(Buffer.alloc(0));
const ORIGIN = 'https://page.test';

type Fields = Readonly<Record<string, string>>;

export function overHttp2(
  name: string,
  parts: Omit<ProtocolClient, 'alpn' | 'call' | 'name'>,
  headers: OutgoingHttpHeaders,
  body?: Buffer,
): ProtocolClient {
  return { name, ...parts, alpn: 'h2', call: (socket) => callHttp2(socket, headers, body) };
}

export function overHttp1(
  name: string,
  parts: Omit<ProtocolClient, 'alpn' | 'call' | 'name'>,
  line: string,
  fields: Fields,
  body?: Buffer,
): ProtocolClient {
  return { name, ...parts, alpn: 'http/1.1', call: (socket) => callHttp1(socket, line, fields, body) };
}

const grpc = { service: 'grpc', language: 'grpc', served: '0' } as const;
const web = { service: 'web', language: 'http', served: '200' } as const;
const webFields = (isText: boolean): Fields => ({
  'content-type': `application/grpc-web${isText ? '-text' : ''}+proto`,
  origin: ORIGIN,
});
const text = Buffer.from(MESSAGE.toString('base64'));
const websocket = { 'sec-websocket-version': '13' };

/** The clients whose calls reach a service, unless a policy refuses them. */
export const PROTOCOL_CLIENTS: readonly ProtocolClient[] = [
  overHttp2(
    'gRPC',
    grpc,
    { ':method': 'POST', ':path': SAY, 'content-type': 'application/grpc', te: 'trailers' },
    MESSAGE,
  ),
  overHttp2('GET over HTTP/2', web, { ':method': 'GET', ':path': '/web/page' }),
  overHttp2('POST over HTTP/2', web, { ':method': 'POST', ':path': '/web/page' }, Buffer.from('body')),
  overHttp2('HEAD over HTTP/2', web, { ':method': 'HEAD', ':path': '/web/page' }),
  overHttp2(
    'GET over HTTP/2 to a gRPC service',
    { service: 'grpc', language: 'http', served: '0' },
    { ':method': 'GET', ':path': SAY },
  ),
  overHttp2('WebSocket over HTTP/2', web, {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/web/socket',
    ...websocket,
  }),
  overHttp2('gRPC-Web over HTTP/2', grpc, { ':method': 'POST', ':path': SAY, ...webFields(false) }, MESSAGE),
  overHttp2('gRPC-Web text over HTTP/2', grpc, { ':method': 'POST', ':path': SAY, ...webFields(true) }, text),
  overHttp1('GET over HTTP/1.1', web, 'GET /web/page HTTP/1.1', {}),
  overHttp1('GET of HTTP/1.0', web, 'GET /web/page HTTP/1.0', {}),
  overHttp1('GET of a whole URL', web, 'GET http://other.test/web/page HTTP/1.1', {}),
  overHttp1('POST over HTTP/1.1', web, 'POST /web/page HTTP/1.1', {}, Buffer.from('body')),
  overHttp1('an offer of h2c', web, 'GET /web/page HTTP/1.1', {
    connection: 'Upgrade, HTTP2-Settings',
    upgrade: 'h2c',
    'http2-settings': 'AAMAAABkAAQAAP__',
  }),
  overHttp1('WebSocket over HTTP/1.1', { ...web, served: '101' }, 'GET /web/socket HTTP/1.1', {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...websocket,
  }),
  overHttp1('gRPC-Web over HTTP/1.1', grpc, `POST ${SAY} HTTP/1.1`, webFields(false), MESSAGE),
  overHttp1('gRPC-Web text over HTTP/1.1', grpc, `POST ${SAY} HTTP/1.1`, webFields(true), text),
];

const preflight: Fields = { origin: ORIGIN, 'access-control-request-method': 'POST' };
const answered = { service: 'grpc', language: 'http' } as const;

/** The clients that the proxy answers itself, whatever the policies that look at each call decide. */
export const CLIENTS_ANSWERED_HERE: readonly ProtocolClient[] = [
  overHttp2(
    'preflight over HTTP/2',
    { ...answered, served: '204' },
    { ':method': 'OPTIONS', ':path': SAY, ...preflight },
  ),
  overHttp1('preflight over HTTP/1.1', { ...answered, served: '204' }, `OPTIONS ${SAY} HTTP/1.1`, preflight),
  overHttp1('GET over HTTP/1.1 to a gRPC service', { ...answered, served: '426' }, `GET ${SAY} HTTP/1.1`, {}),
  overHttp1(
    'gRPC over HTTP/1.1',
    { ...answered, served: '505' },
    `POST ${SAY} HTTP/1.1`,
    { 'content-type': 'application/grpc' },
    MESSAGE,
  ),
];

/** Resolves when the response is complete, or the WebSocket is open. */
async function callHttp2(socket: Socket, headers: OutgoingHttpHeaders, body?: Buffer): Promise<Answer> {
  const session: ClientHttp2Session = connectHttp2('http://service.test', { createConnection: () => socket });
  session.on('error', () => undefined);
  const isWebSocket = headers[':protocol'] !== undefined;
  if (isWebSocket) await eventually('SETTINGS', () => session.remoteSettings.enableConnectProtocol === true);
  const stream = session.request({ ':authority': 'service.test', ...headers }, { endStream: false });
  const chunks: Buffer[] = [];
  let head: Fields | undefined;
  let trailers: Fields = {};
  let isOver = false;
  stream.on('error', () => undefined);
  stream.on('response', (fields) => {
    head = flattened(fields);
  });
  stream.on('trailers', (fields) => {
    trailers = flattened(fields);
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('close', () => {
    isOver = true;
  });
  if (!isWebSocket) stream.end(body);
  await eventually(
    `an answer to ${JSON.stringify(headers)}`,
    () => isOver || (isWebSocket && head?.[':status'] === '200'),
  );
  session.destroy();
  return answerOf(head ?? {}, trailers, Buffer.concat(chunks));
}

async function callHttp1(socket: Socket, line: string, fields: Fields, body?: Buffer): Promise<Answer> {
  let received = '';
  let isOver = false;
  socket.setEncoding('latin1');
  socket.on('data', (piece: string) => {
    received += piece;
  });
  socket.on('end', () => {
    isOver = true;
  });
  socket.on('close', () => {
    isOver = true;
  });
  const all: Fields = {
    ...(line.endsWith('1.0') ? {} : { host: 'service.test' }),
    connection: 'close',
    ...(body === undefined ? {} : { 'content-length': String(body.length) }),
    ...fields,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  socket.write(`${[line, ...lines].join('\r\n')}\r\n\r\n`, 'latin1');
  if (body !== undefined) socket.write(body);
  const isOpen = (): boolean => fields['connection'] !== undefined && received.includes('\r\n\r\n');
  await eventually(`an answer to ${line}; it has ${received}`, () => isOver || isOpen());
  socket.destroy();
  const end = received.indexOf('\r\n\r\n');
  const [statusLine = '', ...headLines] = received.slice(0, end).split('\r\n');
  const head: Record<string, string> = { ':status': statusLine.split(' ')[1] ?? '' };
  for (const headLine of headLines) {
    const colon = headLine.indexOf(':');
    head[headLine.slice(0, colon).toLowerCase()] = headLine.slice(colon + 1).trim();
  }
  const content = received.slice(end + 4);
  const isChunked = head['transfer-encoding'] === 'chunked';
  return answerOf(head, {}, Buffer.from(isChunked ? dechunked(content) : content, 'latin1'));
}

function dechunked(content: string): string {
  let whole = '';
  for (let at = 0; at < content.length; ) {
    const end = content.indexOf('\r\n', at);
    const size = Number.parseInt(content.slice(at, end), 16);
    if (!(size > 0)) break;
    whole += content.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
  return whole;
}

function answerOf(headers: Fields, trailers: Fields, content: Buffer): Answer {
  const type = headers['content-type'] ?? '';
  if (!type.startsWith('application/grpc'))
    return { status: headers[':status'] ?? '', text: content.toString(), headers };
  const isWeb = type.startsWith('application/grpc-web');
  const inBody = isWeb ? parseWebBody(content, type.includes('-text')).trailers : undefined;
  const all = { ...headers, ...trailers, ...inBody };
  if (all['grpc-status'] === undefined)
    return { status: headers[':status'] ?? '', text: content.toString(), headers };
  return { status: all['grpc-status'], text: decodeURIComponent(all['grpc-message'] ?? ''), headers };
}

function flattened(headers: NodeJS.Dict<unknown>): Fields {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
