// A thread of the fuzzer: runs sessions of consecutive seeds, and tells how far it is, so that whoever watches can see it
// hang. Never stops for a finding: it tells and goes on.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { runSession } from './sessions.ts';

export interface EngineWorkerData {
  readonly firstSeed: number;
  /** From one seed of this thread to its next. */
  readonly stride: number;
  readonly frames: number;
  readonly seconds: number;
  /** The seed that runs now, for the watcher; and whether to stop. */
  readonly state: Int32Array;
}

export type EngineReport =
  | {
      readonly kind: 'progress' | 'done';
      readonly frames: number;
      readonly sessions: number;
      readonly heapBytes: number;
    }
  | { readonly kind: 'finding'; readonly seed: number; readonly problem: string };

const REPORT_MS = 2000;

setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');

/** Live objects only. */
function heapBytes(): number {
  if (typeof collectGarbage === 'function') collectGarbage();
  return process.memoryUsage().heapUsed;
}

function report(message: EngineReport): void {
  parentPort?.postMessage(message, []);
}

function run({ firstSeed, stride, frames: wanted, seconds, state }: EngineWorkerData): void {
  const endMs = performance.now() + seconds * 1000;
  let reportedMs = performance.now();
  let frames = 0;
  let sessions = 0;
  for (let seed = firstSeed; frames < wanted && performance.now() < endMs; seed = (seed + stride) | 0) {
    Atomics.store(state, 0, seed);
    Atomics.add(state, 1, 1);
    if (Atomics.load(state, 2) === 1) break;
    const result = runSession(seed);
    frames += result.frames;
    sessions++;
    if (result.problem !== undefined) report({ kind: 'finding', seed, problem: result.problem });
    if (performance.now() - reportedMs < REPORT_MS) continue;
    reportedMs = performance.now();
    report({ kind: 'progress', frames, sessions, heapBytes: heapBytes() });
  }
  report({ kind: 'done', frames, sessions, heapBytes: heapBytes() });
}

function isEngineWorkerData(value: unknown): value is EngineWorkerData {
  return typeof value === 'object' && value !== null && 'firstSeed' in value && 'state' in value;
}

if (!isMainThread && isEngineWorkerData(workerData)) run(workerData);
