// One store in Redis or Valkey: a server, a cluster, or a server that sentinels name. The only file that knows the client library. It runs
// in a process of its own (run-stores.ts), since an answer that the library does not expect may end the process.

import { Cluster, Command, Redis } from 'ioredis';
import type { LeaseAsk, Leases } from '../config/lease-messages.ts';
import { failureReason } from './failure-reason.ts';
import { hashOfScript, LEASE_SCRIPT, PRESENCE_SCRIPT } from './lease-script.ts';
import { OutageReason } from './outage-reason.ts';
import { readHolders, readLeases } from './read-answer.ts';
import { ReconnectPauses } from './reconnect-pauses.ts';
import type { StoreOptions } from './store-options.ts';

/** How often this proxy tells the store that it is there, and finds out whether the store answers. */
const PRESENT_EVERY_MS = 1000;
/** How often it does so while the store does not answer. */
const ABSENT_EVERY_MS = 250;
/** How long a proxy counts after the store has heard of it. */
const PRESENCE_LASTS_MS = 5000;
/** A command without an answer has failed. */
const COMMAND_WITHIN_MS = 1000;
const CONNECT_WITHIN_MS = 3000;

export interface RedisStoreEvents {
  /** @param holders how many processes share the store */
  readonly onUp: (holders: number) => void;
  /** The store is down, or goes on being so for another reason. @param reason a code, never a text of the server */
  readonly onDown: (reason: string) => void;
}

type Client = Redis | Cluster;

/** Why there are no leases is a code, never a text of the server. */
export type Taken = { readonly leases: Leases } | { readonly reason: string };

export class RedisStore {
  readonly #options: StoreOptions;
  readonly #id: string;
  readonly #events: RedisStoreEvents;
  #client: Client;
  readonly #pauses = new ReconnectPauses(() => performance.now());
  #timer: NodeJS.Timeout | undefined = undefined;
  #replacement: NodeJS.Timeout | undefined = undefined;
  #isUp: boolean | undefined = undefined;
  #holders = 0;
  /** Why the connection has failed last. */
  #connectionFailure: string | undefined = undefined;
  /** Whether the server has said that commands on this connection concern the database of the configuration. */
  #isSelected = false;
  readonly #outage: OutageReason;
  readonly #openedAtMs = performance.now();
  #isClosed = false;

  /** @param id tells this proxy apart from others that share the store. @param now monotonic milliseconds. For tests */
  constructor(options: StoreOptions, id: string, events: RedisStoreEvents, now = () => performance.now()) {
    this.#options = options;
    this.#id = id;
    this.#events = events;
    this.#outage = new OutageReason(now);
    this.#client = this.#open();
    this.#timer = setTimeout(() => void this.#look(), ABSENT_EVERY_MS);
  }

  #open(): Client {
    const client = connect(this.#options, () => this.#pauses.next());
    client.on('error', (error: unknown) => {
      this.#connectionFailure = failureReason(error);
    });
    // A server that has closed the connection is down at once, not only when it is asked.
    client.on('close', () => {
      this.#isSelected = false;
      this.#fail(this.#connectionFailure ?? 'connection_closed');
    });
    client.on('ready', () => {
      this.#connectionFailure = undefined;
      this.#pauses.noteReady();
      void this.#look();
    });
    client.on('end', () => this.#replace(client));
    return client;
  }

  /** A client that has ended connects no more. It does so by itself, if a sentinel names a server by what is no address. */
  #replace(ended: Client): void {
    if (this.#isClosed || ended !== this.#client) return;
    clearTimeout(this.#replacement);
    this.#replacement = setTimeout(() => {
      this.#client = this.#open();
    }, this.#pauses.next());
  }

  /** Never rejects. One question that fails takes no other limit's leases away: the store is up as long as it counts proxies. */
  async take({ limit, ratePerSecond, burst, keys, owed, least, wanted }: LeaseAsk): Promise<Taken> {
    // All keys of a limit are in one slot of a cluster, so that one script may touch them.
    const names = keys.map((key) => `${this.#options.prefix}:{${limit}}:${key}`);
    const parts = keys.flatMap((_, at) => [String(owed[at]), String(least[at]), String(wanted[at])]);
    try {
      const answer = await this.#run(LEASE, names, [String(1e6 / ratePerSecond), String(burst), ...parts]);
      return { leases: readLeases(answer, wanted) };
    } catch (error) {
      return { reason: this.#judge(error, names[0]) };
    }
  }

  async #run(script: Script, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    // The client of a cluster would wait for a node.
    if (this.#client.status !== 'ready' || !this.#isSelected) throw new NotConnected();
    try {
      return await this.#client.evalsha(script.hash, keys.length, ...keys, ...values);
    } catch (error) {
      if (failureReason(error) !== 'NOSCRIPT') throw error;
      return await this.#client.eval(script.text, keys.length, ...keys, ...values);
    }
  }

  /**
   * Makes sure that the connection is about the database of the configuration: where the server refuses it, the client goes on in database 0,
   * whose counts are others. A cluster has no other database.
   */
  async #select(): Promise<void> {
    const client = this.#client;
    if (this.#isSelected || client.status !== 'ready') return;
    const { database } = this.#options;
    if (client instanceof Redis && database !== 0) {
      try {
        await client.select(database);
      } catch (error) {
        throw failureReason(error) === 'ERR' ? new NoDatabase() : error;
      }
      // It may have been lost meanwhile.
      if (client !== this.#client || client.status !== 'ready') return;
    }
    this.#isSelected = true;
  }

  /** Tells the store that this proxy is there. Never rejects. */
  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    const { prefix, processes } = this.#options;
    const key = `${prefix}:{proxies}`;
    try {
      await this.#select();
      const values = [this.#id, String(processes), String(PRESENCE_LASTS_MS)];
      this.#succeed(readHolders(await this.#run(PRESENCE, [key], values), processes));
    } catch (error) {
      const reason = this.#judge(error, key);
      // Why the first connection fails is told when that is known.
      if (!this.#connectsForTheFirstTime) this.#fail(reason);
    }
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(
      () => void this.#look(),
      this.#isUp === true ? PRESENT_EVERY_MS : ABSENT_EVERY_MS,
    );
  }

  /** Whether it is not known yet if the server can be reached. */
  get #connectsForTheFirstTime(): boolean {
    if (this.#isUp !== undefined || this.#connectionFailure !== undefined) return false;
    return this.#client.status !== 'ready' && performance.now() - this.#openedAtMs < CONNECT_WITHIN_MS;
  }

  /** Does what an error of a script about this key calls for. @returns its reason */
  #judge(error: unknown, key: string): string {
    if (error instanceof NotConnected) return this.#connectionFailure ?? 'connection_closed';
    const reason = failureReason(error);
    // The client matches answers to questions by their order alone: after one that is missing or wrong, none can be trusted.
    if (reason === 'timeout' || reason === 'invalid_answer') this.#connectAnew(reason, key);
    // The sentinels know which server may be written to now.
    if (reason === 'READONLY' && this.#options.kind === 'sentinel') this.#connectAnew(reason, key);
    return reason;
  }

  /** In a cluster, to the node of this key alone. */
  #connectAnew(reason: string, key: string): void {
    if (this.#isClosed) return;
    if (this.#client instanceof Cluster) {
      nodeOf(this.#client, key)?.disconnect();
      return;
    }
    this.#connectionFailure = reason;
    this.#client.disconnect(true);
    this.#fail(reason);
  }

  #succeed(holders: number): void {
    if (this.#isClosed || (this.#isUp === true && this.#holders === holders)) return;
    this.#outage.end();
    this.#isUp = true;
    this.#holders = holders;
    this.#events.onUp(holders);
  }

  #fail(reason: string): void {
    if (this.#isClosed) return;
    this.#isUp = false;
    if (this.#outage.isNews(reason)) this.#events.onDown(reason);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#replacement);
    this.#client.disconnect();
  }
}

interface Script {
  readonly text: string;
  readonly hash: string;
}

const LEASE = scriptOf(LEASE_SCRIPT);
const PRESENCE = scriptOf(PRESENCE_SCRIPT);

function scriptOf(text: string): Script {
  return { text, hash: hashOfScript(text) };
}

/** The client refuses commands. */
class NotConnected extends Error {
  override readonly name = 'NotConnected';
}

/** The server does not open the database. */
class NoDatabase extends Error {
  override readonly name = 'NoDatabase';
}

/** @returns undefined if the cluster has not said which node has the key, or there is no connection to it */
function nodeOf(cluster: Cluster, key: string): Redis | undefined {
  const [place] = cluster.slots[new Command('get', [key]).getSlot() ?? -1] ?? [];
  return cluster.nodes().find(({ options: { host, port } }) => `${host}:${port}` === place);
}

/** @param pause how many milliseconds to wait before the next connection */
function connect(options: StoreOptions, pause: () => number): Client {
  const { servers, kind, master, user, password, database } = options;
  const tls = options.tls && { ...(options.tls.ca !== undefined && { ca: options.tls.ca }) };
  const common = {
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
    db: database,
    protocol: 2 as const,
    connectionName: 'framegate',
    disableClientInfo: true,
    // The look says the same. This one asks for more rights, and prints what the server answers.
    enableReadyCheck: false,
    connectTimeout: CONNECT_WITHIN_MS,
    commandTimeout: COMMAND_WITHIN_MS,
    keepAlive: 10_000,
    // A lease that comes late is of no use: commands fail at once while there is no connection, and are not sent again.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  };
  const single = { ...common, enableOfflineQueue: false, retryStrategy: pause };
  if (kind === 'cluster')
    return new Cluster([...servers], {
      redisOptions: common,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      clusterRetryStrategy: pause,
      maxRedirections: 4,
      slotsRefreshTimeout: COMMAND_WITHIN_MS,
    });
  if (kind === 'sentinel')
    return new Redis({
      ...single,
      sentinels: [...servers],
      name: master ?? '',
      role: 'master',
      sentinelRetryStrategy: pause,
      sentinelCommandTimeout: COMMAND_WITHIN_MS,
      ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    });
  const [{ host, port }] = servers;
  return new Redis({ ...single, host, port, ...(tls && { tls: { ...tls, servername: serverName(host) } }) });
}

/** An address is no name that a certificate is chosen by. */
function serverName(host: string): string {
  return /^[0-9.]+$|:/.test(host) ? '' : host;
}
