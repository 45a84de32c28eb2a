// The process that takes leases of stores. It alone loads the client library and owns the connections to servers, so that whatever a
// server does ends no process that carries calls, and holds none up. It ends with the proxy that has started it.

import { isDeepStrictEqual } from 'node:util';
import type { LeaseAsk } from '../config/lease-messages.ts';
import { failureReason } from './failure-reason.ts';
import type { Taken } from './redis-store.ts';
import type { FromStores, ToStores } from './store-messages.ts';
import type { StoreOptions } from './store-options.ts';

/** EX_SOFTWARE in sysexits.h. */
const FAULT_EXIT_CODE = 70;
/**
 * A server could answer without end: a process that has grown so much ends, and another one is started. Its heap has a bound of its own,
 * which holds between two looks.
 */
const MOST_BYTES = 384 * 1024 * 1024;
const LOOK_EVERY_MS = 250;

export type SendToProxy = (message: FromStores, sent?: () => void) => void;

interface Store {
  /** Never rejects. */
  take(ask: LeaseAsk): Promise<Taken>;
  close(): void;
}

/** Resolves to the exit code. Messages of the proxy arrive as events of the process. */
export async function runStores(send: SendToProxy): Promise<number> {
  endAtFaults(send);
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  const stores = new Stores(send);
  process.on('message', (message: ToStores) => {
    switch (message.type) {
      case 'use':
        void stores.use(message.id, message.stores);
        break;
      case 'take':
        void stores.take(message.ask);
        break;
      case 'close':
        end(0);
        break;
    }
  });
  process.once('disconnect', () => end(0));
  // It may have gone before this line.
  if (!process.connected) end(0);
  const look = setInterval(() => {
    if (process.memoryUsage.rss() > MOST_BYTES) die(new RangeError(), send);
  }, LOOK_EVERY_MS);
  send({ type: 'ready' });
  const exitCode = await ended;
  clearInterval(look);
  stores.close();
  return exitCode;
}

class Stores {
  readonly #send: SendToProxy;
  readonly #stores = new Map<string, { readonly options: StoreOptions; readonly store: Store }>();

  constructor(send: SendToProxy) {
    this.#send = send;
  }

  /** Stores whose options have not changed keep their connections. */
  async use(id: string, wanted: readonly StoreOptions[]): Promise<void> {
    const { RedisStore } = await import('./redis-store.ts');
    for (const [name, { options, store }] of this.#stores) {
      if (wanted.some((one) => isDeepStrictEqual(one, options))) continue;
      store.close();
      this.#stores.delete(name);
    }
    for (const options of wanted) {
      const { name } = options;
      if (this.#stores.has(name)) continue;
      const store = new RedisStore(options, id, {
        onUp: (holders) => this.#send({ type: 'up', store: name, holders }),
        onDown: (reason) => this.#send({ type: 'down', store: name, reason }),
      });
      this.#stores.set(name, { options, store });
    }
  }

  /** Answers in any case. */
  async take(ask: LeaseAsk): Promise<void> {
    const startedAt = performance.now();
    const { number } = ask;
    const taken = await this.#stores.get(ask.store)?.store.take(ask);
    this.#send({ type: 'taken', number, tookMs: performance.now() - startedAt, ...taken });
  }

  close(): void {
    for (const { store } of this.#stores.values()) store.close();
    this.#stores.clear();
  }
}

/** An uncaught error ends this process at once; the proxy starts another one. */
function endAtFaults(send: SendToProxy): void {
  process.on('uncaughtException', (error) => die(error, send));
  process.on('unhandledRejection', (error) => die(error, send));
}

function die(error: unknown, send: SendToProxy): void {
  const { name, places } = describeFault(error);
  send({ type: 'fault', name, places }, () => process.exit(FAULT_EXIT_CODE));
  // The channel takes it at once, unless the proxy is gone.
  setImmediate(() => setImmediate(() => process.exit(FAULT_EXIT_CODE)));
}

/** The message of the error is left out, since a server may have written it. */
function describeFault(error: unknown): { readonly name: string; readonly places: string } {
  if (!(error instanceof Error)) return { name: failureReason(error), places: '' };
  const places = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return { name: error.name, places: places.slice(0, 5).join('\n') };
}
