// `framegate serve`: runs the proxy until a signal ends it.

import { counted } from '../config/counted.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { formatProblem } from '../config/problem.ts';
import { problemsOf, UnusableConfig } from '../config/unusable-config.ts';
import { visibleText } from '../config/visible-text.ts';
import { Proxy } from '../control/proxy.ts';
import type { DemoService } from '../demo/demo-service.ts';
import type { Logger } from '../observability/logger.ts';
import { tellOnStandardError } from '../observability/standard-error.ts';
import { dieLoudly, FAULT_EXIT_CODE } from '../observability/uncaught-errors.ts';
import { inheritedSockets } from '../service-manager/inherited-sockets.ts';
import { ServiceManager } from '../service-manager/service-manager.ts';
import { loadAndVerify } from '../sources/load-configuration.ts';
import { CrashLoop } from '../workers/restart-backoff.ts';
import { workerCount } from '../workers/worker-count.ts';
import { PRINTED_OPTION, wantsText } from './log-format.ts';
import { type CarryingPlane, makePlane } from './make-plane.ts';
import { describeUnsafeNode } from './node-version.ts';
import { type OpenLog, openLog } from './open-log.ts';
import { configFileOf, describeMissing, readOptions } from './options.ts';
import { RequestSignal, StopSignals } from './signals.ts';

const usage = `Usage: framegate serve [FILE] [--demo]

Runs the proxy. Log lines are text on a terminal, else JSON, or JSON in the file that log.file names.

  -c, --config FILE   the configuration (default: config.yaml; - is standard
                      input, which cannot be read again by a reload)
      --demo          also run the demo service on 127.0.0.1:50051, where
                      nothing listens there yet
      --allow-unsafe-node
                      run on a Node.js with known security holes all the same
  -h, --help          show this help

SIGHUP reads the configuration again; one that cannot be used changes nothing, and the log says why.
It also opens log.file again, which something like logrotate may have moved away, as SIGUSR1 does.
SIGUSR2 replaces the workers one by one, with the program as it lies on disk; their calls may
finish in the old ones, for drain.timeout at most.
SIGTERM, SIGINT (Ctrl-C) or SIGQUIT lets running calls finish, for drain.timeout at most; a second
one ends at once.
`;

/** @returns the exit code if the proxy does not start; once it has started, this function ends the process itself */
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
  const unsafe = options.allowsUnsafeNode ? undefined : describeUnsafeNode(process.versions.node);
  if (unsafe !== undefined) {
    process.stderr.write(`framegate serve: ${unsafe} (--allow-unsafe-node starts it all the same)\n`);
    return 1;
  }
  // Standard error may be closed or on a full disk, which must not end the proxy.
  process.stderr.on('error', () => undefined);
  const loaded = readConfig(options);
  if (loaded === undefined) return 1;
  if (!options.isPrinted) {
    const { isText, obstacle } = wantsText(loaded.config.log, options.file);
    if (isText) return (await import('./log-printer.ts')).printLogOf(argv);
    if (obstacle !== undefined)
      process.stderr.write(
        `framegate serve: the log stays JSON lines, though log.format is text: ${obstacle}\n`,
      );
  }
  const log = tryOpenLog(loaded);
  if (log === undefined) return 1;
  const { logger, destination } = log;
  dieLoudly(logger, destination);
  // This must come before any child is started, which would take systemd's variables for its own.
  inheritedSockets();
  const serviceManager = new ServiceManager({
    onFailure: (reason) => logger.warn({ reason }, 'systemd is not told how this service fares'),
  });
  try {
    const exitCode = await run(loaded, options, { ...log, serviceManager });
    // Connections whose protocol is not known yet are not drained, and would keep the process alive for some seconds.
    return process.exit(exitCode);
  } catch (error) {
    destination.flushSync();
    if (error instanceof UnusableConfig) {
      for (const problem of problemsOf(error, loaded)) tellOnStandardError(formatProblem(problem));
      return process.exit(1);
    }
    tellOnStandardError(`framegate serve: ${error instanceof Error ? error.message : String(error)}`);
    return process.exit(error instanceof CrashLoop ? FAULT_EXIT_CODE : 1);
  }
}

interface ServeOptions {
  readonly file: string;
  readonly isDemo: boolean;
  readonly allowsUnsafeNode: boolean;
  readonly isHelp: boolean;
  /** Whether another process prints the log, and has printed the warnings of the configuration. */
  readonly isPrinted: boolean;
}

function parseOptions(argv: readonly string[]): ServeOptions | string {
  const parsed = readOptions(
    argv,
    {
      config: { type: 'string', short: 'c' },
      demo: { type: 'boolean', default: false },
      'allow-unsafe-node': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      // Not for people: what log-printer.ts starts.
      [PRINTED_OPTION]: { type: 'boolean', default: false },
    },
    1,
  );
  if (typeof parsed === 'string') return parsed;
  const { values } = parsed;
  const named = configFileOf(values.config, parsed.positionals[0]);
  if (typeof named === 'string') return named;
  return {
    ...named,
    isDemo: values.demo,
    allowsUnsafeNode: values['allow-unsafe-node'],
    isHelp: values.help,
    isPrinted: values[PRINTED_OPTION],
  };
}

function readConfig({ file, isPrinted }: ServeOptions): LoadedConfig | undefined {
  const missing = describeMissing(file);
  if (missing !== undefined) {
    process.stderr.write(`framegate serve: ${missing}\n`);
    return undefined;
  }
  const loaded = loadAndVerify(file);
  if ('problems' in loaded) {
    for (const problem of loaded.problems) process.stderr.write(`${formatProblem(problem)}\n`);
    return undefined;
  }
  if (isPrinted) return loaded;
  for (const warning of loaded.warnings) process.stderr.write(`${formatProblem(warning)}\n`);
  return loaded;
}

function tryOpenLog(loaded: LoadedConfig): OpenLog | undefined {
  try {
    return openLog(loaded);
  } catch (error) {
    if (!(error instanceof UnusableConfig)) throw error;
    for (const problem of problemsOf(error, loaded)) process.stderr.write(`${formatProblem(problem)}\n`);
    return undefined;
  }
}

interface Surroundings extends OpenLog {
  readonly serviceManager: ServiceManager;
}

async function run(
  loaded: LoadedConfig,
  { isDemo, isPrinted }: ServeOptions,
  { serviceManager, ...opened }: Surroundings,
): Promise<number> {
  const { config } = loaded;
  const { logger, destination, logFile } = opened;
  const demo = isDemo ? await startDemo(logger) : undefined;
  const signals = new StopSignals(destination);
  if (isPrinted) stopWithPrinter(signals);
  const [hangUps, rotations, replacements] = [
    new RequestSignal('SIGHUP'),
    new RequestSignal('SIGUSR1'),
    new RequestSignal('SIGUSR2'),
  ];
  const { plane, replaceWorkers, reopenWorkersLogs, kill } = await makePlane(config, opened);
  const reopenLog = (): void => {
    logFile?.reopen();
    reopenWorkersLogs();
  };
  signals.onFirstLate = (signal) => {
    logger.info({ signal }, 'stopping already; one more signal ends the process at once');
  };
  signals.onSecond = (signal) => {
    logger.warn({ signal }, 'a second signal: the process ends now, and calls that run have no records');
    kill();
  };
  try {
    const proxy = await Proxy.start(plane, config, logger, {
      onDrainRequested: (client) => signals.stop(`POST /api/drain from ${client}`),
      onReloadBegin: () => {
        serviceManager.reloading();
        reopenLog();
      },
      onReloadEnd: () => serviceManager.ready(),
      loaded,
      processesFor: workerCount,
    });
    warnOfUnusedSockets(logger);
    logger.info({ node: process.version, config: config.file }, 'framegate serves');
    // Nothing else appears where a person has started it.
    if (config.log.file !== undefined)
      tellOnStandardError(`framegate serves; the log is in ${visibleText(config.log.file)}`);
    serviceManager.ready(() => describeLoad('serving', proxy.load));
    hangUps.listen(() => void hangUp(proxy, reopenLog));
    rotations.listen(() => {
      if (logFile !== undefined) reopenLog();
      else warnOfNoLogFile(logger);
    });
    replacements.listen(() => requestReplacement(replaceWorkers, logger));
    const signal = await signals.first;
    logger.info({ signal }, `${signal}: stopping`);
    serviceManager.stopping(() => describeLoad('draining', proxy.load));
    await proxy.drain();
    await destination.close();
    destination.flushSync();
    return 0;
  } finally {
    kill();
    demo?.forceClose();
  }
}

/** The process that prints the log may have died before this one came so far. Without a channel, a person has given the hidden option. */
function stopWithPrinter(signals: StopSignals): void {
  const stop = (): void => signals.stop('the process that prints the log is gone');
  if (process.connected) process.once('disconnect', stop);
  else if (process.send !== undefined) stop();
}

/** A reload opens the log file again when it begins, which it does not while the proxy drains. Never rejects. */
async function hangUp(proxy: Proxy, reopenLog: () => void): Promise<void> {
  const { result } = await proxy.reload('SIGHUP');
  if (result === 'ignored') reopenLog();
}

/** Warns of sockets that no listener uses, because their clients would wait forever without an explanation. */
function warnOfUnusedSockets(logger: Logger): void {
  for (const name of inheritedSockets().unclaimed) {
    logger.warn(
      { socket: name },
      'systemd has passed a socket that no listener takes, so its clients wait in vain: name it in the configuration (systemd:NAME), or disable its .socket unit',
    );
  }
}

function warnOfNoLogFile(logger: Logger): void {
  logger.warn(
    {},
    'SIGUSR1: there is no log file to open again, as the log goes to standard output; name one (log.file), or rotate what holds the log without Framegate (logrotate: copytruncate)',
  );
}

function requestReplacement(replaceWorkers: CarryingPlane['replaceWorkers'], logger: Logger): void {
  if (replaceWorkers === undefined) {
    logger.warn({}, 'SIGUSR2: there are no workers to replace, as one process does everything (workers: 1)');
    return;
  }
  replaceWorkers().catch((err: unknown) => logger.error({ err }, 'workers could not be replaced'));
}

function describeLoad(doing: string, { connections, calls }: Proxy['load']): string {
  return `${doing}: ${counted(connections, 'connection')}, ${counted(calls, 'call')}`;
}

async function startDemo(logger: Logger): Promise<DemoService | undefined> {
  // Loaded only here, because the proxy itself needs no gRPC library.
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
