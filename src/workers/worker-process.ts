// One worker, as the primary sees it: a child process, the channel to it, and what it was last heard to say. It starts
// nothing again and decides nothing; whoever made it is told what happens.

import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { EndpointFeed } from './endpoint-feed.ts';
import type { RemoteEnd } from './last-words.ts';
import {
  type Answers,
  type FromWorker,
  helloVersion,
  isFromWorker,
  PROTOCOL_VERSION,
  type TlsReport,
  type Topic,
  type ToWorker,
} from './messages.ts';
import { WorkerLoad } from './worker-load.ts';

export type WorkerState = 'starting' | 'serving' | 'draining' | 'gone';

export interface WorkerEvents {
  readonly onServing: (worker: WorkerProcess) => void;
  /** It has said why it cannot serve; its end follows. */
  readonly onFailed: (worker: WorkerProcess, failure: WorkerFailure) => void;
  readonly onLoad: (worker: WorkerProcess, report: LoadReport) => void;
  readonly onPrepared: (worker: WorkerProcess, vote: PreparedVote) => void;
  /** What it has counted, before it ends. */
  readonly onFarewell: (worker: WorkerProcess, answers: Partial<Answers>) => void;
  /** It ends by an error of its own, at an event of a socket with this other end. */
  readonly onLastWords: (worker: WorkerProcess, end: RemoteEnd) => void;
  readonly onCommitted: (worker: WorkerProcess, change: number) => void;
  /** Once, whatever ended it. */
  readonly onGone: (worker: WorkerProcess, how: string) => void;
}

export type WorkerFailure = Omit<Extract<FromWorker, { type: 'failed' }>, 'type'>;
export type LoadReport = Omit<Extract<FromWorker, { type: 'load' }>, 'type'>;
export type PreparedVote = Omit<Extract<FromWorker, { type: 'prepared' }>, 'type'>;
export type StartMessage = Extract<ToWorker, { type: 'start' }>;

/** A worker that says nothing for so long does nothing either. */
const ANSWER_WITHIN_MS = 2000;

export class WorkerProcess {
  readonly number: number;
  readonly load = new WorkerLoad();
  readonly endpoints = new EndpointFeed((update, sent) => {
    // To one that is gone nothing is sent any more.
    if (this.#child.connected)
      this.#child.send({ type: 'endpoints', update } satisfies ToWorker, () => sent());
  });
  readonly startedAtMs = performance.now();
  state: WorkerState = 'starting';
  /** Of the configuration it serves. */
  epoch = 0;
  tls: readonly TlsReport[] = [];
  /** Looks of the primary at which nothing had come since the look before. */
  silentLooks = 0;
  /** Was ended since nobody needs it: it knows an older configuration only, or the whole stops. */
  isUnwanted = false;
  /** Has been told to let its calls finish and to end. */
  isLeaving = false;
  /** Has had a connection, so its start was not what ended it. */
  hasWorked = false;
  /** A client has ended it that had ended another one before. */
  hasFallenToSuspect = false;
  /** Did so, and ended of its own accord. */
  hasEndedWell = false;
  /** Nothing reaches it any more. */
  #isBroken = false;
  readonly #child: ChildProcess;
  readonly #makeStart: () => StartMessage;
  readonly #events: WorkerEvents;
  readonly #questions = new Map<number, (answers: Partial<Answers>) => void>();
  #lastQuestion = 0;

  /**
   * @param child just forked
   * @param makeStart asked when the worker is there
   */
  constructor(number: number, child: ChildProcess, makeStart: () => StartMessage, events: WorkerEvents) {
    this.number = number;
    this.#child = child;
    this.#makeStart = makeStart;
    this.#events = events;
    child.on('message', (message) => this.#receive(message));
    child.on('error', (error) => {
      // Of one that runs: what could not be done to it shows otherwise.
      if (child.pid === undefined) this.#end(`it could not be started: ${error.message}`);
    });
    // Not 'exit': what it said last may still be in the channel then.
    child.once('close', (code, signal) => {
      this.hasEndedWell = this.state === 'draining' && code === 0;
      this.#end(describeExit(code, signal));
    });
    // Without its channel a worker drains and ends by itself; it is no worker of ours any more.
    child.once('disconnect', () => {
      if (this.state === 'starting' || this.state === 'serving') this.kill();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Takes connections. */
  get canServe(): boolean {
    return this.state === 'serving' && !this.#isBroken && this.#child.connected;
  }

  get livedMs(): number {
    return performance.now() - this.startedAtMs;
  }

  /** What cannot be sent any more is nobody's: its end is told. */
  send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, ignore);
  }

  /**
   * The socket stays open here as well, until the worker says that it has it; `failed` is called when it is clear that it
   * will not get it.
   */
  handOver(socket: Socket, message: Extract<ToWorker, { type: 'connection' }>, failed: () => void): void {
    this.load.handedOver(performance.now());
    this.#child.send(message, socket, { keepOpen: true }, (error) => {
      if (error === null) return;
      this.#isBroken = true;
      failed();
    });
  }

  /** Undefined when it does not answer in time. */
  async ask<About extends Topic>(topic: About): Promise<Answers[About] | undefined> {
    const question = ++this.#lastQuestion;
    const { promise, resolve } = Promise.withResolvers<Partial<Answers>>();
    const timer = setTimeout(resolve, ANSWER_WITHIN_MS, {});
    this.#questions.set(question, resolve);
    this.send({ type: 'ask', question, topic });
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
  // Who is not there any more has said so otherwise.
}
