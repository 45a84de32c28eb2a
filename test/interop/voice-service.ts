// The service behind the proxy: a Python program, or the demo service of this project in the runner's own process.
// Both report the calls that carry x-tag: when they started, and when they ended or were cancelled.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallEvent } from '../../src/demo/call-counters.ts';
import { startDemoService } from '../../src/demo/demo-service.ts';
import { ReportingChild } from './child-process.ts';
import type { Interpreter } from './interpreters.ts';

export interface VoiceService {
  readonly port: number;
  /** Epoch milliseconds at which the service saw the cancellation of the call with that tag. */
  cancelledAt(tag: string): Promise<number>;
  /** Seconds until the deadline, as the service saw it when the call with that tag started; undefined where it cannot tell. */
  secondsLeft(tag: string): Promise<number | undefined>;
  /** SIGKILL: no goodbye of any kind. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** For the message of a case that failed. */
  lastWords(): string;
}

export interface PythonServiceOptions {
  readonly interpreter: Interpreter;
  readonly isAsyncio: boolean;
  readonly port?: number;
  readonly isGzip?: boolean;
}

const program = join(import.meta.dirname, 'python/voice_server.py');

export async function startPythonService(
  options: PythonServiceOptions,
  onSpawn: (child: ReportingChild) => void,
): Promise<VoiceService> {
  const { interpreter } = options;
  const args = ['-u', program, '--port', String(options.port ?? 0)];
  if (options.isAsyncio) args.push('--asyncio');
  if (options.isGzip === true) args.push('--gzip');
  if (interpreter.generated !== undefined && !options.isAsyncio)
    args.push('--discovery', interpreter.generated);
  const child = new ReportingChild({ name: 'python server', command: interpreter.executable, args });
  onSpawn(child);
  const listening = await child.event('listening');
  const tagged = (event: string, tag: string) =>
    child.report(`${event} ${tag}`, (report) => report.event === event && report.tag === tag, 5000);
  return {
    port: Number(listening.port),
    cancelledAt: async (tag) => Number((await tagged('cancelled', tag)).at),
    secondsLeft: async (tag) => {
      const left = (await tagged('started', tag)).seconds_left;
      return typeof left === 'number' ? left : undefined;
    },
    kill: async () => {
      child.signal('SIGKILL');
      await child.exit;
    },
    stop: async () => {
      child.closeInput();
      if ((await child.exitWithin(5000)) === undefined) child.signal('SIGKILL');
    },
    lastWords: () => child.lastWords(),
  };
}

export async function startDemo(): Promise<VoiceService> {
  const events: (CallEvent & { readonly tag: string; readonly at: number })[] = [];
  const demo = await startDemoService({
    address: '127.0.0.1:0',
    onEvent: (event) => {
      const [tag] = event.metadata.get('x-tag');
      if (tag !== undefined) events.push({ ...event, tag: String(tag), at: preciseNow() });
    },
  });
  const seen = async (kind: CallEvent['kind'], tag: string) => {
    for (let waitedMs = 0; waitedMs < 5000; waitedMs += 10) {
      const found = events.find((event) => event.kind === kind && event.tag === tag);
      if (found !== undefined) return found;
      await sleep(10);
    }
    throw new Error(`the demo service did not report ${kind} of ${tag}`);
  };
  const stop = async () => demo.forceClose();
  return {
    port: demo.port,
    cancelledAt: async (tag) => (await seen('cancelled', tag)).at,
    secondsLeft: async () => undefined,
    kill: stop,
    stop,
    lastWords: () => `demo service: ${JSON.stringify(demo.counters)}`,
  };
}

/** Epoch milliseconds with fractions, comparable to Python's time.time(). */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}
