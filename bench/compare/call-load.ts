// Runs h2load once against a proxy and returns its result.

import { writeFileSync } from 'node:fs';
import { judge } from './h2load-output.ts';
import { GRPC_REQUEST_HEADERS } from './request-headers.ts';
import { StartedProcess } from './started-process.ts';

export interface CallLoad {
  readonly program: string;
  /** The folder for h2load's output. */
  readonly folder: string;
  readonly port: number;
  readonly path: string;
  readonly messageFile: string;
  readonly responseBytes: number;
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** 'grpc' is over TLS. The other two are GET requests in plaintext, which have no message. */
  readonly requests: 'grpc' | 'http1' | 'http2';
  /** Header fields in addition to those of every gRPC request. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface CallLoadResult {
  readonly succeededCalls: number;
  readonly durationMs: number;
  /** Undefined if every call was answered completely. */
  readonly problem: string | undefined;
}

export async function runCallLoad(load: CallLoad, calls: number): Promise<CallLoadResult> {
  writeFileSync(`${load.folder}/h2load.stdout`, '');
  const startedAtMs = performance.now();
  const started = new StartedProcess({
    name: 'h2load',
    program: load.program,
    programArguments: h2loadArguments(load, calls),
    folder: load.folder,
  });
  const outcome = await started.ended;
  const durationMs = performance.now() - startedAtMs;
  if (outcome !== 0) throw new Error(`h2load ended with ${outcome}: ${started.lastErrors()}`);
  return { durationMs, ...judge(started.readStdout(), calls, load.responseBytes) };
}

function h2loadArguments(load: CallLoad, calls: number): readonly string[] {
  const common = [
    `--requests=${calls}`,
    `--clients=${load.connections}`,
    `--max-concurrent-streams=${load.streamsPerConnection}`,
    '--threads=1',
    // With a timeout, a call that hangs counts as dropped and does not hang the benchmark.
    '--connection-inactivity-timeout=20s',
  ];
  if (load.requests !== 'grpc') {
    const version = load.requests === 'http1' ? '--h1' : '--no-tls-proto=h2c';
    return [...common, version, `http://127.0.0.1:${load.port}${load.path}`];
  }
  return [
    ...common,
    '--npn-list=h2',
    // Servers prefer different ciphers. This makes all of them use the same one.
    '--tls13-ciphers=TLS_AES_128_GCM_SHA256',
    `--data=${load.messageFile}`,
    ...Object.entries({ ...GRPC_REQUEST_HEADERS, ...load.headers }).map(
      ([name, value]) => `--header=${name}: ${value}`,
    ),
    `https://127.0.0.1:${load.port}${load.path}`,
  ];
}
