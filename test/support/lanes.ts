// Runs the parts of a suite side by side, each in a process of its own: what one waits for, another does not. The output of a lane is
// printed whole when the lane ends, so that the outputs of two lanes never mix.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { minutesAndSeconds } from '../runner/progress.ts';

export interface LaneOptions {
  readonly name: string;
  /** Arguments of the program. */
  readonly args: readonly string[];
}

export interface LaneEnd {
  readonly name: string;
  /** False unless it ended with the exit code 0. */
  readonly hasSucceeded: boolean;
  /** SIGINT or SIGTERM has ended it. Other signals are failures: a crash has one too. */
  readonly isInterrupted: boolean;
  /** What it has sent, in order. */
  readonly messages: readonly unknown[];
}

/**
 * Resolves when all have ended; the others go on when one fails. SIGINT and SIGTERM of this process are
 * passed to every lane.
 * @param program a module that is run once for each lane
 */
export async function runLanes(program: string, lanes: readonly LaneOptions[]): Promise<readonly LaneEnd[]> {
  console.log(`side by side, each printed when it ends: ${lanes.map(({ name }) => name).join('; ')}`);
  return Promise.all(lanes.map((lane) => runLane(program, lane)));
}

async function runLane(program: string, { name, args }: LaneOptions): Promise<LaneEnd> {
  const startedMs = performance.now();
  const child = fork(program, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, passOn);
  const pieces: Buffer[] = [];
  const messages: unknown[] = [];
  child.stdout?.on('data', (piece: Buffer) => pieces.push(piece));
  child.stderr?.on('data', (piece: Buffer) => pieces.push(piece));
  child.on('message', (message) => messages.push(message));
  const [code, signal]: unknown[] = await once(child, 'close');
  for (const one of signals) process.off(one, passOn);
  const hasSucceeded = code === 0;
  const took = minutesAndSeconds(performance.now() - startedMs);
  console.log(
    `\n-- ${name}: ${took} minutes${hasSucceeded ? '' : `; FAILED: it ended with ${String(code ?? signal)}`}`,
  );
  process.stdout.write(Buffer.concat(pieces));
  return { name, hasSucceeded, isInterrupted: signal === 'SIGINT' || signal === 'SIGTERM', messages };
}
