// One worker, as the primary sees it: a child process, the channel to it, and its last reports. This class restarts nothing and decides
// nothing; it tells its creator what happens.

import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { HealthUpdate } from '../config/health-update.ts';
import type { LeaseAsk } from '../config/lease-messages.ts';
import type { WeightUpdate } from '../config/weight-update.ts';
import type { QuotaReport } from '../limits/quota-reports.ts';
import type { DiagnosisReport } from '../observability/diagnosis-ring.ts';
import type { ConditionChange } from '../plane/endpoint-changes.ts';
import type { UpstreamOutage } from '../plane/outages.ts';
import type { SpanBatch } from '../tracing/span-lines.ts';
import { EndpointFeed } from './endpoint-feed.ts';
import type { RemoteEnd } from './last-words.ts';
import type { LogNews } from './log-news.ts';
import { helloVersion, isFromWorker } from './message-shapes.ts';
import {
  type Answers,
  type FromWorker,
  PROTOCOL_VERSION,
  type Queries,
  type TlsReport,
  type Topic,
  type ToWorker,
} from './messages.ts';
import { WorkerLoad } from './worker-load.ts';

export type WorkerState = 'starting' | 'serving' | 'draining' | 'gone';

export interface WorkerEvents {
  readonly onServing: (worker: WorkerProcess) => void;
  /** The worker cannot serve, and is about to end. */
  readonly onFailed: (worker: WorkerProcess, failure: WorkerFailure) => void;
  readonly onLoad: (worker: WorkerProcess, report: LoadReport) => void;
  readonly onPrepared: (worker: WorkerProcess, vote: PreparedVote) => void;
  readonly onConnectFailed: (worker: WorkerProcess, upstream: string) => void;
  readonly onKeysWanted: (source: string) => void;
  readonly onQuotaReport: (worker: WorkerProcess, report: QuotaReport) => void;
  readonly onLeaseAsk: (worker: WorkerProcess, ask: LeaseAsk) => void;
  readonly onOutage: (worker: WorkerProcess, outage: UpstreamOutage) => void;
  /** All that it has diagnosed. */
  readonly onDiagnosed: (worker: WorkerProcess, report: DiagnosisReport) => void;
  readonly onEndpointChanges: (worker: WorkerProcess, changes: readonly ConditionChange[]) => void;
  readonly onEvents: (worker: WorkerProcess, events: CallEventsReport) => void;
  /** Spans of its calls, for the exporter. */
  readonly onSpans: (batch: SpanBatch) => void;
  readonly onLogNews: (worker: WorkerProcess, news: LogNews) => void;
  /** The last counts of a worker that has drained. */
  readonly onFarewell: (worker: WorkerProcess, answers: Partial<Answers>) => void;
  /** The worker ends by an uncaught error, at an event of the socket with this remote end. */
  readonly onLastWords: (worker: WorkerProcess, end: RemoteEnd) => void;
  readonly onCommitted: (worker: WorkerProcess, change: number) => void;
  /** Called once, whatever ended the worker. */
  readonly onGone: (worker: WorkerProcess, how: string) => void;
}

export type WorkerFailure = Omit<Extract<FromWorker, { type: 'failed' }>, 'type'>;
export type LoadReport = Omit<Extract<FromWorker, { type: 'load' }>, 'type'>;
export type PreparedVote = Omit<Extract<FromWorker, { type: 'prepared' }>, 'type'>;
export type CallEventsReport = Omit<Extract<FromWorker, { type: 'events' }>, 'type'>;
export type StartMessage = Extract<ToWorker, { type: 'start' }>;

/** A worker that does not answer within this time is busy or hangs. */
const ANSWER_WITHIN_MS = 2000;
/** So many questions may wait for an answer: more would only make a busy worker busier. */
const MOST_QUESTIONS = 32;

export class WorkerProcess {
  readonly number: number;
  readonly load = new WorkerLoad();
  readonly endpoints = new EndpointFeed((update, sent) => {
    // Once the channel is closed, `sent` is never called, so nothing further is sent.
    if (this.#child.connected)
      this.#child.send({ type: 'endpoints', update } satisfies ToWorker, () => sent());
  });
  readonly health = new EndpointFeed<HealthUpdate>((update, sent) => {
    if (this.#child.connected) this.#child.send({ type: 'health', update } satisfies ToWorker, () => sent());
  });
  readonly weights = new EndpointFeed<WeightUpdate>((update, sent) => {
    if (this.#child.connected) this.#child.send({ type: 'weights', update } satisfies ToWorker, () => sent());
  });
  readonly startedAtMs = performance.now();
  state: WorkerState = 'starting';
  /** The epoch of the configuration it serves. 0 until it has received one. */
  epoch = 0;
  tls: readonly TlsReport[] = [];
  /** How many looks of the primary have passed since the last message. */
  silentLooks = 0;
  /** The primary has ended it because it is not needed: it has an outdated configuration, or the service stops. */
  isUnwanted = false;
  /** It was told to finish its calls and then end. */
  isLeaving = false;
  /** It has had a connection, so its start did not fail. */
  hasWorked = false;
  /** The client that has ended it had ended another worker before. */
  hasFallenToSuspect = false;
  /** It has finished its calls and exited with code 0. */
  hasEndedWell = false;
  /** It has ended without being told to, and its calls with it. */
  hasDied = false;
  /** A connection could not be sent to it, so it gets no more of them. */
  #isBroken = false;
  readonly #child: ChildProcess;
  readonly #makeStart: () => StartMessage;
  readonly #events: WorkerEvents;
  readonly #questions = new Map<number, (answers: Partial<Answers>) => void>();
  #lastQuestion = 0;

  /**
   * @param child a process that was just forked
   * @param makeStart is called when the worker has said hello
   */
  constructor(number: number, child: ChildProcess, makeStart: () => StartMessage, events: WorkerEvents) {
    this.number = number;
    this.#child = child;
    this.#makeStart = makeStart;
    this.#events = events;
    child.on('message', (message) => this.#receive(message));
    child.on('error', (error) => {
      // Errors of a running child are ignored here: they show in other ways.
      if (child.pid === undefined) this.#end(`it could not be started: ${error.message}`);
    });
    // At 'exit' the channel may still hold its last messages, so 'close' is used.
    child.once('close', (code, signal) => {
      this.hasEndedWell = this.state === 'draining' && code === 0;
      this.#end(describeExit(code, signal));
    });
    // A worker without its channel can no longer be controlled. It would drain by itself, but its post needs a new worker now.
    child.once('disconnect', () => {
      if (this.state === 'starting' || this.state === 'serving') this.kill();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether it can take connections. */
  get canServe(): boolean {
    return this.state === 'serving' && !this.#isBroken && this.#child.connected;
  }

  get livedMs(): number {
    return performance.now() - this.startedAtMs;
  }

  /** Messages to a disconnected worker are dropped; its exit is reported separately. */
  send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, ignore);
  }

  /**
   * Sends a connection to the worker. The socket stays open here as well, until the worker confirms that it has arrived. `failed` is
   * called when the connection could not be sent.
   */
  handOver(socket: Socket, message: Extract<ToWorker, { type: 'connection' }>, failed: () => void): void {
    this.load.handedOver(performance.now());
    this.#child.send(message, socket, { keepOpen: true }, (error) => {
      if (error === null) return;
      this.#isBroken = true;
      failed();
    });
  }

  /**
   * Resolves to undefined if the worker does not answer in time, or has too many questions to answer.
   * @param query which exchanges, where the question is about exchanges
   */
  async ask<About extends Topic>(topic: About, queries?: Queries): Promise<Answers[About] | undefined> {
    if (this.#questions.size >= MOST_QUESTIONS) return undefined;
    const question = ++this.#lastQuestion;
    const { promise, resolve } = Promise.withResolvers<Partial<Answers>>();
    const timer = setTimeout(resolve, ANSWER_WITHIN_MS, {});
    this.#questions.set(question, resolve);
    this.send({ type: 'ask', question, topic, ...queries });
    const { [topic]: answer } = await promise;
    clearTimeout(timer);
    this.#questions.delete(question);
    return answer;
  }

  drain(): void {
    if (this.state === 'gone' || this.state === 'draining') return;
    this.isLeaving = true;
    if (this.state === 'starting') {
      this.state = 'draining';
      this.isUnwanted = true;
      this.kill();
      return;
    }
    this.state = 'draining';
    this.send({ type: 'drain' });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #receive(message: unknown): void {
    if (this.state === 'gone') return;
    this.silentLooks = 0;
    const version = helloVersion(message);
    if (version !== undefined) this.#start(version);
    else if (isFromWorker(message)) this.#read(message);
    else this.#fail('it sent a message that this process does not know');
  }

  #start(version: number): void {
    if (version === PROTOCOL_VERSION) {
      const start = this.#makeStart();
      this.epoch = start.assignment.epoch;
      this.send(start);
    } else {
      this.#fail(
        `it speaks version ${version} of what processes of Framegate say to each other, and this one ${PROTOCOL_VERSION}: restart the service to upgrade`,
      );
    }
  }

  #fail(message: string): void {
    this.#events.onFailed(this, { message, findings: [] });
    this.kill();
  }

  #read(message: FromWorker): void {
    switch (message.type) {
      case 'hello':
        break;
      case 'serving':
        this.tls = message.tls;
        if (this.state === 'starting') this.#events.onServing(this);
        break;
      case 'failed':
        this.#events.onFailed(this, message);
        break;
      case 'load':
        this.load.report(message.streams);
        if (message.taken.length > 0) this.hasWorked = true;
        this.#events.onLoad(this, message);
        break;
      case 'prepared':
        this.#events.onPrepared(this, message);
        break;
      case 'committed':
        this.tls = message.tls;
        this.#events.onCommitted(this, message.change);
        break;
      case 'lastWords':
        this.#events.onLastWords(this, message);
        break;
      case 'connectFailed':
        this.#events.onConnectFailed(this, message.upstream);
        break;
      case 'keysWanted':
        this.#events.onKeysWanted(message.source);
        break;
      case 'quotaReport':
        this.#events.onQuotaReport(this, message);
        break;
      case 'leaseAsk':
        this.#events.onLeaseAsk(this, message.ask);
        break;
      case 'outage':
        this.#events.onOutage(this, message);
        break;
      case 'diagnosed':
        this.#events.onDiagnosed(this, message.report);
        break;
      case 'endpointChanges':
        this.#events.onEndpointChanges(this, message.changes);
        break;
      case 'events':
        this.#events.onEvents(this, message);
        break;
      case 'spans':
        this.#events.onSpans(message);
        break;
      case 'logFailed':
      case 'logOverflowed':
      case 'logWritten':
        this.#events.onLogNews(this, message);
        break;
      case 'farewell':
        this.#events.onFarewell(this, message.answers);
        break;
      case 'answer':
        this.#questions.get(message.question)?.(message.body);
        break;
    }
  }

  #end(how: string): void {
    if (this.state === 'gone') return;
    this.state = 'gone';
    for (const answer of this.#questions.values()) answer({});
    this.#events.onGone(this, how);
  }
}

function describeExit(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

function ignore(): void {
  // The exit of the worker is reported separately.
}
