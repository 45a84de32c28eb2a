// Framegate as a child process, its log kept. Unless another configuration is given it has a TLS and a cleartext listener
// on free ports, and one upstream.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReportingChild } from './child-process.ts';

export interface FramegateOptions {
  /** Where configuration files may be written. */
  readonly folder: string;
  readonly certificates: { readonly certFile: string; readonly keyFile: string };
  readonly upstreamPort: number;
  /** 0, or the port that the TLS listener has to take. */
  readonly tlsPort?: number;
  readonly drainTimeout?: string;
  /** Undefined for no admin server, and one process that carries calls. */
  /** Of the route to the service. */
  readonly limits?: readonly object[];
  readonly admin?: { readonly workers: number; readonly drainDelay?: string };
}

const entry = join(import.meta.dirname, '../../src/main.ts');
const stopTimeoutMs = 15_000;

export class FramegateProcess {
  readonly child: ReportingChild;
  readonly tlsAddress: string;
  readonly plaintextAddress: string;

  private constructor(child: ReportingChild, tlsAddress: string, plaintextAddress: string) {
    this.child = child;
    this.tlsAddress = tlsAddress;
    this.plaintextAddress = plaintextAddress;
  }

  static async start(
    options: FramegateOptions,
    onSpawn: (child: ReportingChild) => void,
  ): Promise<FramegateProcess> {
    return FramegateProcess.launch(options.folder, configurationText(options), onSpawn);
  }

  /** The configuration needs listeners of the names `tls` and `plaintext`. */
  static async launch(
    folder: string,
    configuration: string,
    onSpawn: (child: ReportingChild) => void,
  ): Promise<FramegateProcess> {
    const file = join(mkdtempSync(join(folder, 'config-')), 'config.yaml');
    writeFileSync(file, configuration);
    const child = new ReportingChild({
      name: 'framegate',
      command: process.execPath,
      args: [entry, 'serve', '-c', file],
    });
    onSpawn(child);
    await child.report('that it serves', ({ msg }) => msg === 'framegate serves');
    return new FramegateProcess(child, listenerAddress(child, 'tls'), listenerAddress(child, 'plaintext'));
  }

  addressOf(listener: string): string {
    return listenerAddress(this.child, listener);
  }

  async residentKiB(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  }

  /** Ends it by SIGTERM where it still runs. Says what is wrong with how it ended, or with what it logged. */
  async stop(): Promise<readonly string[]> {
    if (!this.child.hasEnded) this.child.signal('SIGTERM');
    const code = await this.child.exitWithin(stopTimeoutMs);
    const problems: string[] = [];
    if (code === undefined) {
      this.child.signal('SIGKILL');
      problems.push(`framegate did not end within ${stopTimeoutMs} ms of SIGTERM`);
    } else if (code !== 0) {
      problems.push(`framegate ended with ${code}`);
    }
    for (const { msg, level } of this.child.reports) {
      const text = String(msg);
      if (text.startsWith('drain.timeout has passed')) {
        problems.push('framegate waited for calls that nobody had open any more');
      }
      if (typeof level === 'number' && level >= 60) problems.push(`framegate logged: ${text}`);
    }
    if (this.child.errorOutput !== '')
      problems.push(`framegate wrote to standard error: ${this.child.errorOutput}`);
    return problems;
  }
}

function listenerAddress(child: ReportingChild, name: string): string {
  const opened = child.reports.find(({ msg, listener }) => msg === 'listener is open' && listener === name);
  if (typeof opened?.address !== 'string')
    throw new Error(`framegate did not log the address of listener ${name}`);
  return opened.address;
}

function configurationText(options: FramegateOptions): string {
  return `# Written by the interop suite.
listeners:
  - name: tls
    address: 127.0.0.1:${options.tlsPort ?? 0}
    tls:
      certificates:
        - cert: ${JSON.stringify(options.certificates.certFile)}
          key: ${JSON.stringify(options.certificates.keyFile)}
  - name: plaintext
    address: 127.0.0.1:0
routes:
  - match: { path: /voice.VoiceAssistant/* }
    upstream: voice-assistant
${options.limits === undefined ? '' : `    limits: ${JSON.stringify(options.limits)}\n`}  - match: { path: /grpc.health.v1.Health/* }
    upstream: voice-assistant
  - match: { path: /grpc.reflection.v1.ServerReflection/* }
    upstream: voice-assistant
  - match: { path: /grpc.reflection.v1alpha.ServerReflection/* }
    upstream: voice-assistant
upstreams:
  voice-assistant:
    endpoints: ["127.0.0.1:${options.upstreamPort}"]
drain:
  timeout: ${options.drainTimeout ?? '5s'}
  delay: ${options.admin?.drainDelay ?? '0s'}
${options.admin === undefined ? 'admin: off' : `admin: { address: "127.0.0.1:0" }\nworkers: ${options.admin.workers}`}
`;
}
