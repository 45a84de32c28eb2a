// Keeps the configured number of workers running: it starts them, starts another when one has died, with growing delays if they die
// early, and replaces them one by one on request. Other classes decide which connections and which configuration they get.

import type { ChildProcess } from 'node:child_process';
import type { Finding } from '../config/problem.ts';
import { UnusableConfig } from '../config/unusable-config.ts';
import type { Logger } from '../observability/logger.ts';
import { CrashLoop, RestartBackoff, StartUpDeaths } from './restart-backoff.ts';
import { SilenceWatch } from './silence-watch.ts';
import type { WorkerLoss } from './worker-load.ts';
import { type StartMessage, type WorkerEvents, type WorkerFailure, WorkerProcess } from './worker-process.ts';

/** A place for one worker. The process that holds it changes over time. */
interface Post {
  readonly number: number;
  readonly backoff: RestartBackoff;
  holder: WorkerProcess | undefined;
  /** The process that takes over from the holder once it serves. */
  successor: WorkerProcess | undefined;
  restart: NodeJS.Timeout | undefined;
}

export interface WorkerPoolOptions {
  readonly logger: Logger;
  readonly fork: () => ChildProcess;
  readonly makeStart: (worker: number) => StartMessage;
  readonly events: Omit<WorkerEvents, 'onServing' | 'onFailed' | 'onGone'>;
  /** Another worker can take connections. */
  readonly onReady: () => void;
  readonly onGone: (worker: WorkerProcess, how: string) => void;
  /** What ends with a worker, for the log. */
  readonly lossOf: (worker: WorkerProcess) => WorkerLoss;
}

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #logger: Logger;
  readonly #posts: Post[] = [];
  /** All worker processes, including those that drain. */
  readonly #workers = new Set<WorkerProcess>();
  readonly #startUpDeaths = new StartUpDeaths();
  /** The reasons that workers gave for not starting. */
  readonly #failures = new WeakMap<WorkerProcess, WorkerFailure>();
  /** Workers that became ready during a change of configuration, which they do not know of. */
  readonly #withheld = new Set<WorkerProcess>();
  /** How often another worker was started in the place of one that had died. */
  restarts = 0;
  #isChanging = false;
  #isStopping = false;
  #start: PromiseWithResolvers<void> | undefined = undefined;
  #replacement: PromiseWithResolvers<boolean> | undefined = undefined;
  #onEmpty: (() => void) | undefined = undefined;
  readonly #watch: SilenceWatch<WorkerProcess>;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#watch = new SilenceWatch(this.#workers, (worker) => this.#endSilent(worker));
  }

  get workers(): readonly WorkerProcess[] {
    return [...this.#workers];
  }

  /** The sum of the streams that all workers have last reported. */
  get streams(): number {
    let streams = 0;
    for (const { load } of this.#workers) streams += load.reportedStreams;
    return streams;
  }

  /** The workers that take new connections. */
  get serving(): readonly WorkerProcess[] {
    return this.#posts.flatMap(({ holder }) => (holder?.canServe === true ? [holder] : []));
  }

  /** Resolves when all workers serve. Rejects with UnusableConfig if one cannot use the configuration, or with CrashLoop. */
  async start(count: number): Promise<void> {
    this.#start = Promise.withResolvers();
    for (let number = 1; number <= count; number++) {
      const backoff = new RestartBackoff();
      const post: Post = { number, backoff, holder: undefined, successor: undefined, restart: undefined };
      this.#posts.push(post);
      post.holder = this.#launch(post);
    }
    this.#watch.start();
    await this.#start.promise;
    this.#start = undefined;
    this.#startUpDeaths.succeeded();
  }

  /** Until `endChange`, no further worker begins to serve, since it would not have voted. */
  beginChange(): void {
    this.#isChanging = true;
  }

  /** @param epoch what was committed: workers that are starting with another epoch are started again. Undefined if nothing was committed. */
  endChange(epoch: number | undefined): void {
    this.#isChanging = false;
    const withheld = [...this.#withheld];
    this.#withheld.clear();
    if (epoch === undefined) {
      for (const worker of withheld) this.#serve(worker);
      return;
    }
    for (const worker of this.#workers) {
      // A worker with epoch 0 has not received a configuration yet, and will receive the new one.
      if (worker.state !== 'starting' || worker.epoch === 0 || worker.epoch === epoch) continue;
      worker.isUnwanted = true;
      worker.kill();
    }
  }

  /** Replaces the workers one after the other, with the current version of the program on disk. Resolves to the number replaced. */
  async replaceAll(): Promise<number> {
    let count = 0;
    for (const post of this.#posts) {
      if (this.#isStopping || !(await this.#replace(post))) break;
      count++;
    }
    return count;
  }

  /** Workers finish their calls and end, and no worker is started any more. Resolves when all have ended. */
  drain(): Promise<void> {
    this.#isStopping = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    for (const { restart } of this.#posts) clearTimeout(restart);
    for (const worker of this.#workers) worker.drain();
    if (this.#workers.size === 0) resolve();
    return promise.finally(() => this.#watch.stop());
  }

  /** Kills all workers immediately. */
  kill(): void {
    this.#isStopping = true;
    for (const worker of this.#workers) {
      worker.isUnwanted = true;
      worker.kill();
    }
  }

  #launch(post: Post): WorkerProcess {
    const { fork, makeStart, events } = this.#options;
    const worker = new WorkerProcess(post.number, fork(), () => makeStart(post.number), {
      ...events,
      onServing: (serving) => {
        if (this.#isChanging) this.#withheld.add(serving);
        else this.#serve(serving);
      },
      onFailed: (failed, failure) => this.#failures.set(failed, failure),
      onGone: (gone, how) => this.#bury(post, gone, how),
    });
    this.#workers.add(worker);
    return worker;
  }

  #serve(worker: WorkerProcess): void {
    if (worker.state !== 'starting') return;
    worker.state = 'serving';
    const fields = { worker: worker.number, workerPid: worker.pid };
    const post = this.#posts.find(({ successor }) => successor === worker);
    if (post !== undefined) {
      const old = post.holder;
      post.holder = worker;
      post.successor = undefined;
      this.#logger.info({ ...fields, replacedPid: old?.pid }, 'worker serves in place of the one before');
      old?.drain();
      this.#replacement?.resolve(true);
    } else this.#logger.info(fields, 'worker serves');
    if (this.#posts.every(({ holder }) => holder?.state === 'serving')) this.#start?.resolve();
    this.#options.onReady();
  }

  #bury(post: Post, worker: WorkerProcess, how: string): void {
    this.#workers.delete(worker);
    this.#withheld.delete(worker);
    const failure = this.#failures.get(worker);
    worker.hasDied =
      !worker.isUnwanted && !worker.hasEndedWell && failure === undefined && post.successor !== worker;
    this.#report(worker, how, failure);
    this.#options.onGone(worker, how);
    if (this.#workers.size === 0) this.#onEmpty?.();
    if (this.#isStopping) return;
    if (post.successor === worker) this.#loseSuccessor(post, worker);
    else if (post.holder === worker) this.#fill(post, worker, how, failure?.findings ?? []);
  }

  #loseSuccessor(post: Post, worker: WorkerProcess): void {
    post.successor = worker.isUnwanted ? this.#launch(post) : undefined;
    if (post.successor === undefined) this.#replacement?.resolve(false);
  }

  /** Starts another worker for an empty post, unless that is pointless. */
  #fill(post: Post, worker: WorkerProcess, how: string, findings: readonly Finding[]): void {
    post.holder = undefined;
    if (worker.isUnwanted) {
      post.holder = this.#launch(post);
      return;
    }
    if (this.#start !== undefined && findings.length > 0) {
      this.#giveUp(new UnusableConfig(findings));
      return;
    }
    const { livedMs } = worker;
    if (this.#startUpDeaths.died(livedMs)) {
      this.#giveUp(new CrashLoop(this.#startUpDeaths.count, how));
      return;
    }
    // Clients must not be able to delay a restart that others wait for: only a worker that never worked, or that a suspect has ended,
    // is started later.
    const isPutOff = !worker.hasWorked || worker.hasFallenToSuspect;
    const delayMs = isPutOff ? post.backoff.died(livedMs) : 0;
    if (delayMs > 0) {
      const fields = { worker: post.number, delayMs: Math.round(delayMs) };
      this.#logger.warn(fields, 'the worker ended soon after its start: the next one is started later');
    }
    post.restart = setTimeout(() => {
      this.restarts++;
      post.holder = this.#launch(post);
    }, delayMs);
  }

  #giveUp(error: Error): void {
    this.#isStopping = true;
    for (const { restart } of this.#posts) clearTimeout(restart);
    this.#watch.stop();
    this.kill();
    this.#start?.reject(error);
  }

  async #replace(post: Post): Promise<boolean> {
    // If no worker serves at this post, the next one runs the new program anyway.
    if (post.holder?.state !== 'serving') return true;
    this.#replacement = Promise.withResolvers();
    post.successor = this.#launch(post);
    const isReplaced = await this.#replacement.promise;
    this.#replacement = undefined;
    return isReplaced;
  }

  #report(worker: WorkerProcess, how: string, failure: WorkerFailure | undefined): void {
    const fields = { worker: worker.number, workerPid: worker.pid, how };
    const post = this.#posts.find(({ successor }) => successor === worker);
    if (worker.isUnwanted || (worker.hasEndedWell && this.#isStopping))
      this.#logger.debug(fields, 'worker ended');
    else if (worker.hasEndedWell) this.#logger.info(fields, 'worker ended after its last call');
    else if (post !== undefined) {
      const problem = failure?.message ?? how;
      this.#logger.error(
        { ...fields, problem },
        `the new worker cannot serve, so the old one stays, and those after it are not replaced: ${problem}`,
      );
    } else if (failure !== undefined) {
      this.#logger.error(
        { ...fields, problem: failure.message },
        `a worker cannot serve: ${failure.message}`,
      );
    } else this.#reportDeath(worker, how);
  }

  #reportDeath(worker: WorkerProcess, how: string): void {
    const fields = {
      worker: worker.number,
      workerPid: worker.pid,
      how,
      ...this.#options.lossOf(worker),
    };
    if (worker.isLeaving) {
      const message = `a worker died before its last call had ended, and its connections with it (${how})`;
      this.#logger.error(fields, message);
    } else
      this.#logger.error(fields, `a worker died, and its connections with it (${how}); another is started`);
  }

  #endSilent(worker: WorkerProcess): void {
    const fields = { worker: worker.number, workerPid: worker.pid };
    this.#logger.error(fields, 'a worker has shown no sign of life for a minute and is ended');
    worker.kill();
  }
}
