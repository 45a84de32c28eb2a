// Parses the options of a command, and explains in a sentence what is wrong with them: an unknown option and which one was meant,
// or a missing value. Node's own messages end with confusing advice about arguments that begin with a dash.

import { statSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { errorCode } from '../config/error-code.ts';
import { isStandardInput } from '../config/standard-input.ts';
import { suggest } from '../config/suggestion.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>
>;

/** Maps options of other programs to what to use here. Any other unknown option is compared with the known ones by spelling. */
const OTHER_PROGRAMS_OPTIONS: Readonly<Record<string, string>> = {
  '-f': '--config',
  '--file': '--config',
  '--config-path': '--config',
  '--conf': '--config',
  '-t': 'the command "check"',
  '--test': 'the command "check"',
  '--validate': 'the command "check"',
  '-s': 'the commands "reload" and "drain"',
  '-v': 'the command "version"',
  '-V': 'the command "version"',
  '--version': 'the command "version"',
  '-d': 'a service manager; the proxy stays in the foreground',
  '--daemon': 'a service manager; the proxy stays in the foreground',
};

/** @returns the parsed options, or a sentence about what is wrong with them */
export function readOptions<T extends Options>(
  argv: readonly string[],
  options: T,
  mostPositionals = 0,
): Parsed<T> | string {
  try {
    const parsed = parseArgs({ args: [...argv], options, allowPositionals: true });
    const surplus = parsed.positionals[mostPositionals];
    return surplus === undefined ? parsed : `"${surplus}" is one word too many`;
  } catch (error) {
    return describe(error, options);
  }
}

function describe(error: unknown, options: Options): string {
  const message = error instanceof Error ? error.message : String(error);
  if (errorCode(error) === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const option = /'(-[^']*)'/.exec(message)?.[1] ?? '';
    return `there is no option ${option}.${suggestion(option, options)}`;
  }
  const named = /'(?:-(\w), )?--([\w-]+)( <value>)?'/.exec(message);
  if (named === null) return message;
  const [, , name, takesValue] = named;
  return takesValue === undefined ? `--${name} takes no value` : `--${name} needs a value behind it`;
}

function suggestion(option: string, options: Options): string {
  const known = Object.keys(options).map((name) => `--${name}`);
  const meant = Object.hasOwn(OTHER_PROGRAMS_OPTIONS, option)
    ? OTHER_PROGRAMS_OPTIONS[option]
    : suggest(option, known);
  return meant === undefined ? '' : ` Did you mean ${meant}?`;
}

/** @returns the file that -c or the positional argument names, or else `config.yaml`; or a sentence about what is wrong */
export function configFileOf(
  given: string | undefined,
  positional: string | undefined,
): { readonly file: string } | string {
  if (given !== undefined && positional !== undefined && given !== positional) {
    return `two files are named, ${given} and ${positional}`;
  }
  return { file: given ?? positional ?? 'config.yaml' };
}

/** @returns a sentence if the file does not exist. If it exists but cannot be read, loadConfig reports that. */
export function describeMissing(file: string): string | undefined {
  if (isStandardInput(file)) return undefined;
  try {
    statSync(file);
    return undefined;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') return undefined;
    return `there is no ${file} (framegate init writes one; or name another file with -c)`;
  }
}
