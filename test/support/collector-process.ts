// A collector of traces that can be killed, and started again on its port. It knows nothing of what came before it was killed.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from './free-port.ts';

const program = join(import.meta.dirname, 'collector-child.ts');

export class CollectorProcess {
  /** What `trace.exporter` has to say. */
  readonly exporter: string;
  readonly #protocol: 'http' | 'grpc';
  readonly #port: number;
  #child: ChildProcess | undefined = undefined;

  private constructor(protocol: 'http' | 'grpc', port: number) {
    this.#protocol = protocol;
    this.#port = port;
    this.exporter = `${protocol}://127.0.0.1:${port}`;
  }

  static async start(t: TestContext, protocol: 'http' | 'grpc'): Promise<CollectorProcess> {
    const collector = new CollectorProcess(protocol, await freePort());
    t.after(() => collector.kill());
    await collector.startAgain();
    return collector;
  }

  /** Resolves when it listens. */
  async startAgain(): Promise<void> {
    const child = fork(program, [this.#protocol, String(this.#port)]);
    this.#child = child;
    await once(child, 'message');
  }

  /** As a crash would. Resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Whether a span of one of these traces has come since it was started. */
  async hasAny(traceIds: readonly string[]): Promise<boolean> {
    const child = this.#child;
    if (child === undefined) return false;
    const answered = once(child, 'message');
    child.send(traceIds);
    const [has]: readonly unknown[] = await answered;
    return has === true;
  }
}
