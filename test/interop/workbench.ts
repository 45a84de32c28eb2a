// What one case works with: it starts the service, Framegate and clients, and puts all of it away in the end.
// Every case gets new processes, so that none inherits another one's state.

import { join } from 'node:path';
import { ReportingChild } from './child-process.ts';
import { type FramegateOptions, FramegateProcess } from './framegate-process.ts';
import type { Interpreter } from './interpreters.ts';
import {
  type PythonServiceOptions,
  startDemo,
  startPythonService,
  type VoiceService,
} from './voice-service.ts';

/** What is the same for all cases of a run. */
export interface RunSetup {
  /** Where configuration files may be written. */
  readonly folder: string;
  readonly certificates: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  /** Of the paced streams. */
  readonly pacedSeconds: number;
}

/** Who talks to whom through the proxy. */
export interface Ends {
  /** Undefined when the client is the runner itself, with grpc-js. */
  readonly client: Interpreter | undefined;
  readonly service:
    | { readonly kind: 'demo' }
    | { readonly kind: 'python'; readonly interpreter: Interpreter; readonly isAsyncio: boolean };
}

const clientProgram = join(import.meta.dirname, 'python/client.py');

export class Workbench {
  readonly run: RunSetup;
  readonly ends: Ends;
  /** Printed beside the result. */
  readonly remarks: string[] = [];
  readonly #children: ReportingChild[] = [];
  readonly #services: VoiceService[] = [];
  readonly #framegates: FramegateProcess[] = [];

  constructor(run: RunSetup, ends: Ends) {
    this.run = run;
    this.ends = ends;
  }

  async startService(options: Pick<PythonServiceOptions, 'port' | 'isGzip'> = {}): Promise<VoiceService> {
    const { service } = this.ends;
    const started =
      service.kind === 'demo'
        ? await startDemo()
        : await startPythonService({ ...service, ...options }, this.#keep);
    this.#services.push(started);
    return started;
  }

  async startFramegate(
    upstreamPort: number,
    options: Pick<FramegateOptions, 'tlsPort' | 'drainTimeout' | 'admin' | 'limits'> = {},
  ): Promise<FramegateProcess> {
    const { folder, certificates } = this.run;
    const started = await FramegateProcess.start(
      { folder, certificates, upstreamPort, ...options },
      this.#keep,
    );
    this.#framegates.push(started);
    return started;
  }

  /** `parameters`: of python/channels.py, beyond the target and the authority to trust. */
  startClient(clientCase: string, target: string, parameters: Record<string, unknown> = {}): ReportingChild {
    const { client } = this.ends;
    if (client === undefined) throw new Error('this suite has no Python client');
    const all = {
      target,
      ca: this.run.certificates.caFile,
      generated: client.generated ?? '',
      ...parameters,
    };
    const child = new ReportingChild({
      name: `python client ${clientCase}`,
      command: client.executable,
      args: ['-u', clientProgram, clientCase, JSON.stringify(all)],
    });
    this.#keep(child);
    return child;
  }

  /** Resolves when the client has said that all went well. */
  async finish(client: ReportingChild, timeoutMs = 90_000): Promise<void> {
    const code = await client.exitWithin(timeoutMs);
    for (const { event, text } of client.reports) if (event === 'remark') this.remarks.push(String(text));
    if (code === undefined) throw new Error(`${client.name} did not end within ${timeoutMs} ms`);
    if (code !== 0) throw new Error(`${client.name} failed (${code}): ${client.complaint}`);
  }

  /** Stops everything; says what is wrong with how Framegate took it. */
  async close(): Promise<readonly string[]> {
    const problems = await Promise.all(this.#framegates.map((framegate) => framegate.stop()));
    await Promise.all(this.#services.map((service) => service.stop()));
    for (const child of this.#children) if (!child.hasEnded) child.signal('SIGKILL');
    await Promise.all(this.#children.map((child) => child.exit));
    return problems.flat();
  }

  lastWords(): string {
    return this.#children.map((child) => child.lastWords()).join('\n');
  }

  readonly #keep = (child: ReportingChild): void => {
    this.#children.push(child);
  };
}
