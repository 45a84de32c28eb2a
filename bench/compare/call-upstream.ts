// The service behind every proxy for unary calls: nghttpd, which answers a POST with a file in the shape of a gRPC response (headers
// with content-type, data, trailers with grpc-status).
//
// nghttpd's --echo-upload sends trailers too, but no content-type, and writes every upload to a temporary file. A file gets its
// content-type from its extension, so the last part of the path has a dot, unlike a real method.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeMessage } from './payload.ts';
import { StartedProcess } from './started-process.ts';
import { findFreePort, waitUntilAccepting } from './tcp-port.ts';

const SERVICE = 'voice.VoiceAssistant';

export interface CallUpstream {
  readonly port: number;
  readonly process: StartedProcess;
}

export function callPath(workloadName: string): string {
  return `/${SERVICE}/Say.${workloadName}`;
}

/** @returns the path of the file with the request of one workload */
export function requestFile(folder: string, workloadName: string): string {
  return join(folder, `request.${workloadName}`);
}

export async function startCallUpstream(
  program: string,
  folder: string,
  workloads: readonly {
    readonly name: string;
    readonly requestBytes: number;
    readonly responseBytes: number;
  }[],
): Promise<CallUpstream> {
  mkdirSync(join(folder, SERVICE));
  for (const { name, requestBytes, responseBytes } of workloads) {
    writeFileSync(requestFile(folder, name), makeMessage(requestBytes));
    writeFileSync(join(folder, callPath(name)), makeMessage(responseBytes));
  }
  const typesFile = join(folder, 'mime.types');
  writeFileSync(typesFile, `application/grpc ${workloads.map(({ name }) => name).join(' ')}\n`);
  const port = await findFreePort();
  const started = new StartedProcess({
    name: 'nghttpd',
    program,
    programArguments: [
      '--no-tls',
      '--no-content-length',
      '--trailer=grpc-status: 0',
      `--mime-types-file=${typesFile}`,
      `--htdocs=${folder}`,
      '--address=127.0.0.1',
      // The service accepts as many streams per connection as a gRPC server, and has windows that are no bottleneck on
      // loopback. With the default of 64 KiB per connection, the benchmark would measure how proxies wait.
      '--max-concurrent-streams=10000',
      '--window-bits=20',
      '--connection-window-bits=24',
      String(port),
    ],
    folder,
  });
  await waitUntilAccepting(port, started);
  return { port, process: started };
}
