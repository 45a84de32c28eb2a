// One run of h2load against a proxy, and what h2load says came of it.

import { writeFileSync } from 'node:fs';
import { GRPC_REQUEST_HEADERS } from './request-headers.ts';
import { StartedProcess } from './started-process.ts';

export interface CallLoad {
  readonly program: string;
  /** Where h2load's output may be written. */
  readonly folder: string;
  readonly port: number;
  readonly path: string;
  readonly messageFile: string;
  readonly responseBytes: number;
  readonly connections: number;
  readonly streamsPerConnection: number;
}

export interface CallLoadResult {
  readonly succeededCalls: number;
  readonly durationMs: number;
  /** Undefined when every call was answered in full. */
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
  return [
    `--requests=${calls}`,
    `--clients=${load.connections}`,
    `--max-concurrent-streams=${load.streamsPerConnection}`,
    '--threads=1',
    // A call that hangs is a dropped call, not a benchmark that never ends.
    '--connection-inactivity-timeout=20s',
    '--npn-list=h2',
    // Servers differ in which cipher they prefer; all encrypt with the same one here.
    '--tls13-ciphers=TLS_AES_128_GCM_SHA256',
    `--data=${load.messageFile}`,
    ...Object.entries(GRPC_REQUEST_HEADERS).map(([name, value]) => `--header=${name}: ${value}`),
    `https://127.0.0.1:${load.port}${load.path}`,
  ];
}

/** A gRPC error is HTTP 200 as well: only the size of the answers tells whether the service gave them. */
function judge(
  output: string,
  calls: number,
  responseBytes: number,
): { readonly succeededCalls: number; readonly problem: string | undefined } {
  const requests =
    /^requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout$/m.exec(
      output,
    );
  const statusCodes = /^status codes: (\d+) 2xx/m.exec(output);
  const traffic = /^traffic: .*\((\d+)\) data$/m.exec(output);
  if (requests === null || statusCodes === null || traffic === null) {
    throw new Error(`h2load's output is not understood:\n${output}`);
  }
  const succeededCalls = Math.min(Number(requests[1]), Number(statusCodes[1]));
  const dataBytes = Number(traffic[1]);
  if (succeededCalls < calls) {
    return { succeededCalls, problem: `${calls - succeededCalls} of ${calls} calls dropped` };
  }
  if (dataBytes !== calls * responseBytes) {
    return { succeededCalls, problem: `${dataBytes} response bytes instead of ${calls * responseBytes}` };
  }
  return { succeededCalls, problem: undefined };
}
