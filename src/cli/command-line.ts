// Finds the command that was typed and runs it. Each command is loaded only when it runs, so that `check` does not wait for what
// `serve` needs. Each command has its own options and its own --help.

import { errorCode } from '../config/error-code.ts';
import { suggest } from '../config/suggestion.ts';
import { packageVersion } from '../observability/package-version.ts';

interface Command {
  readonly summary: string;
  /** Runs the command. @returns the exit code */
  run(argv: readonly string[]): Promise<number>;
  /** Whether the command is left out of help and suggestions, because only Framegate itself uses it. */
  readonly isHidden?: boolean;
}

const commands: ReadonlyMap<string, Command> = new Map([
  [
    'serve',
    {
      summary: 'run the proxy',
      run: async (argv: readonly string[]) => (await import('./serve.ts')).serve(argv),
    },
  ],
  [
    'check',
    {
      summary: 'validate a configuration without running it',
      run: async (argv: readonly string[]) => (await import('./check.ts')).check(argv),
    },
  ],
  [
    'doctor',
    {
      summary: 'examine everything around a proxy, and say what is wrong and how to fix it',
      run: async (argv: readonly string[]) => (await import('./doctor.ts')).doctor(argv),
    },
  ],
  [
    'init',
    {
      summary: 'write a configuration from three answers',
      run: async (argv: readonly string[]) => (await import('./init.ts')).init(argv),
    },
  ],
  [
    'explain',
    {
      summary: 'say what a diagnosis, a line of a log or an error of a client means',
      run: async (argv: readonly string[]) => (await import('./explain.ts')).explain(argv),
    },
  ],
  [
    'status',
    {
      summary: 'show what a running proxy does, and which endpoints get no calls and why',
      run: async (argv: readonly string[]) => (await import('./status.ts')).status(argv),
    },
  ],
  [
    'tap',
    {
      summary: 'show the calls of a running proxy as they happen',
      run: async (argv: readonly string[]) => (await import('./tap.ts')).tap(argv),
    },
  ],
  [
    'top',
    {
      summary: 'show how busy the routes and endpoints of a running proxy are',
      run: async (argv: readonly string[]) => (await import('./top.ts')).top(argv),
    },
  ],
  [
    'reload',
    {
      summary: 'let a running proxy read its configuration again, and print what came of it',
      run: async (argv: readonly string[]) => (await import('./reload.ts')).reload(argv),
    },
  ],
  [
    'drain',
    {
      summary: 'let a running proxy finish its calls and end',
      run: async (argv: readonly string[]) => (await import('./drain.ts')).drain(argv),
    },
  ],
  [
    'import',
    {
      summary: 'translate a configuration of nginx',
      run: async (argv: readonly string[]) => (await import('./import.ts')).importCommand(argv),
    },
  ],
  [
    'demo',
    {
      summary: 'run the demo gRPC service alone',
      run: async (argv: readonly string[]) => (await import('./demo.ts')).demo(argv),
    },
  ],
  [
    'worker',
    {
      summary: 'what serve starts for each worker',
      run: async () => (await import('./worker.ts')).worker(),
      isHidden: true,
    },
  ],
  [
    'export-spans',
    {
      summary: 'what serve starts to export traces',
      run: async () => (await import('./export-spans.ts')).exportSpans(),
      isHidden: true,
    },
  ],
  [
    'take-leases',
    {
      summary: 'what serve starts to take leases of stores',
      run: async () => (await import('./take-leases.ts')).takeLeases(),
      isHidden: true,
    },
  ],
  [
    'make-checks',
    {
      summary: 'what doctor starts to make its checks',
      run: async () => (await import('./make-checks.ts')).makeChecks(),
      isHidden: true,
    },
  ],
  [
    'find-descriptors',
    {
      summary: 'what tap starts to ask services for descriptors',
      run: async () => (await import('./find-descriptors.ts')).findDescriptors(),
      isHidden: true,
    },
  ],
  [
    'decoder',
    {
      summary: 'what tap starts to decode messages',
      run: async () => (await import('./decoder.ts')).decoder(),
      isHidden: true,
    },
  ],
]);

const shown = new Map([...commands].filter(([, { isHidden }]) => isHidden !== true));

/** @returns the exit code, even if the command fails; all output for the user has been written by then */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  switch (name) {
    case undefined:
      process.stderr.write(help());
      return 1;
    case '--version':
    case '-v':
    case '-V':
    case 'version':
      process.stdout.write(`${packageVersion()}\n`);
      return 0;
    case '--help':
    case '-h':
    case 'help':
      if (rest.length > 0) return runCommand(rest[0], ['--help']);
      process.stdout.write(help());
      return 0;
    default:
      return runCommand(name, rest);
  }
}

/** Words that other programs use or that people try first, with what to use here. */
const synonyms: Readonly<Record<string, string>> = {
  start: 'framegate serve',
  run: 'framegate serve',
  up: 'framegate serve',
  validate: 'framegate check',
  test: 'framegate check',
  lint: 'framegate check',
  configtest: 'framegate check',
  convert: 'framegate import',
  migrate: 'framegate import',
  nginx: 'framegate import /etc/nginx/nginx.conf',
  '-t': 'framegate check',
  stop: 'framegate drain, or kill PID',
  quit: 'framegate drain, or kill PID',
  restart: 'kill -USR2 PID for new workers, or your service manager',
  '-s': 'framegate reload, or framegate drain to stop',
};

/** @returns what was probably meant by an unknown command */
function meantBy(name: string, argv: readonly string[]): string | undefined {
  if (Object.hasOwn(synonyms, name)) return synonyms[name];
  if (/^(-c|--config)(=.*)?$|\.ya?ml$|\.json$|\.conf$/.test(name) || name === '--demo') {
    return ['framegate serve', name, ...argv].join(' ');
  }
  const closest = suggest(name, [...shown.keys(), 'version', 'help', '--version', '--help']);
  return closest === undefined ? undefined : `framegate ${closest}`;
}

async function runCommand(name: string, argv: readonly string[]): Promise<number> {
  const command = commands.get(name);
  if (command === undefined) {
    const meant = meantBy(name, argv);
    const suggestion = meant === undefined ? '' : ` Did you mean: ${meant}?`;
    const kind = name.startsWith('-') ? 'option' : 'command';
    process.stderr.write(
      `framegate: there is no ${kind} "${name}".${suggestion} framegate --help lists the commands.\n`,
    );
    return 1;
  }
  // A proxy writes its log to the descriptor itself, which must not become a stream as well.
  if (name !== 'serve' && name !== 'worker') bearReaderThatLeaves();
  try {
    return await command.run(argv);
  } catch (error) {
    // Commands report what a user can fix themselves. Anything they throw is a bug, and its stack helps to find it.
    process.stderr.write(`framegate ${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  }
}

/** A reader that has left, as `head` does, has what it wanted. */
function bearReaderThatLeaves(): void {
  process.stdout.on('error', (error) => {
    if (errorCode(error) !== 'EPIPE') throw error;
  });
}

function help(): string {
  const width = Math.max(...[...shown.keys()].map((name) => name.length));
  const list = [...shown].map(([name, command]) => `  ${name.padEnd(width)}   ${command.summary}\n`);
  return `Usage: framegate COMMAND [OPTIONS]

Framegate, a gRPC reverse proxy.

${list.join('')}
  framegate COMMAND --help   the options of a command
  framegate version          which version this is
`;
}
