// A worker process. It carries calls on connections that it receives from the primary process, with the configuration that the primary
// sends. It has no listening sockets, reads no configuration file and handles no signals. When the primary is gone, it finishes its
// calls and ends.

import { Socket } from 'node:net';
import { type Change, NO_CHANGE } from '../config/change.ts';
import type { EndpointUpdate, KnownEndpoints } from '../config/endpoint-update.ts';
import type { HealthUpdate } from '../config/health-update.ts';
import type { KeysUpdate } from '../config/public-keys.ts';
import { UnusableConfig } from '../config/unusable-config.ts';
import type { WeightUpdate } from '../config/weight-update.ts';
import { LogDestination } from '../observability/log-destination.ts';
import { LogFile } from '../observability/log-file.ts';
import { createLogger, type Logger, type LogSettings } from '../observability/logger.ts';
import { dieLoudly } from '../observability/uncaught-errors.ts';
import { DataPlane } from '../plane/data-plane.ts';
import type { TlsUser } from '../plane/tls-users.ts';
import { DiagnosisReporter } from './diagnosis-reporter.ts';
import { EventSubscriptions } from './event-subscriptions.ts';
import { FedSockets } from './fed-sockets.ts';
import { WORKER_LOG_FD } from './fork-worker.ts';
import { remoteEndOfEvent } from './last-words.ts';
import { LoadReporter } from './load-reporter.ts';
import { reportLogNews } from './log-news.ts';
import { isToWorker, whyNotStart } from './message-shapes.ts';
import {
  type Answers,
  type Assignment,
  type CommitParts,
  type FromWorker,
  PROTOCOL_VERSION,
  type Queries,
  type SendToPrimary,
  type SocketPlace,
  type Topic,
  type ToWorker,
} from './messages.ts';
import { reportTls } from './tls-report.ts';

/** A prepared change that waits for its commit. */
interface NumberedChange {
  readonly number: number;
  readonly change: Change;
  /** The new configuration. Undefined for a change of certificates only. */
  readonly assignment?: Assignment;
}

type StartMessage = Extract<ToWorker, { type: 'start' }>;
type Question = Extract<ToWorker, { type: 'ask' }>;
type PreparedVote = Extract<FromWorker, { type: 'prepared' }>;

/** Resolves to the exit code. @param send messages of the primary arrive as events of the process */
export async function runWorker(send: SendToPrimary): Promise<number> {
  const start = Promise.withResolvers<StartMessage | undefined>();
  process.once('disconnect', () => start.resolve(undefined));
  const awaitStart = (message: unknown): void => {
    const problem = whyNotStart(message);
    if (problem !== undefined) {
      // There is no log yet: the primary says so in its own, and decides when to start another worker.
      process.off('message', awaitStart);
      send({ type: 'failed', message: problem, findings: [] });
      start.resolve(undefined);
      return;
    }
    if (!isToWorker(message) || message.type !== 'start') return;
    // Removed at this moment, since Node keeps further messages until there is a listener again.
    process.off('message', awaitStart);
    start.resolve(message);
  };
  process.on('message', awaitStart);
  send({ type: 'hello', version: PROTOCOL_VERSION });
  const message = await start.promise;
  process.off('message', awaitStart);
  if (message === undefined) return 1;
  const destination = new LogDestination({
    fd: WORKER_LOG_FD,
    isShared: true,
    complaints: reportLogNews(send),
  });
  const logger = createLogger(logSettings(message), destination).child({ worker: message.worker });
  dieLoudly(logger, destination, () => {
    const end = remoteEndOfEvent();
    if (end !== undefined) send({ type: 'lastWords', ...end });
  });
  try {
    const logFile = logFileOf(message, logger, destination);
    // It may have been moved away since the primary gave the descriptor to this process.
    logFile?.reopen();
    await new Worker({ start: message, logger, destination, logFile, send }).run();
    return 0;
  } catch (error) {
    if (!(error instanceof UnusableConfig)) throw error;
    send({ type: 'failed', message: error.message, findings: error.findings });
    return 1;
  } finally {
    await destination.close();
    destination.flushSync();
  }
}

function logSettings({ assignment, logLevel }: StartMessage): LogSettings {
  const { level, syslogPrefix } = assignment.config.log;
  return { level: logLevel ?? level, syslogPrefix };
}

function logFileOf(
  { logFile: path }: StartMessage,
  logger: Logger,
  destination: LogDestination,
): LogFile | undefined {
  return path === undefined ? undefined : new LogFile({ path, fd: WORKER_LOG_FD, destination, logger });
}

interface WorkerParts {
  readonly start: StartMessage;
  readonly logger: Logger;
  readonly destination: LogDestination;
  readonly logFile: LogFile | undefined;
  readonly send: SendToPrimary;
}

class Worker {
  readonly #number: number;
  readonly #logger: Logger;
  readonly #destination: LogDestination;
  readonly #logFile: LogFile | undefined;
  readonly #send: SendToPrimary;
  readonly #subscriptions: EventSubscriptions;
  readonly #sockets = new FedSockets();
  readonly #load: LoadReporter;
  readonly #plane: DataPlane;
  #assignment: Assignment;
  /** The endpoints that sources had named when the primary sent the configuration or its commit. */
  #known: readonly EndpointUpdate[];
  /** What health checks had found, and load reports had said, when the primary started this worker. */
  readonly #health: readonly HealthUpdate[];
  readonly #weights: readonly WeightUpdate[];
  readonly #keys: readonly KeysUpdate[];
  #change: NumberedChange | undefined = undefined;
  #drained: Promise<void> | undefined = undefined;

  /** Throws UnusableConfig if TLS files of upstreams cannot be used. */
  constructor({ start, logger, destination, logFile, send }: WorkerParts) {
    this.#logger = logger;
    this.#destination = destination;
    this.#logFile = logFile;
    this.#send = send;
    this.#number = start.worker;
    this.#assignment = start.assignment;
    this.#known = start.endpoints;
    this.#health = start.health;
    this.#weights = start.weights;
    this.#keys = start.keys;
    const { config, epoch } = start.assignment;
    const openSourceOf = (index: number) => this.#sockets.openerOf(index);
    const processes = () => this.#assignment.workers;
    const { worker } = start;
    this.#plane = new DataPlane({ config, epoch, logger, destination, openSourceOf, processes, worker });
    this.#subscriptions = new EventSubscriptions(this.#plane, send);
    for (const subscription of start.subscriptions) this.#subscriptions.add(subscription);
    this.#plane.ticketKeys.use(start.ticketKeys);
    this.#plane.watchConnectFailures((upstream) => send({ type: 'connectFailed', upstream }));
    this.#plane.watchWantedKeys((source) => send({ type: 'keysWanted', source }));
    this.#plane.quotas.reports.connect((report) => send({ type: 'quotaReport', ...report }), processes());
    this.#plane.quotas.leases.askBy((ask) => send({ type: 'leaseAsk', ask }));
    for (const state of start.stores) this.#plane.updateStore(state);
    this.#plane.watchOutages((_carrier, outage) => {
      if (outage !== undefined) send({ type: 'outage', ...outage });
    });
    this.#plane.watchEndpoints((_carrier, changes) => send({ type: 'endpointChanges', changes }));
    this.#plane.watchSpans((batch, taken) => send({ type: 'spans', ...batch }, taken));
    const diagnoses = new DiagnosisReporter(
      () => this.#plane.diagnosisReport,
      (report) => send({ type: 'diagnosed', report }),
    );
    this.#plane.watchDiagnoses(diagnoses.diagnosed);
    this.#load = new LoadReporter({ streams: () => this.#plane.load.calls, send });
  }

  readonly #knownEndpoints = (): KnownEndpoints =>
    new Map(this.#known.map((update) => [update.upstream, update]));

  /** Resolves when the worker has drained. Rejects with UnusableConfig if it cannot serve. */
  async run(): Promise<void> {
    const { places, config, epoch } = this.#assignment;
    this.#sockets.expect(places);
    const change = await this.#plane.prepare(config, epoch, this.#knownEndpoints);
    this.#sockets.settle(places);
    for (const update of this.#keys) this.#plane.updateKeys(update);
    await change.commit();
    for (const update of this.#health) this.#plane.updateHealth(update);
    for (const update of this.#weights) this.#plane.updateWeights(update);
    const ended = Promise.withResolvers<void>();
    const drain = (): void => {
      this.#drained ??= this.#plane.drain();
      this.#drained.then(ended.resolve, ended.reject);
    };
    process.once('disconnect', () => {
      if (this.#drained === undefined)
        this.#logger.error(
          {},
          'the primary process is gone: running calls may finish, then this worker ends',
        );
      drain();
    });
    process.on('message', (message: unknown, handle: unknown) => {
      const socket = handle instanceof Socket ? handle : undefined;
      if (!isToWorker(message))
        throw new Error('a message of the primary process that this worker does not know');
      if (message.type === 'drain') drain();
      else this.#receive(message, socket);
    });
    this.#send({ type: 'serving', tls: reportTls(this.#plane.tlsUsers) });
    this.#load.start();
    await ended.promise;
    this.#load.close();
    // What is lost now is part of the last counts.
    await this.#destination.close();
    this.#destination.giveUpSync();
    const [metrics, diagnoses] = [await this.#plane.metrics(), await this.#plane.diagnoses()];
    const figures = await this.#plane.figures();
    this.#send({ type: 'farewell', answers: { metrics, diagnoses, figures } });
  }

  #receive(message: Exclude<ToWorker, { type: 'drain' }>, socket: Socket | undefined): void {
    switch (message.type) {
      case 'start':
        break;
      case 'connection':
        this.#accept(message.connection, message.socket, socket);
        break;
      case 'prepare':
        this.#vote(message.change, () => this.#prepare(message.change, message.assignment));
        break;
      case 'prepareTls':
        this.#vote(message.change, () => this.#prepareTls(message.change, message));
        break;
      case 'commit':
        // An error here must end this worker, which would otherwise serve a different configuration than the others.
        void this.#commit(message.change, message);
        break;
      case 'discard':
        this.#discard(message.change);
        break;
      case 'ask':
        this.#answer(message);
        break;
      case 'subscribe':
        this.#subscriptions.add(message);
        break;
      case 'unsubscribe':
        this.#subscriptions.remove(message.subscription);
        break;
      case 'logLevel':
        this.#plane.setLogLevel(message.level);
        break;
      case 'ticketKeys':
        this.#plane.ticketKeys.use(message.keys);
        break;
      case 'endpoints':
        this.#plane.updateEndpoints(message.update);
        break;
      case 'health':
        this.#plane.updateHealth(message.update);
        break;
      case 'weights':
        this.#plane.updateWeights(message.update);
        break;
      case 'keys':
        this.#plane.updateKeys(message.update);
        break;
      case 'quotaAnswer':
        this.#plane.quotas.reports.answered(message);
        break;
      case 'storeState':
        this.#plane.updateStore(message.state);
        break;
      case 'leaseAnswer':
        this.#plane.quotas.leases.answered(message.answer);
        break;
      case 'reopenLog':
        this.#logFile?.reopen();
        break;
    }
  }

  #accept(connection: number, listening: number, socket: Socket | undefined): void {
    this.#load.taken(connection);
    // The connection was closed before it arrived.
    if (socket === undefined) {
      this.#load.closed(connection);
      return;
    }
    socket.once('close', () => this.#load.closed(connection));
    if (!this.#sockets.accept(listening, socket)) socket.destroy();
  }

  /** Prepares a change, and reports the result. */
  #vote(change: number, prepare: () => Promise<'changed' | 'same'>): void {
    const send = (vote: Pick<PreparedVote, 'outcome'> & Partial<PreparedVote>): void =>
      this.#send({ type: 'prepared', change, message: '', findings: [], ...vote });
    prepare().then(
      (outcome) => send({ outcome }),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        if (error instanceof UnusableConfig) send({ outcome: 'refused', message, findings: error.findings });
        else send({ outcome: error instanceof RefusedFiles ? 'refused' : 'failed', message });
      },
    );
  }

  async #prepare(number: number, assignment: Assignment): Promise<'changed'> {
    this.#sockets.expect(assignment.places);
    const prepared = await this.#plane.prepare(assignment.config, assignment.epoch, this.#knownEndpoints);
    this.#change = { number, assignment, change: prepared };
    return 'changed';
  }

  async #prepareTls(
    number: number,
    { kind, name }: Pick<TlsUser, 'kind' | 'name'>,
  ): Promise<'changed' | 'same'> {
    const user = this.#plane.tlsUsers.find((candidate) => candidate.kind === kind && candidate.name === name);
    const change = await user?.prepare().catch((error: unknown) => {
      throw new RefusedFiles(error instanceof Error ? error.message : String(error), { cause: error });
    });
    this.#change = { number, change: change ?? NO_CHANGE };
    return change === undefined ? 'same' : 'changed';
  }

  async #commit(number: number, { places, endpoints }: CommitParts): Promise<void> {
    if (this.#change?.number !== number) throw new Error(`change ${number} has not been prepared`);
    const { change, assignment } = this.#change;
    this.#change = undefined;
    if (assignment !== undefined) {
      this.#assignment = assignment;
      this.#plane.quotas.reports.processes = assignment.workers;
      this.#known = endpoints;
      this.#sockets.settle(places);
    }
    await change.commit();
    if (assignment !== undefined) {
      this.#logger.use(assignment.config.log);
      this.#checkPlaces(places);
    }
    this.#send({ type: 'committed', change: number, tls: reportTls(this.#plane.tlsUsers) });
  }

  #discard(number: number): void {
    if (this.#change?.number !== number) return;
    const { change } = this.#change;
    this.#change = undefined;
    Promise.resolve(change.discard()).catch((err: unknown) =>
      this.#logger.error({ err }, 'a change could not be discarded'),
    );
  }

  /**
   * The primary has assigned sockets to listeners by the same rule, so both must agree. A connection at the wrong listener could
   * be served as plaintext.
   */
  #checkPlaces(places: readonly SocketPlace[]): void {
    const addresses = this.#plane.listeners.map(({ address }) => address);
    if (
      addresses.length !== places.length ||
      places.some(({ address }, index) => address !== addresses[index])
    )
      throw new Error('the listeners of this worker are not those of the primary process');
  }

  #answer({ question, topic, ...queries }: Question): void {
    this.#answerTo(topic, queries).then(
      (body) => this.#send({ type: 'answer', question, body }),
      (err: unknown) => this.#logger.error({ err, topic }, 'a question of the primary process has no answer'),
    );
  }

  async #answerTo(topic: Topic, { query, sockets, upstreams }: Queries): Promise<Partial<Answers>> {
    if (topic === 'sockets') {
      if (sockets === undefined) throw new Error('a question about sockets does not say which');
      return { sockets: await this.#plane.sockets(sockets) };
    }
    if (topic === 'upstreams') {
      if (upstreams === undefined) throw new Error('a question about upstreams does not say what of them');
      return { upstreams: await this.#plane.upstreams(upstreams) };
    }
    if (topic === 'exchanges') {
      if (query === undefined) throw new Error('a question about exchanges does not say which');
      const part = await this.#plane.liveCalls.find(query);
      const worker = this.#number;
      return {
        exchanges: { ...part, exchanges: part.exchanges.map((exchange) => ({ ...exchange, worker })) },
      };
    }
    return { [topic]: await this.#plane[topic]() };
  }
}

/** Certificate files cannot be used. */
class RefusedFiles extends Error {}
