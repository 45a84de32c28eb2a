// `framegate serve`: runs the proxy until a signal ends it.

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Config } from '../config/config.ts';
import { formatProblem } from '../config/problem.ts';
import type { DemoService } from '../demo/demo-service.ts';
import { LogDestination } from '../observability/log-destination.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { loadAndVerify } from '../proxy/load-configuration.ts';
import { Proxy } from '../proxy/proxy.ts';

const usage = `Usage: framegate serve [-c FILE] [--demo]

Runs the proxy. Log lines are JSON on standard output.

  -c, --config FILE   the configuration (default: config.yaml)
      --demo          also run the demo service on 127.0.0.1:50051, where
                      nothing listens there yet
  -h, --help          show this help

SIGTERM or SIGINT (Ctrl-C) lets running calls finish, for drain.timeout at most; a second one ends at once.
`;

/** Resolves to the exit code, when the proxy has stopped. */
export async function serve(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (typeof options === 'string') {
    process.stderr.write(`framegate serve: ${options}\n\n${usage}`);
    return 1;
  }
  if (options.isHelp) {
    process.stdout.write(usage);
    return 0;
  }
  const config = readConfig(options.file);
  if (config === undefined) return 1;
  const destination = new LogDestination({ fd: 1 });
  const logger = createLogger(config.log, destination);
  dieLoudly(logger, destination);
  try {
    const exitCode = await run(config, options.isDemo, logger, destination);
    // Connections that have not said what they speak belong to nobody yet, and would keep the process for some seconds.
    return process.exit(exitCode);
  } catch (error) {
    destination.flushSync();
    process.stderr.write(`framegate serve: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function parseOptions(
  argv: readonly string[],
): { readonly file: string; readonly isDemo: boolean; readonly isHelp: boolean } | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        config: { type: 'string', short: 'c', default: 'config.yaml' },
        demo: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return { file: values.config, isDemo: values.demo, isHelp: values.help };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function readConfig(file: string): Config | undefined {
  if (!existsSync(file)) {
    process.stderr.write(
      `framegate serve: there is no ${file} (start from config.example.yaml, or name another file with -c)\n`,
    );
    return undefined;
  }
  const loaded = loadAndVerify(file);
  if ('problems' in loaded) {
    for (const problem of loaded.problems) process.stderr.write(`${formatProblem(problem)}\n`);
    return undefined;
  }
  for (const warning of loaded.warnings) process.stderr.write(`${formatProblem(warning)}\n`);
  return loaded.config;
}

async function run(
  config: Config,
  isDemo: boolean,
  logger: Logger,
  destination: LogDestination,
): Promise<number> {
  const demo = isDemo ? await startDemo(logger) : undefined;
  try {
    const signals = new StopSignals(destination);
    // Node's own way with SIGHUP would be to end the process and cut every call.
    process.on('SIGHUP', () =>
      logger.warn({}, 'SIGHUP: this version does not reload; restart it to take up a change'),
    );
    const proxy = await Proxy.start(config, logger, destination);
    logger.info({ node: process.version, config: config.file }, 'framegate serves');
    const signal = await signals.first;
    logger.info({ signal }, `${signal}: stopping`);
    await proxy.drain();
    await destination.close();
    return 0;
  } finally {
    demo?.forceClose();
  }
}

async function startDemo(logger: Logger): Promise<DemoService | undefined> {
  // Loaded only when wanted: the proxy itself needs no gRPC library.
  const { defaultDemoAddress, startDemoWhereNothingListens } = await import('../demo/demo-service.ts');
  const demo = await startDemoWhereNothingListens(defaultDemoAddress);
  if (demo === undefined) {
    logger.info(
      { address: defaultDemoAddress },
      'something listens there already; the demo service is not started',
    );
  } else {
    logger.info({ address: demo.address }, 'demo service listens');
  }
  return demo;
}

/** The first signal asks for an end, the second one makes it. */
class StopSignals {
  readonly first: Promise<string>;

  constructor(destination: LogDestination) {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.first = promise;
    let count = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        count++;
        if (count === 1) {
          resolve(signal);
          return;
        }
        destination.flushSync();
        process.exit(1);
      });
    }
  }
}

/** What nobody caught is a fault of ours: it is told, and the process ends so that its supervisor starts a fresh one. */
function dieLoudly(logger: Logger, destination: LogDestination): void {
  const die = (err: unknown) => {
    logger.fatal({ err }, 'uncaught error: the process ends; please report this');
    destination.flushSync();
    process.exit(70);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}
