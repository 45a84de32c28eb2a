// Plays cases of retry-cases.ts, several at a time: one proxy with a route and an upstream for each of them, a service that does what
// the case says frame by frame, and a client of @grpc/grpc-js that sends nothing again by itself.

import {
  type CallOptions,
  type ClientDuplexStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  makeClientConstructor,
  type StatusObject,
  status,
} from '../../src/demo/grpc.ts';
import { parseGrpcTimeout } from '../../src/grpc/timeout.ts';
import { ErrorCode } from '../../src/h2/error-codes.ts';
import { FrameType } from '../../src/h2/frame-type.ts';
import { eventually } from './eventually.ts';
import { configOf, ProxyUnderTest, proxyConfigText } from './proxy-under-test.ts';
import { type RawRequest, type RawServer, startRawServer } from './raw-server.ts';
import { type ClientStep, LARGE, type RetryCase, type ServiceStep } from './retry-cases.ts';

const LARGE_BYTES = 70 * 1024;
/** All together would hold each other up, and some have a deadline. */
const AT_ONCE = 10;
/** How long a step may take on a busy machine. */
const PATIENCE_MS = 60_000;

export interface Seen {
  readonly clientSees: string;
  readonly serviceSees: readonly string[];
}

export async function playRetryCases(cases: readonly RetryCase[]): Promise<readonly Seen[]> {
  const services = await Promise.all(cases.map((one) => ScriptedService.start(one)));
  const proxy = await ProxyUnderTest.start(configOf(await configText(cases, services)));
  const client = new ScriptedClient(proxy.port('clear'));
  try {
    const seen: Seen[] = [];
    for (let from = 0; from < cases.length; from += AT_ONCE) {
      const group = cases.slice(from, from + AT_ONCE).map(async (one, index) => {
        const clientSees = await client.play(one, pathOf(from + index));
        return { clientSees, serviceSees: await services[from + index].seen() };
      });
      seen.push(...(await Promise.all(group)));
    }
    return seen;
  } finally {
    client.close();
    for (const service of services) service.close();
    await proxy.close();
  }
}

function pathOf(index: number): string {
  return `/case${index}.Service/Talk`;
}

function configText(cases: readonly RetryCase[], services: readonly ScriptedService[]): Promise<string> {
  return proxyConfigText({
    sections: {
      routes: cases.map(({ retry, timeouts }, index) => ({
        name: `case${index}`,
        match: { path: pathOf(index) },
        upstream: `case${index}`,
        ...(retry === undefined ? {} : { retry }),
        ...(timeouts === undefined ? {} : { timeouts }),
      })),
      upstreams: Object.fromEntries(
        services.map(({ address }, index) => [`case${index}`, { endpoints: [address] }]),
      ),
    },
  });
}

/**
 * Writes down of each attempt: the number of attempts before it, whether the pause that the service has asked for was kept, what it is told
 * of a deadline, and what was read of the request.
 */
class ScriptedService {
  readonly #case: RetryCase;
  readonly #attempts: Promise<string>[] = [];
  #server: RawServer | undefined = undefined;
  #answeredAtMs = 0;
  #pauseMs = 0;
  #leftMs = Number.POSITIVE_INFINITY;

  private constructor(one: RetryCase) {
    this.#case = one;
  }

  static async start(one: RetryCase): Promise<ScriptedService> {
    const service = new ScriptedService(one);
    service.#server = await startRawServer({ onRequest: (request) => service.#receive(request) });
    return service;
  }

  #receive(request: RawRequest): void {
    const head = `${request.field('grpc-previous-rpc-attempts') ?? '0'}${this.#pauseSeen()}${this.#deadlineSeen(request)}`;
    this.#pauseMs = 0;
    const steps = this.#case.service[this.#attempts.length] ?? [{ status: 13 }];
    const played = play(request, steps, (pauseMs) => {
      this.#pauseMs = pauseMs;
      this.#answeredAtMs = performance.now();
    });
    this.#attempts.push(played.then((read) => `${head}: ${read}`));
  }

  #pauseSeen(): string {
    if (this.#pauseMs === 0) return '';
    const ms = performance.now() - this.#answeredAtMs;
    return ` after ${ms >= this.#pauseMs ? `${this.#pauseMs} ms or more` : `${ms} ms`}`;
  }

  #deadlineSeen(request: RawRequest): string {
    const { mostMs, deadlineMs = 0 } = this.#case;
    const leftMs = parseGrpcTimeout(request.field('grpc-timeout') ?? '');
    const beforeMs = this.#leftMs;
    if (leftMs === undefined) return '';
    this.#leftMs = leftMs;
    // What the client has sent was rounded up.
    if (leftMs > (mostMs ?? deadlineMs) + 1) return `, with a deadline of ${leftMs} ms`;
    if (beforeMs === Number.POSITIVE_INFINITY) return ', with a deadline';
    if (this.#pauseMs > 0 && leftMs <= beforeMs - this.#pauseMs + 1) return ', with as much less';
    return leftMs <= beforeMs ? ', with less' : `, with ${leftMs} ms after ${beforeMs} ms`;
  }

  get address(): string {
    return this.#server?.address ?? '';
  }

  /** Must be called when the client has its status. */
  seen(): Promise<readonly string[]> {
    return Promise.all(this.#attempts);
  }

  close(): void {
    this.#server?.close();
  }
}

async function play(
  request: RawRequest,
  steps: readonly ServiceStep[],
  onPushback: (ms: number) => void,
): Promise<string> {
  const seen: string[] = [];
  let count = 0;
  let hasHeaders = false;
  for (const step of steps) {
    if (step === 'read') {
      const index = count++;
      seen.push(
        await eventually('the service reads a message', () => messagesOf(request)[index], PATIENCE_MS),
      );
    } else if (step === 'half-close') {
      await eventually('the service reads the end', () => request.hasEnded, PATIENCE_MS);
      seen.push('end');
    } else if (step === 'headers') {
      request.sendHeaders();
      hasHeaders = true;
    } else if (step === 'silence') {
      await eventually('the call is cancelled', () => isReset(request), PATIENCE_MS);
      seen.push('cancelled');
    } else if (step === 'refuse') request.reset(ErrorCode.REFUSED_STREAM);
    else if (step === 'lose') request.peer.destroy();
    else if ('send' in step) {
      if (!hasHeaders) request.sendHeaders();
      hasHeaders = true;
      request.sendMessage(Buffer.from(step.send));
    } else {
      const { pushback = [] } = step;
      const fields = [
        ['grpc-status', String(step.status)],
        ...pushback.map((value) => ['grpc-retry-pushback-ms', value] as const),
      ] as const;
      if (hasHeaders) request.sendTrailers(fields);
      else request.sendTrailers([[':status', '200'], ['content-type', 'application/grpc'], ...fields]);
      if (pushback.length === 1 && Number(pushback[0]) > 0) onPushback(Number(pushback[0]));
    }
  }
  return seen.join(' ');
}

function isReset({ peer, streamId }: RawRequest): boolean {
  return peer.framesOf(streamId).some(({ type }) => type === FrameType.RST_STREAM);
}

function messagesOf({ body }: RawRequest): readonly string[] {
  const messages: string[] = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const length = body.readUInt32BE(at + 1);
    if (at + 5 + length > body.length) break;
    messages.push(length === LARGE_BYTES ? LARGE : body.toString('utf8', at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}

class ScriptedClient {
  readonly #client: InstanceType<ReturnType<typeof makeClientConstructor>>;

  constructor(port: number) {
    const Client = makeClientConstructor({}, 'cases');
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  close(): void {
    this.#client.close();
  }

  /** @returns the messages and the status that it gets */
  play({ client, deadlineMs }: RetryCase, path: string): Promise<string> {
    const options: CallOptions = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    const [first, second] = client;
    return client.length === 2 && second === 'half-close' && typeof first === 'object'
      ? this.#ask(path, bytesOf(first.send), options)
      : this.#talk(path, client, options);
  }

  async #ask(path: string, request: Buffer, options: CallOptions): Promise<string> {
    const seen: string[] = [];
    const call: ClientUnaryCall = this.#client.makeUnaryRequest(
      path,
      same,
      same,
      request,
      new Metadata(),
      options,
      (_error, response) => {
        if (response !== undefined) seen.push(response.toString());
      },
    );
    const end = await statusOf(call);
    return [...seen, end].join(', ');
  }

  async #talk(path: string, steps: readonly ClientStep[], options: CallOptions): Promise<string> {
    const call: ClientDuplexStream<Buffer, Buffer> = this.#client.makeBidiStreamRequest(
      path,
      same,
      same,
      new Metadata(),
      options,
    );
    const messages: string[] = [];
    let hasHeaders = false;
    call.on('data', (message: Buffer) => messages.push(message.toString()));
    call.on('error', () => undefined);
    call.on('metadata', () => {
      hasHeaders = true;
    });
    let hasEnded = false;
    const end = statusOf(call).finally(() => {
      hasEnded = true;
    });
    const seen: string[] = [];
    let count = 0;
    for (const step of steps) {
      if (step === 'half-close') call.end();
      else if (step === 'headers') {
        await eventually('headers or the end', () => hasHeaders || hasEnded, PATIENCE_MS);
        if (hasHeaders) seen.push('headers');
      } else if (step === 'read') {
        const index = count++;
        await eventually('a message or the end', () => messages.length > index || hasEnded, PATIENCE_MS);
      } else call.write(bytesOf(step.send));
    }
    const name = await end;
    return [...seen, ...(messages.length > 0 ? [messages.join(' ')] : []), name].join(', ');
  }
}

function same(bytes: Buffer): Buffer {
  return bytes;
}

function bytesOf(message: string): Buffer {
  return message === LARGE ? Buffer.alloc(LARGE_BYTES) : Buffer.from(message);
}

/** grpc-js emits 'status' once for every call, after the last message and after the callback of a unary call. */
function statusOf(call: ClientUnaryCall | ClientDuplexStream<Buffer, Buffer>): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  call.on('status', ({ code }: StatusObject) => resolve(status[code] ?? `code ${code}`));
  return promise;
}
