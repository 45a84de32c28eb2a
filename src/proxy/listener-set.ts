// The open listeners, and their change to those of another configuration: everything that can fail comes first, then one
// synchronous step. An address that stays keeps its socket; what goes is closed only when what comes is open.

import type { ListenAddress, ListenerConfig } from '../config/config.ts';
import type { ConfigPath } from '../config/config-path.ts';
import type { Finding } from '../config/problem.ts';
import { type Listener, type ListenerHandler, openListener } from '../listeners/listener.ts';
import { ListenerError } from '../listeners/listener-error.ts';
import type { ProxySnapshot } from './build-snapshot.ts';
import { findingOf, UnusableConfig } from './unusable-config.ts';

/** TCP, TLS and the first request take three round trips, and a lost packet a second. */
const OPENING_TIMEOUT_MS = 3000;

/** Clients that came in by one listener while it had one name and spoke one protocol. */
export interface Clientele {
  /** Of clients that are to go elsewhere: what their last calls begin with. Undefined: whatever is current. */
  last: ProxySnapshot | undefined;
}

interface OpenListener {
  readonly listener: Listener;
  readonly clientele: Clientele;
  readonly handler: ListenerHandler;
}

interface Planned {
  readonly config: ListenerConfig;
  readonly index: number;
  /** Has the address now. */
  readonly known: OpenListener | undefined;
}

export interface ListenerChange {
  readonly opened: readonly Listener[];
  /**
   * Puts it to use.
   * @param last what clients of listeners that are no more stay on
   * @returns the names by which those clients came in
   */
  apply(last: ProxySnapshot | undefined): ReadonlySet<string>;
  /** Leaves everything as it was. */
  discard(): Promise<void>;
}

export class ListenerSet {
  readonly #handlerFor: (clientele: Clientele) => ListenerHandler;
  #open: readonly OpenListener[] = [];

  constructor(handlerFor: (clientele: Clientele) => ListenerHandler) {
    this.#handlerFor = handlerFor;
  }

  get listeners(): readonly Listener[] {
    return this.#open.map(({ listener }) => listener);
  }

  async close(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.close()));
  }

  /**
   * Resolves when every connection that was accepted is somebody's or closed. One that says nothing is not waited for
   * longer than a client may take that is far away.
   */
  async settled(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, OPENING_TIMEOUT_MS);
    await Promise.race([late, Promise.all(this.listeners.map(({ openings }) => openings.settled()))]);
    clearTimeout(timer);
  }

  /** Throws UnusableConfig with everything that is wrong, and then nothing has changed. */
  async prepare(configs: readonly ListenerConfig[]): Promise<ListenerChange> {
    const findings: Finding[] = [];
    const planned = this.#plan(configs);
    const next = new Map<number, OpenListener>();
    const changes: (() => void)[] = [];
    const attempt = async ({ config, index }: Planned, prepare: () => Promise<void>): Promise<void> => {
      try {
        await prepare();
      } catch (error) {
        findings.push(this.#findingOf(error, index, config));
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
    // A socket of systemd's cannot be had a second time, so it is not asked for before all else is well.
    const added = planned.filter(({ known }) => known === undefined).toSorted(bySystemdLast);
    for (const plan of added) {
      if (plan.config.address.kind === 'systemd' && findings.length > 0) continue;
      await attempt(plan, async () => {
        const entry = await this.#openAnother(plan.config);
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
    return { opened, discard, apply: (last) => this.#apply(open, changes, opened, last) };
  }

  #apply(
    open: readonly OpenListener[],
    changes: readonly (() => void)[],
    opened: readonly Listener[],
    last: ProxySnapshot | undefined,
  ): ReadonlySet<string> {
    const before = this.#open.map((entry) => ({ ...entry, name: entry.listener.name }));
    this.#open = open;
    const left = before.filter(({ clientele }) => !open.some((entry) => entry.clientele === clientele));
    for (const { clientele } of left) clientele.last = last;
    for (const change of changes) change();
    for (const listener of opened) listener.admit();
    for (const { listener } of left) {
      if (!open.some((entry) => entry.listener === listener)) listener.close().catch(ignore);
    }
    return new Set(left.map(({ name }) => name));
  }

  /** By address and name first: several listeners may ask for any free port. */
  #plan(configs: readonly ListenerConfig[]): readonly Planned[] {
    const free = new Set(this.#open);
    const take = (config: ListenerConfig, isNameAsked: boolean): OpenListener | undefined => {
      for (const entry of free) {
        const { address, name } = entry.listener.config;
        if (addressKey(address) !== addressKey(config.address)) continue;
        if (isNameAsked && name !== config.name) continue;
        free.delete(entry);
        return entry;
      }
      return undefined;
    };
    const byName = configs.map((config) => take(config, true));
    return configs.map((config, index) => ({ config, index, known: byName[index] ?? take(config, false) }));
  }

  /** Who came in under another name, or by another protocol, is asked to come again. */
  async #prepareKnown({ config, known }: Planned): Promise<[OpenListener, (() => void) | undefined]> {
    if (known === undefined) throw new Error(`there is no open listener at ${config.address.text}`);
    const { listener } = known;
    const isSame =
      listener.name === config.name && (listener.config.tls === undefined) === (config.tls === undefined);
    const entry = isSame ? known : { listener, ...this.#makeClientele() };
    return [entry, await listener.prepare(config, entry.handler)];
  }

  async #openAnother(config: ListenerConfig): Promise<OpenListener> {
    const entry = this.#makeClientele();
    return { ...entry, listener: await openListener(config, entry.handler, { isHeld: true }) };
  }

  #makeClientele(): Omit<OpenListener, 'listener'> {
    const clientele: Clientele = { last: undefined };
    return { clientele, handler: this.#handlerFor(clientele) };
  }

  #findingOf(error: unknown, index: number, { address }: ListenerConfig): Finding {
    const key = error instanceof ListenerError ? error.key : 'address';
    const path: ConfigPath = ['listeners', index, key];
    const rival = key === 'address' ? this.#rivalOf(address) : undefined;
    if (rival === undefined) return findingOf(path, error);
    const hint = `listener '${rival.name}' of the running configuration is there until this one is open: remove that in a reload of its own`;
    return { ...findingOf(path, error), hint };
  }

  #rivalOf(address: ListenAddress): Listener | undefined {
    return this.listeners.find(
      ({ port }) => address.kind === 'tcp' && address.port !== 0 && port === address.port,
    );
  }
}

function addressKey(address: ListenAddress): string {
  return address.kind === 'tcp' ? `${address.host}:${address.port}` : address.text;
}

function bySystemdLast(a: Planned, b: Planned): number {
  return Number(a.config.address.kind === 'systemd') - Number(b.config.address.kind === 'systemd');
}

function ignore(): void {
  // Closing has nothing to report.
}
