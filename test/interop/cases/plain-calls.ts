// Cases in which the Python client does it all: it needs a service, the proxy between, and nothing to happen meanwhile.

import type { InteropCase } from '../interop-case.ts';
import type { Workbench } from '../workbench.ts';

async function throughFramegate(bench: Workbench, clientCase: string, isGzip = false): Promise<void> {
  const service = await bench.startService({ isGzip });
  const framegate = await bench.startFramegate(service.port);
  const seconds = bench.run.pacedSeconds;
  const parameters = { seconds, is_grpc_js: bench.ends.service.kind === 'demo' };
  const client = bench.startClient(clientCase, framegate.tlsAddress, parameters);
  await bench.finish(client, (seconds + 60) * 1000);
}

function plain(name: string, clientCase: string, more: Partial<InteropCase> = {}): InteropCase {
  return { name, run: (bench) => throughFramegate(bench, clientCase), ...more };
}

const pacedExtraSeconds = 120;

export const plainCalls: readonly InteropCase[] = [
  plain('unary calls', 'unary'),
  plain('server streaming', 'server_streaming'),
  plain('server streaming that ends with an error', 'server_streaming_fails'),
  plain('client streaming', 'client_streaming'),
  plain('bidi, 500 chunks of 6,400 bytes at full speed', 'bidi_at_full_speed'),
  plain('bidi, 640 bytes every 20 ms', 'bidi_paced', { extraSeconds: pacedExtraSeconds }),
  plain('bidi, half-closed before anything is read', 'half_close_first'),
  plain('metadata with binary keys and duplicates', 'metadata'),
  plain('error statuses with details', 'error_status'),
  plain('messages and metadata with spaces at their ends', 'spaces_at_the_ends'),
  plain('4 MiB messages both ways', 'large_messages'),
  {
    name: 'gzip both ways',
    run: (bench) => throughFramegate(bench, 'gzip', bench.ends.service.kind === 'python'),
  },
  plain('2,000 unary calls of 50 clients at once', 'concurrency'),
];

export const asyncioCalls: readonly InteropCase[] = [
  plain('100 unary calls at once', 'asyncio_unary'),
  plain('bidi, 500 chunks of 6,400 bytes at full speed', 'asyncio_bidi_at_full_speed'),
  plain('bidi, 640 bytes every 20 ms', 'asyncio_bidi_paced', { extraSeconds: pacedExtraSeconds }),
  plain('metadata with binary keys and duplicates', 'asyncio_metadata'),
  plain('error status with details', 'asyncio_error_status'),
];

function needsModules({ client, service }: Parameters<NonNullable<InteropCase['cannotRun']>>[0]) {
  if (client?.generated === undefined) return 'needs grpcio-tools, grpcio-health-checking, grpcio-reflection';
  if (service.kind === 'python' && service.interpreter.generated === undefined)
    return 'the service has none of it';
  return undefined;
}

export const discovery: readonly InteropCase[] = [
  plain('health check and watch', 'health', { cannotRun: needsModules }),
  plain('reflection', 'reflection', { cannotRun: needsModules }),
  plain('stubs made by grpc_tools', 'generated_stubs', { cannotRun: needsModules }),
];
