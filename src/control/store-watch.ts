// The stores of shared limits as the control part sees them: one process takes leases for the whole proxy, however many processes carry
// calls. It follows the configuration, passes questions and answers on, says in the log how the stores fare, and counts.

import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type Change, NO_CHANGE } from '../config/change.ts';
import type { LeaseAnswer, LeaseAsk, StoreState } from '../config/lease-messages.ts';
import { readStoreSecrets } from '../config/store-secrets.ts';
import type { StoreConfig } from '../config/stores-config.ts';
import { UnusableConfig } from '../config/unusable-config.ts';
import { diagnosisCode } from '../diagnosis/codes.ts';
import { describeStoreAnswer, describeWithoutStore } from '../diagnosis/store-answer.ts';
import type { DiagnosisRing } from '../observability/diagnosis-ring.ts';
import type { Logger } from '../observability/logger.ts';
import type { MetricsSnapshot } from '../observability/metrics-snapshot.ts';
import type { StoreOptions } from '../stores/store-options.ts';
import { type FaultReport, StoresProcess } from '../stores/stores-process.ts';
import { forkCommand } from './fork-command.ts';
import { RenewedStores } from './renewed-stores.ts';
import { StoreCounts } from './store-counts.ts';
import { type StoreDetails, StoreLines } from './store-lines.ts';

export interface StoreWatchParts {
  readonly publish: (state: StoreState) => void;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly diagnoses: Pick<DiagnosisRing, 'record'>;
  /** How many processes carry calls. */
  readonly carriers: () => number;
  readonly fork?: () => ChildProcess;
}

/** How a store fares, for the admin API. */
export interface StoreReport {
  readonly name: string;
  /** Host and port of its servers, three at most. */
  readonly servers: string;
  readonly failure: StoreFailure;
  /** Undefined until that is known for the first time. */
  readonly isUp?: boolean;
  /** How many processes that carry calls share it, those of other proxies included, as it has said last. */
  readonly processes?: number;
  /** Why it does not answer. Undefined if it does. */
  readonly reason?: string;
}

/** How a store fares. `isUp` is undefined until that is known for the first time. */
interface Fate {
  isUp: boolean | undefined;
  holders: number | undefined;
  reason: string | undefined;
}

type StoreFailure = StoreConfig['failure'];

const TOKEN = 'store_unavailable';
const CODE = diagnosisCode(TOKEN);

/** More servers of a cluster are not named. */
const MOST_NAMED = 3;

export class StoreWatch {
  readonly #parts: StoreWatchParts;
  readonly #fork: () => ChildProcess;
  readonly #id = randomUUID();
  readonly #counts = new StoreCounts();
  readonly #lines: StoreLines;
  readonly #fates = new Map<string, Fate>();
  readonly #renewed = new RenewedStores((store) => this.#publish(store));
  #options: readonly StoreOptions[] = [];
  #failures: ReadonlyMap<string, StoreFailure> = new Map();
  #process: StoresProcess | undefined = undefined;

  constructor(parts: StoreWatchParts) {
    this.#parts = parts;
    this.#lines = new StoreLines(parts.logger);
    this.#fork = parts.fork ?? (() => forkCommand('take-leases'));
  }

  /** The id of the process that takes leases, for tests. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Reads the secrets. Rejects with UnusableConfig if that fails. Whether a store can be reached does not matter: calls go on without it. */
  async prepare(stores: readonly StoreConfig[] = []): Promise<Change> {
    const options = this.#optionsOf(stores);
    const failures = new Map(stores.map(({ name, failure }) => [name, failure]));
    const isSame = isDeepStrictEqual(options, this.#options);
    if (isSame && isDeepStrictEqual(failures, this.#failures)) return NO_CHANGE;
    const commit = (): void => {
      this.#failures = failures;
      if (!isSame) this.#use(options);
    };
    return { commit, discard: async () => undefined };
  }

  #optionsOf(stores: readonly StoreConfig[]): readonly StoreOptions[] {
    const processes = this.#parts.carriers();
    return stores.map((store) => {
      const { name, servers, kind, master, tls, user, database, prefix } = store;
      const secrets = readStoreSecrets(store);
      if ('faults' in secrets) {
        const findings = secrets.faults.map(({ path, message }) => {
          return { severity: 'error', path: ['stores', name, ...path], at: 'value', message } as const;
        });
        throw new UnusableConfig(findings);
      }
      const { password, ca } = secrets;
      const access = { user, password, tls: tls && { ca } };
      return { name, servers, kind, master, database, prefix, processes, ...access };
    });
  }

  #use(options: readonly StoreOptions[]): void {
    const before = new Map(this.#options.map((one) => [one.name, one]));
    this.#options = options;
    const names = new Set(options.map(({ name }) => name));
    for (const name of before.keys()) {
      if (names.has(name)) continue;
      // Who counts by its limits hears of it with the configuration: to be told that it is down would end streams.
      this.#fates.delete(name);
      this.#renewed.end(name);
    }
    for (const one of options) if (!isDeepStrictEqual(one, before.get(one.name))) this.#begin(one.name);
    this.#counts.keep(names);
    if (options.length === 0) {
      void this.#process?.close();
      this.#process = undefined;
    } else if (this.#process === undefined) this.#process = this.#start(options);
    else this.#process.use(options);
  }

  /** A store that has answered until now, at its former address or with its former password, is not down before it has had time to answer. */
  #begin(store: string): void {
    const wasUp = this.#fates.get(store)?.isUp === true;
    this.#fates.set(store, { isUp: undefined, holders: undefined, reason: undefined });
    if (wasUp) this.#renewed.begin(store);
    else if (!this.#renewed.has(store)) this.#publish(store);
  }

  #start(options: readonly StoreOptions[]): StoresProcess {
    return new StoresProcess(
      {
        fork: this.#fork,
        id: this.#id,
        onUp: (store, holders) => this.#noteUp(store, holders),
        onDown: (store, reason) => this.#noteDown(store, reason),
        onEnded: (how, fault, pauseMs) => this.#noteEnd(how, fault, pauseMs),
      },
      options,
    );
  }

  /** Asks a store for leases. @param answer is called once, later */
  ask(ask: LeaseAsk, answer: (answer: LeaseAnswer) => void): void {
    const { number, store } = ask;
    if (this.#renewed.hold(store, () => this.ask(ask, answer))) return;
    const fate = this.#fates.get(store);
    if (this.#process === undefined || fate?.isUp !== true) {
      setImmediate(() => answer({ number }));
      return;
    }
    this.#process.take(ask, ({ leases, reason }, tookMs) => {
      if (leases === undefined && this.#fates.get(store) !== fate) {
        // The connection was closed, since the store has other options now.
        this.ask(ask, answer);
        return;
      }
      const isWhole = leases?.granted.length === ask.keys.length;
      this.#counts.count(store, isWhole, tookMs);
      if (reason !== undefined) this.#noteFailure(ask, reason);
      answer(isWhole ? { number, leases } : { number });
    });
  }

  #noteUp(store: string, holders: number): void {
    const fate = this.#fates.get(store);
    if (fate === undefined) return;
    const isNews = fate.isUp !== true;
    const hasFailed = fate.isUp === false;
    Object.assign(fate, { isUp: true, holders, reason: undefined });
    this.#publish(store);
    this.#renewed.end(store);
    if (isNews) this.#lines.up(store, holders, hasFailed);
  }

  #noteDown(store: string, reason: string): void {
    const fate = this.#fates.get(store);
    if (fate === undefined) return;
    const isNews = fate.isUp !== false || fate.reason !== reason;
    const wasUp = fate.isUp !== false;
    Object.assign(fate, { isUp: false, reason });
    this.#counts.fail(store, reason);
    if (wasUp) this.#publish(store);
    this.#renewed.end(store);
    const details = this.#detailsOf(store);
    const known = describeStoreAnswer(reason);
    const fault =
      known === undefined ? `does not answer: ${reason}` : `${known.predicate} (${reason}): ${known.remedy}`;
    const sentence = `Store ${store} (${details.servers}) ${fault}. Until it answers, ${describeWithoutStore(details.failure)}.`;
    this.#parts.diagnoses.record({ code: CODE, token: TOKEN, sentence, store }, `${store} ${reason}`);
    if (!isNews) return;
    const remedy = known && { remedy: `it ${known.predicate}: ${known.remedy}` };
    this.#lines.down(details, { reason, ...remedy, token: TOKEN, code: CODE });
  }

  /** The store has failed to answer a question about one limit. Where all of it is down, that was said. */
  #noteFailure({ store, limit }: LeaseAsk, reason: string): void {
    const options = this.#options.find(({ name }) => name === store);
    if (options === undefined || this.#fates.get(store)?.isUp !== true) return;
    this.#lines.failed({ ...this.#detailsOf(store), keys: `${options.prefix}:{${limit}}:*` }, reason);
  }

  #detailsOf(store: string): StoreDetails {
    return { store, servers: this.#serversOf(store), failure: this.#failures.get(store) ?? 'local' };
  }

  /** Without the user and the password. */
  #serversOf(store: string): string {
    const servers = this.#options.find(({ name }) => name === store)?.servers ?? [];
    const named = servers
      .slice(0, MOST_NAMED)
      .map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`));
    return [...named, ...(servers.length > MOST_NAMED ? ['…'] : [])].join(', ');
  }

  #noteEnd(how: string, fault: FaultReport | undefined, pauseMs: number): void {
    for (const { name } of this.#options) this.#noteDown(name, 'process_ended');
    const error = fault && { error: fault.name, places: fault.places };
    this.#parts.logger.error(
      { how, ...error, startsInMs: pauseMs },
      'the process that takes leases of stores has ended: calls go on, and it is started again',
    );
  }

  #publish(store: string): void {
    const { isUp = false, holders } = this.#fates.get(store) ?? {};
    this.#parts.publish({ store, isUp, holders: holders ?? this.#parts.carriers() });
  }

  get report(): readonly StoreReport[] {
    return Array.from(this.#fates, ([name, { isUp, holders, reason }]) => ({
      name,
      servers: this.#serversOf(name),
      failure: this.#failures.get(name) ?? 'local',
      ...(isUp !== undefined && { isUp }),
      ...(holders !== undefined && { processes: holders }),
      ...(reason !== undefined && { reason }),
    }));
  }

  get metrics(): MetricsSnapshot {
    return this.#counts.metrics(this.#fates);
  }

  async close(): Promise<void> {
    this.#fates.clear();
    this.#renewed.endAll();
    await this.#process?.close();
    this.#process = undefined;
  }
}
