// Clients that call through a proxy for as long as a test looks at it: short calls, failing ones, streams, calls that a service never answers,
// and a client without TLS on the port for TLS.

import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { type AudioStream, connectVoiceClient, type TestVoiceClient } from '../../support/voice-client.ts';

const EVERY_MS = 60;
const STREAMS = 9;
const SILENT_CALLS = 5;
const CHUNK = { audio: Buffer.alloc(640) };
/** From quick to slow: one of them for each call in turn. */
const DELAYS_MS = [0, 1, 2, 2, 4, 4, 8, 15, 30, 120];
/** INVALID_ARGUMENT, NOT_FOUND, INTERNAL: the last is the service's fault. */
const FAILURES = [3, 5, 13];

export class RealCalls {
  readonly #client: TestVoiceClient;
  readonly #streams: AudioStream[] = [];
  readonly #session: ClientHttp2Session;
  readonly #timer: NodeJS.Timeout;
  #made = 0;

  /** @param address of the listener with TLS */
  constructor(address: string, caFile: string) {
    const ca = readFileSync(caFile);
    const names = { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' };
    this.#client = connectVoiceClient({ address, ca, channel: names });
    for (let count = 0; count < STREAMS; count++) this.#streams.push(this.#client.streamAudio());
    this.#session = connect(`https://${address}`, { ca, servername: 'localhost' });
    this.#session.on('error', () => undefined);
    for (let count = 0; count < SILENT_CALLS; count++) this.#begin('/transcripts.Archive/Search');
    this.#timer = setInterval(() => this.#makeSome(), EVERY_MS);
  }

  /** Resolves when the client has been told why it is refused. */
  static async refused(address: string): Promise<string> {
    const client = connectVoiceClient({ address });
    const { details } = await client.say({ text: 'without TLS' }, { deadlineMs: 30_000 });
    client.close();
    return details;
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const stream of this.#streams) stream.cancel();
    this.#client.close();
    this.#session.destroy();
  }

  #makeSome(): void {
    const made = this.#made++;
    // A few more now and then, so that the lines are not straight.
    const calls = 2 + Math.round(2 * Math.sin(made / 80) ** 2) + (made % 90 === 0 ? 12 : 0);
    for (let count = 0; count < calls; count++) {
      const delayMs = DELAYS_MS[(made * 7 + count * 3) % DELAYS_MS.length];
      void this.#client.say({ text: 'hello', delayMs, replyAudioBytes: 2000 });
    }
    if (made % 12 === 0)
      void this.#client.fail({ code: FAILURES[(made / 12) % FAILURES.length], message: 'as asked' });
    if (made % 50 === 0) this.#begin('/billing.Invoices/List');
    if (made % 3 === 0) for (const stream of this.#streams.slice(0, 6)) stream.send(CHUNK);
  }

  #begin(path: string): void {
    const call = this.#session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
      { endStream: false },
    );
    call.on('error', () => undefined);
    call.end(Buffer.from([0, 0, 0, 0, 0]));
    call.resume();
  }
}
