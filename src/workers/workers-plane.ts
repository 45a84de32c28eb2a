// The plane of the primary process. It owns the listening sockets, hands their connections to workers, and merges the answers of the
// workers. It never reads a byte from a client.

import type { ChildProcess } from 'node:child_process';
import type { Config } from '../config/config.ts';
import type { EndpointUpdate, KnownEndpoints } from '../config/endpoint-update.ts';
import type { LogLevel } from '../config/log-config.ts';
import { QuotaLedger } from '../limits/quota-ledger.ts';
import { ConnectionLimits } from '../listeners/connection-limits.ts';
import { makeRefusal } from '../listeners/refusal.ts';
import { TicketKeys } from '../listeners/ticket-keys.ts';
import type { LogComplaints } from '../observability/log-complaints.ts';
import type { LogState } from '../observability/log-metrics.ts';
import type { Logger } from '../observability/logger.ts';
import { connectionCaps, readOpenFilesLimit } from '../overload/open-files.ts';
import type { ConnectFailed } from '../plane/connect-failures.ts';
import type { ChangesTold } from '../plane/endpoint-changes.ts';
import type { OutageTold } from '../plane/outages.ts';
import type { Load, Plane, PlaneChange, PlaneListener, PlaneReport } from '../plane/plane.ts';
import type { TlsUser } from '../plane/tls-users.ts';
import type { DeliverSpans } from '../tracing/span-lines.ts';
import { ConnectionDispatcher } from './connection-dispatcher.ts';
import { ConnectionDoor } from './connection-door.ts';
import { EventRelays } from './event-relays.ts';
import { applyLogNews } from './log-news.ts';
import { type Assignment, PROTOCOL_VERSION, type ToWorker } from './messages.ts';
import type { PoolChange } from './pool-change.ts';
import { PoolChanges } from './pool-changes.ts';
import { PrimaryLog } from './primary-log.ts';
import { replaceAll } from './replace-all.ts';
import { SharedKnowledge } from './shared-knowledge.ts';
import { type SocketChange, SocketSet } from './socket-set.ts';
import { Suspects } from './suspects.ts';
import { WorkerEnds } from './worker-ends.ts';
import { WorkerPool } from './worker-pool.ts';
import type { StartMessage, WorkerProcess } from './worker-process.ts';

/** How long accepted connections may wait for a worker when the proxy drains. */
const HAND_OVER_WITHIN_MS = 3000;

export interface WorkersPlaneOptions {
  readonly workers: number;
  readonly logger: Logger;
  readonly log: LogState;
  readonly complaints: LogComplaints;
  /** The file that the log goes to. Undefined for standard output. */
  readonly logFile?: string | undefined;
  readonly fork: () => ChildProcess;
}

export class WorkersPlane implements Plane {
  readonly #options: WorkersPlaneOptions;
  readonly #log: PrimaryLog;
  readonly #limits = new ConnectionLimits({ connections: Number.POSITIVE_INFINITY, perAddress: undefined });
  readonly #ticketKeys = new TicketKeys();
  readonly #sockets: SocketSet;
  readonly #pool: WorkerPool;
  readonly #changes: PoolChanges;
  readonly #dispatcher: ConnectionDispatcher;
  readonly #ends: WorkerEnds;
  /** The configuration in force, which a new worker starts with. */
  #assignment: Assignment | undefined = undefined;
  /** Returns the endpoints that sources have named for the configuration in force. */
  #known: () => KnownEndpoints = () => new Map();
  #onConnectFailed: ConnectFailed | undefined = undefined;
  #onOutage: OutageTold | undefined = undefined;
  #onEndpointChanges: ChangesTold | undefined = undefined;
  #onSpans: DeliverSpans | undefined = undefined;
  readonly #knowledge = new SharedKnowledge(() => this.#pool.workers);
  readonly #toAll = (message: ToWorker): void => {
    for (const worker of this.#pool.workers) worker.send(message);
  };
  readonly #events = new EventRelays(this.#toAll);
  /** What the limits of routes count, of all workers. */
  readonly #quotas = new QuotaLedger();
  #logLevel: LogLevel | undefined = undefined;
  #drained: Promise<void> | undefined = undefined;
  /** Resolves when the newest requested replacement has ended. */
  #replaced: Promise<void> = Promise.resolve();

  constructor(options: WorkersPlaneOptions) {
    this.#options = options;
    const { logger, fork } = options;
    this.#pool = new WorkerPool({
      logger,
      fork,
      makeStart: (worker) => this.#makeStart(worker),
      onReady: () => this.#dispatcher.dispatch(),
      onGone: (worker, how) => this.#lose(worker, how),
      lossOf: (worker) => this.#ends.lossOf(worker),
      events: {
        onLoad: (worker, report) => this.#dispatcher.reported(worker, report),
        onPrepared: (worker, vote) => this.#changes.prepared(worker, vote),
        onLastWords: (worker, end) => this.#ends.blame(worker, end),
        onCommitted: (worker, change) => this.#changes.committed(worker, change),
        onConnectFailed: (_worker, upstream) => this.#onConnectFailed?.(upstream),
        onKeysWanted: (source) => this.#knowledge.onKeysWanted(source),
        onQuotaReport: (worker, report) =>
          worker.send({ type: 'quotaAnswer', ...this.#quotas.add(worker, report) }),
        onLeaseAsk: (worker, ask) => this.#knowledge.leasesWanted(worker, ask),
        onOutage: (worker, outage) => this.#onOutage?.(worker, outage),
        onEndpointChanges: (worker, changes) => this.#onEndpointChanges?.(worker, changes),
        onEvents: (_worker, report) => this.#events.received(report),
        // A worker sends its next batch when the channel has taken this one, whatever becomes of it here.
        onSpans: (batch) => this.#onSpans?.(batch, () => undefined),
        onLogNews: (worker, news) => applyLogNews(options.complaints, worker, news),
        onDiagnosed: (worker, diagnoses) => this.#log.answers.keep(worker, { diagnoses }),
        onFarewell: (worker, answers) => {
          this.#log.answers.keep(worker, answers);
          this.#log.figures.keep(worker, answers);
        },
      },
    });
    this.#changes = new PoolChanges(this.#pool);
    const heard = (): readonly WorkerProcess[] =>
      this.#pool.workers.filter(({ state }) => state !== 'starting');
    this.#log = new PrimaryLog(options, heard);
    const suspects = new Suspects();
    this.#dispatcher = new ConnectionDispatcher({
      workers: () => this.#pool.serving,
      suspects,
      onTurnedAway: ({ name }) => this.#log.turnedAway(name),
    });
    this.#ends = new WorkerEnds({
      complaints: options.complaints,
      log: this.#log,
      suspects,
      dispatcher: this.#dispatcher,
      events: this.#events,
    });
    const door = new ConnectionDoor(this.#limits, (refusal) => this.#log.process.refused(refusal));
    this.#sockets = new SocketSet({
      onConnection: (socket, listening) => {
        const client = door.admit(socket, listening);
        if (client !== undefined)
          this.#dispatcher.accept({ socket, listening: listening.id, name: listening.name, ...client });
      },
      onFailure: ({ name }, { message }) =>
        this.#log.process.refused(makeRefusal(name, '', 'listener_error', message)),
    });
    this.#ticketKeys.onChange((keys) => this.#toAll({ type: 'ticketKeys', keys }));
  }

  get listeners(): readonly PlaneListener[] {
    return this.#sockets.sockets;
  }

  get load(): Load {
    return { connections: this.#dispatcher.connectionCount, calls: this.#pool.streams };
  }

  get tlsUsers(): readonly TlsUser[] {
    const reports = this.#pool.serving[0]?.tls ?? [];
    return reports.map((report) => this.#changes.tlsUserOf(report));
  }

  get carriers(): number {
    return this.#options.workers;
  }

  get obstacle(): string | undefined {
    return this.#pool.serving.length > 0 ? undefined : 'no worker serves';
  }

  /** New workers, with the current version of the program on disk, take over one after the other. */
  replaceWorkers(): Promise<void> {
    // A request during a replacement replaces all workers once more, since the program may have changed again.
    const replaced = this.#replaced.then(() =>
      replaceAll(this.#pool, this.#options.logger, this.#drained !== undefined),
    );
    // One that fails is no reason to refuse the next.
    this.#replaced = replaced.catch(() => undefined);
    return replaced;
  }

  /** All workers, draining ones too, open the file of the log again. */
  reopenLog(): void {
    this.#toAll({ type: 'reopenLog' });
  }

  /** Kills all workers immediately. */
  kill(): void {
    this.#pool.kill();
  }

  readonly diagnoses: Plane['diagnoses'] = () => this.#log.answers.diagnoses();
  readonly metrics: Plane['metrics'] = async () => this.#log.metrics();
  readonly upstreams: Plane['upstreams'] = (query) => this.#log.answers.upstreams(query);
  readonly listenerCalls: Plane['listenerCalls'] = () => this.#log.answers.listenerCalls();
  readonly sockets: Plane['sockets'] = (query) => this.#log.answers.sockets(query);
  readonly unusableUpstreams: Plane['unusableUpstreams'] = () => this.#log.answers.unusableUpstreams();
  readonly exchanges: Plane['exchanges'] = (query) => this.#log.answers.exchanges(query);
  readonly totals: Plane['totals'] = () => this.#log.figures.totals();

  async figures(): ReturnType<Plane['figures']> {
    const { processes, ...sums } = await this.#log.figures.figures();
    const [own, ...told] = processes;
    const byPid = new Map(told.map((process) => [process.pid, process]));
    const epoch = this.#assignment?.epoch ?? 0;
    const workers = this.#pool.workers.map(({ number: worker, pid, state, epoch: ofWorker }) => ({
      ...byPid.get(pid),
      worker,
      pid,
      state,
      epoch: ofWorker,
    }));
    const { deaths } = this.#log;
    return {
      ...sums,
      processes: [{ ...own, epoch }, ...workers],
      workerRestarts: this.#pool.restarts,
      ...(deaths && { lastWorkerDeath: deaths.last }),
    };
  }

  readonly subscribe: Plane['subscribe'] = (query, sink) => this.#events.subscribe(query, sink);

  async report(): Promise<PlaneReport> {
    const report = await this.#log.answers.report();
    const workers = this.#pool.workers.map((worker) => ({
      worker: worker.number,
      pid: worker.pid,
      state: worker.state,
      epoch: worker.epoch,
      connections: this.#dispatcher.connectionsOf(worker),
      streams: worker.load.reportedStreams,
    }));
    const { deaths } = this.#log;
    return { ...report, workers, ...(deaths && { workerDeaths: deaths }) };
  }

  async prepare(config: Config, epoch: number, known = this.#known): Promise<PlaneChange> {
    this.#known = known;
    const sockets = await this.#sockets.prepare(config.listeners);
    const isFirst = this.#assignment === undefined;
    try {
      return await (isFirst
        ? this.#begin(sockets, config, epoch)
        : this.#prepareWorkers(sockets, config, epoch));
    } catch (error) {
      await sockets.discard();
      throw error;
    }
  }

  /** Prepares the first configuration. All workers serve before the first connection is admitted. */
  async #begin(sockets: SocketChange, config: Config, epoch: number): Promise<PlaneChange> {
    const { workers } = this.#options;
    await sockets.claim();
    this.#quotas.use(config.routes);
    this.#assignment = { config, epoch, places: sockets.places, workers };
    this.#limits.caps = connectionCaps(config, readOpenFilesLimit(), workers);
    this.#ticketKeys.startRotation();
    await this.#pool.start(workers);
    this.#log.watchDescriptors(() => this.listeners.map(({ name }) => name));
    return {
      opened: sockets.opened,
      commit: () => sockets.commit(),
      discard: async () => {
        await sockets.discard();
        this.kill();
      },
    };
  }

  async #prepareWorkers(sockets: SocketChange, config: Config, epoch: number): Promise<PlaneChange> {
    const { workers } = this.#options;
    const assignment = { config, epoch, places: sockets.places, workers };
    const message = { type: 'prepare', change: this.#changes.next(), assignment } as const;
    const parts = () => ({ places: sockets.places, endpoints: this.#endpoints });
    const change = await this.#changes.ask(message, parts);
    try {
      await sockets.claim();
    } catch (error) {
      this.#changes.abandon(change);
      throw error;
    }
    return {
      opened: sockets.opened,
      commit: () => this.#commit(change, sockets, { ...assignment, places: sockets.places }),
      discard: async () => {
        this.#changes.abandon(change);
        await sockets.discard();
      },
    };
  }

  get #endpoints(): readonly EndpointUpdate[] {
    return [...this.#known().values()];
  }

  /** Draining workers get updates, too, since their calls may still need another endpoint. A new worker starts with all endpoints. */
  updateEndpoints(update: EndpointUpdate): void {
    for (const worker of this.#pool.workers) worker.endpoints.tell(update);
  }

  watchConnectFailures(tell: ConnectFailed): void {
    this.#onConnectFailed = tell;
  }

  watchOutages(tell: OutageTold): void {
    this.#onOutage = tell;
  }

  watchEndpoints(tell: ChangesTold): void {
    this.#onEndpointChanges = tell;
  }

  watchSpans(deliver: DeliverSpans): void {
    this.#onSpans = deliver;
  }

  readonly updateHealth: Plane['updateHealth'] = (update) => this.#knowledge.updateHealth(update);
  readonly updateWeights: Plane['updateWeights'] = (update) => this.#knowledge.updateWeights(update);
  readonly updateKeys: Plane['updateKeys'] = (update) => this.#knowledge.updateKeys(update);
  readonly watchWantedKeys: Plane['watchWantedKeys'] = (tell) => this.#knowledge.watchWantedKeys(tell);
  readonly updateStore: Plane['updateStore'] = (state) => this.#knowledge.updateStore(state);
  readonly watchLeaseAsks: Plane['watchLeaseAsks'] = (ask) => this.#knowledge.watchLeaseAsks(ask);

  setLogLevel(level: LogLevel): void {
    this.#logLevel = level;
    this.#toAll({ type: 'logLevel', level });
  }

  /** The commit is sent before connections of new sockets, so that each worker knows the socket before its first connection arrives. */
  async #commit(change: PoolChange, sockets: SocketChange, assignment: Assignment): Promise<void> {
    const { config, epoch, workers } = assignment;
    this.#assignment = assignment;
    this.#quotas.use(config.routes);
    this.#limits.caps = connectionCaps(config, readOpenFilesLimit(), workers);
    this.#logLevel = undefined;
    const committed = change.commit();
    for (const worker of this.#pool.workers) if (change.voters.includes(worker)) worker.endpoints.clear();
    for (const worker of change.voters) worker.epoch = epoch;
    void sockets.commit();
    await committed;
    this.#changes.end(epoch);
  }

  #makeStart(worker: number): StartMessage {
    if (this.#assignment === undefined) throw new Error('a worker was started without a configuration');
    const assignment = this.#assignment;
    const known = { endpoints: this.#endpoints, ...this.#knowledge.all };
    const log = { logFile: this.#options.logFile, logLevel: this.#logLevel };
    const state = {
      assignment,
      subscriptions: this.#events.subscriptions,
      ticketKeys: this.#ticketKeys.current,
    };
    return { type: 'start', version: PROTOCOL_VERSION, worker, ...state, ...known, ...log };
  }

  #lose(worker: WorkerProcess, how: string): void {
    this.#changes.gone(worker);
    this.#ends.gone(worker, how);
    this.#quotas.forget(worker);
    this.#onOutage?.(worker, undefined);
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    this.#sockets.close();
    this.#ticketKeys.close();
    const timer = setTimeout(() => this.#dispatcher.close(), HAND_OVER_WITHIN_MS);
    await this.#dispatcher.emptied();
    clearTimeout(timer);
    await this.#pool.drain();
    this.#events.flush();
    this.#dispatcher.close();
    this.#log.close();
  }
}
