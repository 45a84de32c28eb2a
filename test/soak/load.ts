// What clients do during a soak: unary calls and streams by grpc-js, requests over HTTP/1.1. Every answer is checked to the
// last byte; one that is wrong is a failure that no fault explains.

import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectOptions,
  connectVoiceClient,
  metadataOf,
  type TestVoiceClient,
} from '../support/voice-client.ts';
import { type Ledger, type Place, statusName } from './ledger.ts';

const DEADLINE_MS = 8000;
const WRONG = 'wrong bytes';

export interface LoadOptions {
  readonly ledger: Ledger;
  /** Of the clear listener. */
  readonly clearPort: number;
  readonly caPem: string;
  /** Of the fault proxy in front of the TLS listener. */
  readonly faultyTlsPort: number;
  /** Between two calls of one worker. */
  readonly pauseMs: number;
}

interface Ended {
  readonly code: number;
  readonly details: string;
}

interface Worker {
  readonly kind: string;
  readonly places: readonly Place[];
  readonly call: (requestId: string) => Promise<{ readonly outcome: string; readonly details: string }>;
}

type Call = (client: TestVoiceClient, requestId: string) => ReturnType<Worker['call']>;

/**
 * A client that is replaced when it holds on to a connection that is gone: grpc-js does, after some errors of TLS, with
 * a session that it has destroyed itself, or with a socket whose end it never reads.
 */
class Channel {
  readonly #options: ConnectOptions;
  #client: TestVoiceClient;

  constructor(options: Omit<ConnectOptions, 'channel'>) {
    const channel = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 500 };
    this.#options = { ...options, channel };
    this.#client = connectVoiceClient(this.#options);
  }

  async call(call: Call, requestId: string): ReturnType<Worker['call']> {
    const client = this.#client;
    const ended = await call(client, requestId);
    const isStuck =
      ended.outcome === 'DEADLINE_EXCEEDED' || ended.details.includes('session has been destroyed');
    if (isStuck && client === this.#client) {
      this.#client = connectVoiceClient(this.#options);
      client.close();
    }
    return ended;
  }

  close(): void {
    this.#client.close();
  }
}

export class Load {
  readonly #options: LoadOptions;
  readonly #clients: Channel[] = [];
  readonly #agents: Agent[] = [];
  #isStopping = false;
  #running: readonly Promise<void>[] = [];
  #nextId = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): void {
    const { clearPort, faultyTlsPort, caPem } = this.#options;
    const workers: Worker[] = [];
    for (const [options, way, places] of [
      [{ address: `127.0.0.1:${clearPort}` }, 'clear', ['service']],
      [{ address: `localhost:${faultyTlsPort}`, ca: caPem }, 'tls', ['client', 'service']],
    ] as const) {
      for (let connection = 0; connection < 3; connection++) {
        const client = new Channel(options);
        this.#clients.push(client);
        workers.push(
          { kind: `unary ${way}`, places, call: (id) => client.call(say, id) },
          { kind: `server stream ${way}`, places, call: (id) => client.call(narrate, id) },
          { kind: `client stream ${way}`, places, call: (id) => client.call(transcribe, id) },
          { kind: `bidi stream ${way}`, places, call: (id) => client.call(streamAudio, id) },
        );
      }
    }
    for (let connection = 0; connection < 3; connection++) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      this.#agents.push(agent);
      const port = this.#options.clearPort;
      workers.push(
        { kind: 'HTTP/1.1 GET', places: ['web'], call: (id) => exchange(agent, port, 'GET', id) },
        { kind: 'HTTP/1.1 POST', places: ['web'], call: (id) => exchange(agent, port, 'POST', id) },
      );
    }
    this.#running = workers.map((worker) => this.#work(worker));
  }

  async #work({ kind, places, call }: Worker): Promise<void> {
    const { ledger, pauseMs } = this.#options;
    while (!this.#isStopping) {
      const startedMs = performance.now();
      const requestId = `soak-${this.#nextId++}`;
      const { outcome, details } = await call(requestId);
      // Of calls whose connection may break the proxy may never have heard.
      const isKnown = !places.includes('client') && outcome !== 'broken off';
      ledger.finished({
        kind,
        places,
        startedMs,
        outcome,
        details,
        requestId: isKnown ? requestId : undefined,
      });
      await sleep(pauseMs * (outcome === 'OK' ? 1 : 5));
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
    for (const client of this.#clients) client.close();
    for (const agent of this.#agents) agent.destroy();
  }
}

function settings(requestId: string): {
  readonly metadata: ReturnType<typeof metadataOf>;
  readonly deadlineMs: number;
} {
  return { metadata: metadataOf(['x-request-id', requestId]), deadlineMs: DEADLINE_MS };
}

function judge(
  { code, details }: Ended,
  isRight: boolean,
): { readonly outcome: string; readonly details: string } {
  return { outcome: code === 0 && !isRight ? WRONG : statusName(code), details };
}

async function say(client: TestVoiceClient, id: string): ReturnType<Worker['call']> {
  const size = 1 + ((id.length * 7919) % 30_000);
  const outcome = await client.say(
    { text: id, audio: Buffer.alloc(size), replyAudioBytes: 2 * size },
    settings(id),
  );
  const { reply } = outcome;
  const isRight =
    reply?.text === `You said: ${id}` && reply.receivedAudioBytes === size && reply.audio.length === 2 * size;
  return judge(outcome, isRight);
}

async function narrate(client: TestVoiceClient, id: string): ReturnType<Worker['call']> {
  const outcome = await client.narrate(
    { text: 'one two three', repeat: 10, intervalMs: 2, audioBytes: 3000 },
    settings(id),
  );
  const isRight =
    outcome.replies.length === 30 && outcome.replies.every(({ sequence }, index) => sequence === index + 1);
  return judge(outcome, isRight);
}

async function transcribe(client: TestVoiceClient, id: string): ReturnType<Worker['call']> {
  const chunks = Array.from({ length: 20 }, (_, sequence) => ({ sequence, audio: Buffer.alloc(5000) }));
  const outcome = await client.transcribe(chunks, settings(id));
  return judge(outcome, outcome.reply?.chunks === 20 && outcome.reply.audioBytes === 100_000);
}

async function streamAudio(client: TestVoiceClient, id: string): ReturnType<Worker['call']> {
  const stream = client.streamAudio(settings(id));
  let isRight = true;
  for (let sequence = 1; sequence <= 12; sequence++) {
    const audio = Buffer.alloc(2000, sequence);
    stream.send({ sequence, audio, returnAudio: true });
    const event = await stream.next();
    if (event === undefined) break;
    isRight &&= event.sequence === sequence && event.audio.equals(audio);
  }
  stream.finish();
  return judge(await stream.outcome, isRight);
}

function exchange(agent: Agent, port: number, method: string, id: string): ReturnType<Worker['call']> {
  const { promise, resolve } = Promise.withResolvers<{ outcome: string; details: string }>();
  const body = method === 'GET' ? '' : id.repeat(500);
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const broken = (error: Error): void => resolve({ outcome: 'broken off', details: error.message });
  const sent = request(
    { host: '127.0.0.1', port, path: `/web/${id}`, method, agent, signal, headers: { 'x-request-id': id } },
    (response: IncomingMessage) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', broken);
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString();
        if (response.statusCode !== 200) resolve({ outcome: `HTTP ${response.statusCode}`, details: text });
        else
          resolve({
            outcome: text === webAnswer(method, id, body) ? 'OK' : WRONG,
            details: text.slice(0, 80),
          });
      });
    },
  );
  sent.on('error', broken);
  sent.end(body);
  return promise;
}

/** What the web service of the soak answers. */
export function webAnswer(method: string, id: string, body: string): string {
  return `${method} ${id} ${body.length} `.repeat(200);
}
