// Runs the load generator as a child process: it gets a job and returns a report, and the proxy's CPU time is measured meanwhile.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GeneratorMessage, Job, JobReport } from '../load/job.ts';
import type { RunningPeer } from './running-peer.ts';
import { StartedProcess } from './started-process.ts';

const PATIENCE_MS = 180_000;
/** How long to wait after the last call, because proxies write their access logs in batches. */
export const AFTERMATH_MS = 250;
/** The CPU time after which a JavaScript program has compiled nearly all of its hot code. */
export const JAVASCRIPT_WARM_MICROSECONDS = 1_500_000;

export interface MeasuredJob {
  readonly report: JobReport;
  readonly cpuMicroseconds: number;
  /** Of the process that was started, without its children. */
  readonly firstCpuMicroseconds: number;
}

export class LoadProcess {
  readonly #process: StartedProcess;

  constructor(job: Job, folder: string) {
    this.#process = startLoadProgram('generator', [JSON.stringify(job)], folder);
  }

  get hasEnded(): boolean {
    return this.#process.hasEnded;
  }

  lastErrors(): string {
    return this.#process.lastErrors();
  }

  /** Resolves to the next message of this kind. Others before it are skipped. */
  async next<Kind extends GeneratorMessage['kind']>(
    kind: Kind,
  ): Promise<Extract<GeneratorMessage, { readonly kind: Kind }>> {
    return await nextMessage(
      this.#process,
      (message): message is Extract<GeneratorMessage, { readonly kind: Kind }> =>
        typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind,
    );
  }

  goOn(): void {
    this.#process.child.send('go on');
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

/** Runs a job against a proxy. The proxy's CPU time counts from when the generator begins to measure until its report. */
export async function measureJob(job: Job, running: RunningPeer, folder: string): Promise<MeasuredJob> {
  const load = new LoadProcess(job, folder);
  try {
    const reported = load.next('report');
    // If this promise rejects, so does the wait below, which reports the error.
    reported.catch(() => undefined);
    await load.next('measuring');
    const before = running.cpuMicroseconds();
    const firstBefore = running.firstCpuMicroseconds();
    const { report } = await reported;
    await sleep(AFTERMATH_MS);
    return {
      report,
      cpuMicroseconds: running.cpuMicroseconds() - before,
      firstCpuMicroseconds: running.firstCpuMicroseconds() - firstBefore,
    };
  } finally {
    await load.stop();
  }
}

export interface EchoService {
  readonly port: number;
  readonly process: StartedProcess;
}

export async function startEchoService(folder: string): Promise<EchoService> {
  return await startService('echo-service', folder);
}

/** Starts the service for HTTP/1.1. */
export async function startHttp1Service(folder: string): Promise<EchoService> {
  return await startService('http1-service', folder);
}

async function startService(program: string, folder: string): Promise<EchoService> {
  const started = startLoadProgram(program, [], folder);
  const port = await nextMessage(started, (message): message is number => typeof message === 'number');
  return { port, process: started };
}

function startLoadProgram(
  program: string,
  programArguments: readonly string[],
  folder: string,
): StartedProcess {
  return new StartedProcess({
    name: program,
    program: process.execPath,
    programArguments: [join(import.meta.dirname, `../load/${program}.ts`), ...programArguments],
    folder,
    withMessages: true,
  });
}

async function nextMessage<Message>(
  started: StartedProcess,
  isWanted: (message: unknown) => message is Message,
): Promise<Message> {
  return await new Promise((resolve, reject) => {
    const impatience = setTimeout(() => {
      reject(new Error(`${started.name} was not ready within ${PATIENCE_MS / 1000} s`));
    }, PATIENCE_MS);
    const settle = (act: () => void): void => {
      clearTimeout(impatience);
      started.child.off('message', onMessage);
      act();
    };
    const onMessage = (message: unknown): void => {
      if (isWanted(message)) settle(() => resolve(message));
    };
    started.child.on('message', onMessage);
    started.child.once('exit', (code, signal) =>
      settle(() => reject(new Error(`${started.name} ended (${code ?? signal}): ${started.lastErrors()}`))),
    );
  });
}
