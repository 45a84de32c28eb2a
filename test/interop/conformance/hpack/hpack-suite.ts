// HPACK against nghttp2, the implementation in node:http2: random header lists through our encoder and its decoder as requests,
// and through its encoder and our decoder as responses, while both sides change the sizes of their tables.

import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Stream, sensitiveHeaders } from 'node:http2';
import { connect } from 'node:net';
import type { HeaderList } from '../../../../src/h2/hpack/header-list.ts';
import type { CaseReport, ConformanceSetup, ConformanceSuite } from '../conformance-suite.ts';
import { HpackConnection } from './hpack-connection.ts';
import { RandomLists } from './random-lists.ts';

const shortLists = 20_000;
const fullLists = 1_000_000;
/** On one connection; each begins with new tables. */
const listsOnConnection = 5000;
const listsAtOnce = 50;
const tableSizes = [0, 64, 256, 1024, 4096, 16_384];
const largestListBytes = 65_535;
const stallMs = 30_000;
const firstFields = {
  request: [
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', '/voice.VoiceAssistant/StreamAudio'],
    [':authority', 'localhost'],
  ],
  // Node adds a date where there is none.
  response: [
    [':status', '200'],
    ['date', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  ],
} as const;

export const hpackSuite: ConformanceSuite = {
  name: `HPACK against nghttp2 ${process.versions.nghttp2 ?? ''}`.trim(),
  prints: 'failures',
  run: runHpack,
};

async function runHpack(setup: ConformanceSetup, report: CaseReport): Promise<void> {
  const count = setup.isFull ? fullLists : shortLists;
  const seed = Math.floor(Math.random() * 0xffff_ffff);
  const run = new DifferentialRun(seed);
  const server = await run.listen();
  try {
    for (let done = 0; done < count; done += listsOnConnection) {
      if (setup.isFull && done % 100_000 === 0) console.log(`  ${done} of ${count} lists`);
      await run.connection(server, Math.min(listsOnConnection, count - done));
    }
  } catch (error) {
    report.failed(`seed ${seed}`, error instanceof Error ? error.message : String(error));
    return;
  } finally {
    run.stop();
    server.close();
  }
  report.passed(`our encoder, its decoder: ${count} lists`, `seed ${seed}`);
  report.passed(`its encoder, our decoder: ${count} lists`, `seed ${seed}`);
}

class DifferentialRun {
  readonly #requests: RandomLists;
  readonly #responses: RandomLists;
  readonly #expectedRequests = new Map<number, HeaderList>();
  readonly #expectedResponses = new Map<number, HeaderList>();
  #fail: (error: Error) => void = () => undefined;
  #changed: () => void = () => undefined;
  #stream: ServerHttp2Stream | undefined = undefined;
  #connection: HpackConnection | undefined = undefined;

  constructor(seed: number) {
    this.#requests = new RandomLists(seed, firstFields.request);
    this.#responses = new RandomLists(seed + 1, firstFields.response);
  }

  async listen(): Promise<Http2Server> {
    const server = createServer({
      maxHeaderListPairs: 4096,
      strictSingleValueFields: false,
      settings: { maxHeaderListSize: largestListBytes },
    });
    server.on('sessionError', (error: Error) => this.#fail(error));
    server.on('stream', (stream, headers, _flags, rawHeaders: readonly string[]) => {
      try {
        this.#answer(stream, neverIndexedIn(headers), rawHeaders);
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }

  async connection(server: Http2Server, count: number): Promise<void> {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    const socket = connect(address.port, '127.0.0.1');
    await once(socket, 'connect');
    const { promise: failure, reject } = Promise.withResolvers<never>();
    this.#fail = reject;
    const connection = new HpackConnection(socket, this.#requests.pick(tableSizes), {
      onResponse: (streamId, list) => this.#checkResponse(streamId, list),
      onError: reject,
    });
    this.#connection = connection;
    for (let sent = 0; sent < count; sent += listsAtOnce) {
      for (let index = 0; index < listsAtOnce; index++) {
        const list = this.#requests.next();
        this.#expectedRequests.set(connection.request(list), list);
      }
      await Promise.race([this.#allAnswered(), failure]);
      this.#changeTableSizes(connection);
    }
    connection.close();
  }

  stop(): void {
    this.#connection?.close();
  }

  #changeTableSizes(connection: HpackConnection): void {
    if (this.#requests.fraction() < 0.1) connection.announceTableSize(this.#requests.pick(tableSizes));
    if (this.#requests.fraction() < 0.1) {
      this.#stream?.session?.settings({ headerTableSize: this.#requests.pick(tableSizes) });
    }
  }

  async #allAnswered(): Promise<void> {
    const { promise: stalled, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`no answer for ${stallMs} ms`)), stallMs);
    try {
      while (this.#expectedRequests.size + this.#expectedResponses.size > 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#changed = resolve;
        await Promise.race([promise, stalled]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #answer(stream: ServerHttp2Stream, sensitive: readonly string[], rawHeaders: readonly string[]): void {
    const streamId = stream.id ?? 0;
    const expected = this.#expectedRequests.get(streamId);
    if (expected === undefined) throw new Error(`a request on stream ${streamId} that nobody sent`);
    this.#expectedRequests.delete(streamId);
    this.#stream = stream;
    assertSame('request', flat(expected), rawHeaders);
    expected.names.forEach((name, index) => {
      if (expected.neverIndexed[index] && !sensitive.includes(name)) {
        throw new Error(`${name} was sent as never indexed and came otherwise`);
      }
    });
    const response = this.#responses.next();
    this.#expectedResponses.set(streamId, response);
    stream.on('error', (error) => this.#fail(error));
    stream.respond(flat(response), { endStream: true });
    stream.resume();
  }

  #checkResponse(streamId: number, list: HeaderList): void {
    const expected = this.#expectedResponses.get(streamId);
    if (expected === undefined) throw new Error(`a response on stream ${streamId} that nobody sent`);
    this.#expectedResponses.delete(streamId);
    assertSame('response', flat(expected), flat(list));
    if (this.#expectedRequests.size + this.#expectedResponses.size === 0) this.#changed();
  }
}

/** Names that came in the never-indexed form; Node's types do not have them on what was received. */
function neverIndexedIn(headers: object): readonly string[] {
  const names: unknown = Reflect.get(headers, sensitiveHeaders);
  return Array.isArray(names) ? names.map(String) : [];
}

/** Names and values by turns. */
function flat({ names, values }: HeaderList): string[] {
  return names.flatMap((name, index) => [name, values[index]]);
}

function assertSame(what: string, sent: readonly string[], received: readonly string[]): void {
  const at = sent.findIndex((text, index) => received[index] !== text);
  if (at === -1 && sent.length === received.length) return;
  const where = at === -1 ? sent.length : at;
  throw new Error(
    `${what}: ${JSON.stringify(received.slice(where, where + 2))} came for ${JSON.stringify(sent.slice(where, where + 2))}, field ${Math.floor(where / 2)} of ${sent.length / 2}`,
  );
}
