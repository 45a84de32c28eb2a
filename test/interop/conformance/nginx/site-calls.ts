// The calls that are made to nginx, and then to Framegate with the imported configuration. Each comes down to a text that says all that
// matters of its answer.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, request as plaintextRequest } from 'node:http';
import { connect } from 'node:http2';
import { type RequestOptions, request as tlsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connectVoiceClient, type TestVoiceClient } from '../../../support/voice-client.ts';

export interface SitePorts {
  readonly tls: number;
  /** HTTP/1.1. */
  readonly plaintext: number;
  readonly plaintextGrpc: number;
  readonly redirect: number;
}

export interface Site {
  readonly ports: SitePorts;
  readonly caFile: string;
}

export interface SiteCall {
  readonly name: string;
  /** What Framegate answers where that is not what nginx does, and why. docs/from-nginx.md has each of these. */
  readonly differs?: { readonly nginx: string; readonly framegate: string };
  readonly run: (site: Site) => Promise<string>;
}

const WEB = 'www.example.com';

export const siteCalls: readonly SiteCall[] = [
  {
    name: 'a unary call over TLS',
    run: (site) =>
      withVoice(site, async (voice) => {
        const { code, reply } = await voice.say({ text: 'hello' }, { authority: 'grpc.example.com' });
        return `${code} ${reply?.text}`;
      }),
  },
  {
    name: 'a failure with details, in headers alone',
    run: (site) =>
      withVoice(site, async (voice) => {
        const outcome = await voice.fail({
          code: 7,
          message: 'grüße, 100 %',
          details: Buffer.from([0, 255]),
        });
        return `${outcome.code} ${outcome.details} ${detailOf(outcome.trailingMetadata.get('error-detail-bin'))}`;
      }),
  },
  {
    name: 'a failure in trailers',
    run: (site) =>
      withVoice(site, async (voice) => {
        const { code, details } = await voice.fail({ code: 5, message: 'none', afterHeaders: true });
        return `${code} ${details}`;
      }),
  },
  {
    name: 'server streaming',
    run: (site) =>
      withVoice(site, async (voice) => {
        const { code, replies } = await voice.narrate({ text: 'one two three', repeat: 3 });
        return `${code} ${replies.map(({ word }) => word).join(' ')}`;
      }),
  },
  {
    name: 'client streaming',
    run: (site) =>
      withVoice(site, async (voice) => {
        const { code, reply } = await voice.transcribe(
          Array.from({ length: 20 }, (_, sequence) => ({ sequence, audio: Buffer.alloc(3200) })),
        );
        return `${code} ${reply?.chunks} ${String(reply?.audioBytes)}`;
      }),
  },
  {
    name: 'bidirectional streaming, each answer before the next message',
    run: (site) =>
      withVoice(site, async (voice) => {
        const stream = voice.streamAudio();
        const sizes: unknown[] = [];
        for (let sequence = 1; sequence <= 3; sequence++) {
          stream.send({ sequence, audio: Buffer.alloc(sequence) });
          sizes.push((await stream.next())?.sizeBytes);
        }
        stream.finish();
        return `${(await stream.outcome).code} ${sizes.join(' ')}`;
      }),
  },
  {
    name: 'a deadline that passes',
    run: (site) =>
      withVoice(site, async (voice) =>
        String((await voice.say({ delayMs: 60_000 }, { deadlineMs: 300 })).code),
      ),
  },
  {
    name: 'a host that nobody has, at the default server',
    run: (site) =>
      withVoice(site, async (voice) => String((await voice.say({}, { authority: 'nobody.example' })).code)),
  },
  {
    name: 'gRPC at the host of the website',
    run: (site) => withVoice(site, async (voice) => String((await voice.say({}, { authority: WEB })).code)),
  },
  {
    name: 'a message above 1 MiB',
    run: (site) =>
      withVoice(site, async (voice) => {
        const { code } = await voice.say({ audio: Buffer.alloc(3_000_000) });
        return code === 0 ? 'served' : 'refused';
      }),
    differs: { nginx: 'refused', framegate: 'served' },
  },
  {
    name: 'gRPC over plaintext HTTP/2',
    run: ({ ports }) =>
      withClient(connectVoiceClient({ address: `127.0.0.1:${ports.plaintextGrpc}` }), async (voice) => {
        const { code, reply } = await voice.say({ text: 'plain' });
        return `${code} ${reply?.text}`;
      }),
  },
  { name: 'a prefix that is taken away', run: (site) => rawCall(site, '/below/voice.VoiceAssistant/Say') },
  {
    name: 'an expression that is a choice of services',
    run: (site) => rawCall(site, '/grpc.health.v1.Health/Check'),
  },
  {
    name: 'a service that cannot be reached',
    run: (site) => rawCall(site, '/gone.Service/Call'),
    differs: { nginx: '204 14', framegate: '200 14' },
  },
  {
    name: 'a path that nobody has',
    run: (site) => rawCall(site, '/unknown.Service/Call'),
    differs: { nginx: '404 -', framegate: '200 12' },
  },
  {
    name: 'a path that is refused',
    run: (site) => rawCall(site, '/refused.Service/Call'),
    differs: { nginx: '403 -', framegate: '200 7' },
  },
  { name: 'a page over HTTP/1.1 and TLS', run: (site) => web(site, true, { path: '/' }) },
  { name: 'a page over plaintext HTTP/1.1', run: (site) => web(site, false, { path: '/' }) },
  {
    name: 'a page below a wildcard host',
    run: (site) => web(site, true, { path: '/', host: 'a.b.pages.example.com' }),
  },
  { name: 'a page over HTTP/2', run: (site) => pageByHttp2(site) },
  { name: 'a page that the service has not', run: (site) => web(site, true, { path: '/nothing?x=1' }) },
  { name: 'a path that loses its prefix', run: (site) => web(site, true, { path: '/app/file' }) },
  {
    name: 'a part of a file',
    run: (site) => web(site, true, { path: '/file', headers: { range: 'bytes=10-19' } }),
  },
  {
    name: 'an upload',
    run: (site) => web(site, true, { path: '/digest', method: 'POST', body: Buffer.alloc(500_000, 'a') }),
  },
  { name: 'what the service is told of the client', run: (site) => headersSeen(site) },
  { name: 'a WebSocket over TLS', run: (site) => webSocket(site, true) },
  { name: 'a WebSocket over plaintext', run: (site) => webSocket(site, false) },
  {
    name: 'a fixed answer',
    run: (site) => web(site, true, { path: '/fixed' }),
  },
  {
    name: 'a redirect to HTTPS',
    run: ({ ports }) =>
      fetch(`http://127.0.0.1:${ports.redirect}/`, { redirect: 'manual' }).then(
        ({ status }) => String(status),
        () => 'nobody listens',
      ),
  },
];

async function withVoice(site: Site, use: (voice: TestVoiceClient) => Promise<string>): Promise<string> {
  const client = connectVoiceClient({
    address: `127.0.0.1:${site.ports.tls}`,
    ca: readFileSync(site.caFile),
    channel: { 'grpc.ssl_target_name_override': 'localhost' },
  });
  return withClient(client, use);
}

async function withClient(
  client: TestVoiceClient,
  use: (voice: TestVoiceClient) => Promise<string>,
): Promise<string> {
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function detailOf([value]: readonly unknown[]): string {
  return Buffer.isBuffer(value) ? value.toString('hex') : 'none';
}

/** A gRPC call of an empty message: `:status` and `grpc-status`. */
async function rawCall({ ports, caFile }: Site, path: string): Promise<string> {
  const session = connect(`https://127.0.0.1:${ports.tls}`, {
    ca: readFileSync(caFile),
    servername: 'localhost',
  });
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      ':authority': 'grpc.example.com',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status = '';
    let grpcStatus = '-';
    stream.on('response', (fields) => {
      status = String(fields[':status']);
      grpcStatus = String(fields['grpc-status'] ?? grpcStatus);
    });
    stream.on('trailers', (fields) => {
      grpcStatus = String(fields['grpc-status'] ?? grpcStatus);
    });
    stream.end(Buffer.alloc(5));
    stream.resume();
    await once(stream, 'close');
    return `${status} ${grpcStatus}`;
  } finally {
    session.close();
  }
}

async function pageByHttp2({ ports, caFile }: Site): Promise<string> {
  const session = connect(`https://127.0.0.1:${ports.tls}`, {
    ca: readFileSync(caFile),
    servername: 'localhost',
  });
  try {
    const stream = session.request({ ':path': '/', ':authority': WEB });
    const [fields]: { ':status'?: unknown }[] = await once(stream, 'response');
    return `${String(fields[':status'])} ${await text(stream)}`.trim();
  } finally {
    session.close();
  }
}

interface WebRequest {
  readonly path: string;
  readonly host?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

function optionsOf(
  site: Site,
  isTls: boolean,
  { path, host = WEB, method = 'GET', headers = {} }: WebRequest,
): RequestOptions {
  const own = { host: '127.0.0.1', path, method, headers: { ...headers, host }, agent: false } as const;
  return isTls
    ? { ...own, port: site.ports.tls, ca: readFileSync(site.caFile), servername: 'localhost' }
    : { ...own, port: site.ports.plaintext };
}

async function web(site: Site, isTls: boolean, request: WebRequest): Promise<string> {
  const { status, body } = await answerOf(site, isTls, request);
  return `${status} ${body.trim()}`;
}

async function answerOf(
  site: Site,
  isTls: boolean,
  request: WebRequest,
): Promise<{ readonly status: number; readonly body: string }> {
  const options = optionsOf(site, isTls, request);
  const sent = isTls ? tlsRequest(options) : plaintextRequest(options);
  sent.end(request.body);
  const [response]: IncomingMessage[] = await once(sent, 'response');
  return { status: response.statusCode ?? 0, body: await text(response) };
}

/** The fields that nginx is told to set. */
async function headersSeen(site: Site): Promise<string> {
  const { body } = await answerOf(site, true, { path: '/headers', headers: { 'x-kept': 'as it is' } });
  const fields: Readonly<Record<string, unknown>> = JSON.parse(body);
  return ['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-kept']
    .map((name) => String(fields[name]))
    .join(', ');
}

async function webSocket(site: Site, isTls: boolean): Promise<string> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
  };
  const options = optionsOf(site, isTls, { path: '/socket', headers });
  const sent = isTls ? tlsRequest(options) : plaintextRequest(options);
  const { promise, resolve, reject } = Promise.withResolvers<readonly [IncomingMessage, Duplex]>();
  sent.once('upgrade', (upgraded, over) => resolve([upgraded, over]));
  sent.once('response', ({ statusCode }) => reject(new Error(`the WebSocket was answered ${statusCode}`)));
  sent.once('error', reject);
  sent.end();
  const [response, socket] = await promise;
  try {
    // One masked text frame, with a mask of zeros: "hello".
    socket.write(Buffer.from([0x81, 0x85, 0, 0, 0, 0, ...Buffer.from('hello')]));
    const [echo]: Buffer[] = await once(socket, 'data');
    return `${response.statusCode} ${echo.subarray(2).toString()}`;
  } finally {
    socket.destroy();
  }
}
