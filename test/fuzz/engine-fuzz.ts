// Fuzzes the engine in threads and watches them: rate, findings, a session that hangs, a heap that grows.

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { EngineReport, EngineWorkerData } from './engine-worker.ts';
import { minimised, replay, runSession } from './sessions.ts';
import { type Step, stepFromJson, stepToJson } from './steps.ts';

export interface EngineFuzzOptions {
  readonly frames: number;
  readonly seconds: number;
  readonly seed: number;
  readonly workers: number;
}

/** Sessions take milliseconds; the longest, of some thousand frames, a fraction of a second. */
const HANG_MS = 5000;
const WATCH_MS = 500;
const PRINT_MS = 4000;
/** Between the first report, when all code is compiled and pools are full, and the last. */
const MOST_GROWTH_BYTES = 16 * 1_048_576;
const MOST_FINDINGS = 5;

class WatchedWorker {
  readonly state = new Int32Array(new SharedArrayBuffer(12));
  readonly findings: { readonly seed: number; readonly problem: string }[] = [];
  readonly done: Promise<void>;
  frames = 0;
  sessions = 0;
  firstHeapBytes = 0;
  heapBytes = 0;
  readonly #worker: Worker;
  #session = -1;
  #sessionSinceMs = performance.now();

  constructor(data: Omit<EngineWorkerData, 'state'>) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#worker = new Worker(new URL('engine-worker.ts', import.meta.url), {
      workerData: { ...data, state: this.state },
    });
    this.#worker.on('message', (report: EngineReport) => this.#hear(report));
    this.#worker.on('error', (error) => this.findings.push({ seed: this.state[0], problem: String(error) }));
    this.#worker.on('exit', () => resolve());
  }

  #hear(report: EngineReport): void {
    if (report.kind === 'finding') {
      this.findings.push(report);
      if (this.findings.length >= MOST_FINDINGS) Atomics.store(this.state, 2, 1);
      return;
    }
    this.frames = report.frames;
    this.sessions = report.sessions;
    this.heapBytes = report.heapBytes;
    if (this.firstHeapBytes === 0) this.firstHeapBytes = report.heapBytes;
  }

  watch(): void {
    const session = Atomics.load(this.state, 1);
    const nowMs = performance.now();
    if (session !== this.#session) {
      this.#session = session;
      this.#sessionSinceMs = nowMs;
    } else if (session > 0 && nowMs - this.#sessionSinceMs > HANG_MS) {
      this.findings.push({ seed: this.state[0], problem: `a session took more than ${HANG_MS / 1000} s` });
      void this.#worker.terminate();
      this.#sessionSinceMs = Number.POSITIVE_INFINITY;
    }
  }

  get growthBytes(): number {
    return this.heapBytes - this.firstHeapBytes;
  }
}

/** @returns what was found, one line each */
export async function fuzzEngine(options: EngineFuzzOptions): Promise<readonly string[]> {
  const { seed, seconds, workers: count } = options;
  const workers = Array.from(
    { length: count },
    (_, index) =>
      new WatchedWorker({
        firstSeed: seed + index,
        stride: count,
        seconds,
        frames: Math.ceil(options.frames / count),
      }),
  );
  const startedMs = performance.now();
  const print = (): void => {
    const total = sum(workers, (worker) => worker.frames);
    const elapsed = (performance.now() - startedMs) / 1000;
    const heap = sum(workers, (worker) => worker.heapBytes) / 1_048_576;
    console.log(
      `engine: ${total} frames in ${sum(workers, (worker) => worker.sessions)} sessions, ` +
        `${Math.round(total / elapsed)} frames/s, heap ${heap.toFixed(1)} MiB, seed ${seed}`,
    );
  };
  const printing = setInterval(print, PRINT_MS);
  const watching = setInterval(() => workers.forEach((worker) => worker.watch()), WATCH_MS);
  await Promise.all(workers.map((worker) => worker.done));
  clearInterval(printing);
  clearInterval(watching);
  print();
  const problems = workers
    .flatMap((worker) => worker.findings)
    .map((finding) => explain(finding.seed, finding.problem));
  for (const { growthBytes } of workers) {
    if (growthBytes > MOST_GROWTH_BYTES) problems.push(`the heap of a thread grew by ${growthBytes} bytes`);
  }
  return problems;
}

function sum<Item>(items: readonly Item[], valueOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + valueOf(item), 0);
}

/** Runs the seed once more and writes the shortest sequence with the same problem to a file. */
function explain(seed: number, problem: string): string {
  const head = `engine, session seed ${seed}: ${problem}`;
  if (problem.startsWith('a session took')) return head;
  const again = runSession(seed);
  if (again.problem === undefined) return `${head}\n  (did not happen again)`;
  const session = { role: again.role, isLegal: again.isLegal, seed, steps: again.steps };
  const steps = minimised(session, again.problem);
  const file = join(mkdtempSync(join(tmpdir(), 'framegate-fuzz-')), `engine-${seed}.json`);
  writeFileSync(file, JSON.stringify({ ...session, steps: steps.map(stepToJson) }, undefined, 1));
  return `${head}\n  ${steps.length} of ${again.steps.length} steps are needed: node test/fuzz/run.ts --replay ${file}`;
}

/** @returns the problem that the file still shows */
export function replayFile(file: string): string | undefined {
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof value !== 'object' || value === null || !('steps' in value) || !Array.isArray(value.steps))
    throw new Error(`${file} holds no session`);
  const steps: readonly Step[] = value.steps.map(stepFromJson);
  const role = 'role' in value && value.role === 'client' ? 'client' : 'server';
  const isLegal = 'isLegal' in value && value.isLegal === true;
  return replay({ role, isLegal, seed: 'seed' in value ? Number(value.seed) : 0, steps });
}
