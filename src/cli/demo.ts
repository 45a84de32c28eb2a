// `framegate demo`: runs the demo gRPC service alone until a signal ends it.

import { systemErrorWords } from '../config/system-error.ts';
import { type DemoService, defaultDemoAddress, startDemoService } from '../demo/demo-service.ts';
import { readOptions } from './options.ts';
import { STOP_SIGNALS } from './signals.ts';

const usage = `Usage: framegate demo [--address HOST:PORT]

Serves voice.VoiceAssistant, grpc.health.v1 and reflection over cleartext
HTTP/2 until Ctrl-C.

      --address HOST:PORT   where to listen (default: ${defaultDemoAddress})
  -h, --help                show this help

SIGINT (Ctrl-C), SIGTERM or SIGQUIT lets running calls finish, a second one cuts them off.
`;

/** @returns the exit code */
export async function demo(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (typeof options === 'string') {
    process.stderr.write(`framegate demo: ${options}\n\n${usage}`);
    return 1;
  }
  if (options.isHelp) {
    process.stdout.write(usage);
    return 0;
  }
  let service: DemoService;
  try {
    service = await startDemoService({ address: options.address });
  } catch (error) {
    process.stderr.write(`framegate demo: ${startFailure(options.address, error)}\n`);
    return 1;
  }
  process.stdout.write(
    `The demo service listens on ${service.address} (cleartext HTTP/2): ` +
      'voice.VoiceAssistant, grpc.health.v1 and reflection. Ctrl-C ends it.\n',
  );
  await stopped(service);
  return 0;
}

function parseOptions(
  argv: readonly string[],
): { readonly address: string; readonly isHelp: boolean } | string {
  const parsed = readOptions(argv, {
    address: { type: 'string', default: defaultDemoAddress },
    help: { type: 'boolean', short: 'h', default: false },
  });
  if (typeof parsed === 'string') return parsed;
  return { address: parsed.values.address, isHelp: parsed.values.help };
}

function stopped(service: DemoService): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isStopping = false;
  const stop = () => {
    if (isStopping) {
      service.forceClose();
      return;
    }
    isStopping = true;
    resolve(service.close());
  };
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  return promise.finally(() => {
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
  });
}

function startFailure(address: string, error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  switch (code) {
    case 'EADDRINUSE':
      return `${address} is in use; stop what listens there or choose another with --address HOST:PORT`;
    case 'EACCES':
      return `not allowed to listen on ${address}; choose a port above 1023 with --address HOST:PORT`;
    case 'EADDRNOTAVAIL':
      return `${address} is not an address of this machine; choose another with --address HOST:PORT`;
    default:
      return systemErrorWords(code) ?? error.message;
  }
}
