// The open listeners, and their change to those of another configuration: first everything that can fail, then one synchronous
// step. An address that stays keeps its socket. Old listeners are closed only after the new ones are open.

import type { Change } from '../config/change.ts';
import type { ListenerConfig } from '../config/config.ts';
import type { Finding } from '../config/problem.ts';
import { findingOf, UnusableConfig } from '../config/unusable-config.ts';
import { type OpenSource, openOwnSocket } from '../listeners/connection-source.ts';
import {
  type Listener,
  type ListenerHandler,
  type ListenerOptions,
  openListener,
} from '../listeners/listener.ts';
import { ListenerError } from '../listeners/listener-error.ts';
import type { ProxySnapshot } from './build-snapshot.ts';
import {
  addressFinding,
  bySystemdLast,
  isSystemd,
  type PlannedListener,
  planListeners,
} from './listener-plan.ts';

/** TCP, TLS and the first request take three round trips, and a lost packet costs another second. */
const OPENING_TIMEOUT_MS = 3000;

/** The clients that connected by one listener while its name and its use of TLS stayed the same. */
export interface Clientele {
  /** The snapshot for the last calls of clients that must connect again. Undefined while the current snapshot applies. */
  last: ProxySnapshot | undefined;
}

interface OpenListener {
  readonly listener: Listener;
  readonly clientele: Clientele;
  readonly handler: ListenerHandler;
}

type Planned = PlannedListener<OpenListener>;

export interface ListenerChange extends Change {
  readonly opened: readonly Listener[];
  /** The names of the listeners whose clients must connect again. */
  readonly left: ReadonlySet<string>;
}

export interface SharedParts extends Pick<ListenerOptions, 'limits' | 'ticketKeys'> {
  /** The source of connections for the listener at this index of the configuration being prepared. The default opens a socket. */
  readonly openSourceOf?: (index: number) => OpenSource;
}

export class ListenerSet {
  readonly #handlerFor: (clientele: Clientele) => ListenerHandler;
  readonly #shared: SharedParts;
  #open: readonly OpenListener[] = [];

  /** @param shared what the listeners of a process have in common */
  constructor(handlerFor: (clientele: Clientele) => ListenerHandler, shared: SharedParts) {
    this.#handlerFor = handlerFor;
    this.#shared = shared;
  }

  get listeners(): readonly Listener[] {
    return this.#open.map(({ listener }) => listener);
  }

  async close(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.close()));
  }

  /**
   * Resolves when every accepted connection has been handed to its protocol or closed. The wait is limited to the time that a distant
   * client may need, so that a silent connection does not hold it up.
   */
  async settled(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, OPENING_TIMEOUT_MS);
    await Promise.race([late, Promise.all(this.listeners.map(({ openings }) => openings.settled()))]);
    clearTimeout(timer);
  }

  /**
   * Rejects with UnusableConfig, which lists everything that is wrong, and then nothing has changed.
   * @param last the snapshot that clients of removed listeners keep
   */
  async prepare(configs: readonly ListenerConfig[], last?: ProxySnapshot): Promise<ListenerChange> {
    const findings: Finding[] = [];
    const planned = planListeners(this.#open, ({ listener }) => listener.config, configs);
    const next = new Map<number, OpenListener>();
    const changes: Change[] = [];
    const attempt = async (plan: Planned, prepare: () => Promise<void>): Promise<void> => {
      try {
        await prepare();
      } catch (error) {
        findings.push(this.#findingOf(error, plan));
      }
    };
    for (const plan of planned.filter(({ known }) => known !== undefined)) {
      await attempt(plan, async () => {
        const [kept, change] = await this.#prepareKnown(plan);
        next.set(plan.index, kept);
        if (change !== undefined) changes.push(change);
      });
    }
    const opened: Listener[] = [];
    const added = planned.filter(({ known }) => known === undefined).toSorted(bySystemdLast);
    for (const plan of added) {
      if (isSystemd(plan) && findings.length > 0) continue;
      await attempt(plan, async () => {
        const entry = await this.#openAnother(plan);
        opened.push(entry.listener);
        next.set(plan.index, entry);
      });
    }
    const discard = async (): Promise<void> => {
      await Promise.all(opened.map((listener) => listener.close()));
    };
    if (findings.length > 0) {
      await discard();
      throw new UnusableConfig(findings);
    }
    const open = configs.map((_config, index) => next.get(index)).filter((entry) => entry !== undefined);
    const left = this.#open.filter(({ clientele }) => !open.some((entry) => entry.clientele === clientele));
    return {
      opened,
      left: new Set(left.map(({ listener }) => listener.name)),
      discard,
      commit: () => {
        this.#open = open;
        for (const { clientele } of left) clientele.last = last;
        for (const change of changes) void change.commit();
        for (const listener of opened) listener.admit();
        for (const { listener } of left) {
          if (!open.some((entry) => entry.listener === listener)) listener.close().catch(ignore);
        }
      },
    };
  }

  /** Clients that connected under another name, or with or without TLS where this has changed, are asked to connect again. */
  async #prepareKnown({ config, known }: Planned): Promise<[OpenListener, Change | undefined]> {
    if (known === undefined) throw new Error(`there is no open listener at ${config.address.text}`);
    const { listener } = known;
    const isSame =
      listener.name === config.name && (listener.config.tls === undefined) === (config.tls === undefined);
    const entry = isSame ? known : { listener, ...this.#makeClientele() };
    return [entry, await listener.prepare(config, entry.handler)];
  }

  async #openAnother({ config, index }: Planned): Promise<OpenListener> {
    const entry = this.#makeClientele();
    const { openSourceOf, ...shared } = this.#shared;
    const openSource = openSourceOf?.(index) ?? openOwnSocket;
    const options = { ...shared, openSource, isHeld: true };
    return { ...entry, listener: await openListener(config, entry.handler, options) };
  }

  #makeClientele(): Omit<OpenListener, 'listener'> {
    const clientele: Clientele = { last: undefined };
    return { clientele, handler: this.#handlerFor(clientele) };
  }

  #findingOf(error: unknown, plan: Planned): Finding {
    return error instanceof ListenerError && error.key !== 'address'
      ? findingOf(['listeners', plan.index, error.key], error)
      : addressFinding(error, plan, this.listeners);
  }
}

function ignore(): void {
  // Closing has nothing to report.
}
