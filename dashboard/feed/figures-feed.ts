// Reads `api/dashboard` for as long as the page is open, and connects again after each loss. It never gives up, and asks less and less
// often; only a missing or wrong token makes it wait for its user.

import type { DashboardMessage } from '../../src/admin/dashboard-figures.ts';
import { EventStreamParser } from './event-stream-parser.ts';

export type FeedState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  | { readonly kind: 'lost'; readonly why: string; readonly tryAtEpochMs: number }
  | { readonly kind: 'token needed'; readonly isWrong: boolean };

export interface FeedListener {
  message(message: DashboardMessage): void;
  state(state: FeedState): void;
}

/** What it needs of a browser, so that tests can do without one. */
export interface FeedParts {
  readonly fetch: (url: string, options: RequestInit) => Promise<Response>;
  readonly token: () => string | undefined;
  /** Resolves after the time, or at once when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly now: () => number;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** Figures come each second; a proxy that says nothing for so long is gone, or the way to it is. */
const SILENT_AFTER_MS = 10_000;
const SILENT = `it has sent nothing for ${SILENT_AFTER_MS / 1000} s`;

export class FiguresFeed {
  readonly #listener: FeedListener;
  readonly #parts: FeedParts;
  #waitMs = FIRST_WAIT_MS;
  #running: AbortController | undefined = undefined;

  constructor(listener: FeedListener, parts: FeedParts) {
    this.#listener = listener;
    this.#parts = parts;
  }

  /** Connects at once, with the token of this moment; a connection that is open already ends. */
  connect(): void {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.#waitMs = FIRST_WAIT_MS;
    void this.#run(running.signal);
  }

  close(): void {
    this.#running?.abort();
    this.#running = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#listener.state({ kind: 'connecting' });
      const why = await this.#readOnce(signal);
      if (signal.aborted || why === undefined) return;
      this.#listener.state({ kind: 'lost', why, tryAtEpochMs: this.#parts.now() + this.#waitMs });
      await this.#parts.sleep(this.#waitMs, signal);
      this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
    }
  }

  /** @returns why the connection has ended; undefined if the user is asked for a token */
  async #readOnce(signal: AbortSignal): Promise<string | undefined> {
    const attempt = new AbortController();
    const watch = new SilenceWatch(this.#parts, attempt);
    const end = () => attempt.abort();
    signal.addEventListener('abort', end);
    try {
      const response = await this.#parts.fetch('api/dashboard', {
        headers: { accept: 'text/event-stream', ...authorization(this.#parts.token()) },
        cache: 'no-store',
        signal: attempt.signal,
      });
      // Under a name that is not its own, a proxy answers nobody without the token.
      if (response.status === 401 || response.status === 421) {
        this.#listener.state({ kind: 'token needed', isWrong: this.#parts.token() !== undefined });
        return undefined;
      }
      if (response.status !== 200 || response.body === null) return await refusalOf(response);
      const why = await this.#readMessages(response.body, watch, attempt.signal);
      return watch.hasExpired ? SILENT : why;
    } catch (error) {
      if (watch.hasExpired) return SILENT;
      // What a browser says of a connection that it could not make tells its user nothing.
      return error instanceof TypeError ? 'nothing answers at its address' : String(error);
    } finally {
      signal.removeEventListener('abort', end);
      watch.stop();
      attempt.abort();
    }
  }

  async #readMessages(
    body: ReadableStream<Uint8Array>,
    watch: SilenceWatch,
    signal: AbortSignal,
  ): Promise<string> {
    const parser = new EventStreamParser();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    signal.addEventListener('abort', () => void reader.cancel().catch(() => undefined));
    let why = 'it has closed the connection';
    for (;;) {
      watch.heard();
      const { done, value } = await reader.read();
      if (done) return why;
      for (const data of parser.push(decoder.decode(value, { stream: true }))) {
        const message: DashboardMessage = JSON.parse(data);
        if (message.event === 'open') {
          this.#waitMs = FIRST_WAIT_MS;
          this.#listener.state({ kind: 'open' });
        } else if (message.event === 'closing') {
          why = message.reason;
        }
        this.#listener.message(message);
      }
    }
  }
}

/** Ends an attempt in which nothing is heard for too long. */
class SilenceWatch {
  readonly #parts: FeedParts;
  readonly #attempt: AbortController;
  #watching = new AbortController();
  hasExpired = false;

  constructor(parts: FeedParts, attempt: AbortController) {
    this.#parts = parts;
    this.#attempt = attempt;
    this.heard();
  }

  heard(): void {
    this.#watching.abort();
    const watching = new AbortController();
    this.#watching = watching;
    void this.#expire(watching.signal);
  }

  stop(): void {
    this.#watching.abort();
  }

  async #expire(watching: AbortSignal): Promise<void> {
    await this.#parts.sleep(SILENT_AFTER_MS, watching);
    if (watching.aborted) return;
    this.hasExpired = true;
    this.#attempt.abort();
  }
}

export function authorization(token: string | undefined): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** The sentence of the server, which is the text of its answer or the `error` of a JSON object. */
export async function refusalOf(response: Response): Promise<string> {
  const text = (await response.text()).trim().slice(0, 500);
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'error' in parsed) return String(parsed.error);
  } catch {
    // Plain text.
  }
  return text === '' ? `it answers with ${response.status}` : text;
}
