// `framegate import`: translates a configuration of nginx, and reports what became of each directive. The result is checked
// before anything is written.

import { existsSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { errorCode } from '../config/error-code.ts';
import { LARGEST_FILE_BYTES } from '../config/load-config.ts';
import { formatProblem } from '../config/problem.ts';
import { readingFault } from '../config/system-error.ts';
import { visibleText } from '../config/visible-text.ts';
import { placeText } from '../nginx-import/directive.ts';
import {
  type ImportedConfiguration,
  importNginx,
  lostAccess,
  movedCalls,
} from '../nginx-import/import-nginx.ts';
import { formatCounts, formatReport, headOf } from '../nginx-import/import-report.ts';
import { readNginx } from '../nginx-import/nginx-files.ts';
import { verifyImport } from '../nginx-import/verify-import.ts';
import { readOptions } from './options.ts';

const usage = `Usage: framegate import NGINX_CONF [-o FILE]

Makes a configuration of Framegate of one of nginx. Each line says where it
comes from; the report says which directives are changed and why, and which
are not supported.

  NGINX_CONF          the main file, with its includes beside it, or one with
                      server blocks; - is standard input: nginx -T | framegate import -
  -o, --output FILE   write the configuration there, and the report to standard
                      output (default: the configuration to standard output,
                      the report to standard error)
      --all           also list in the report what is carried over as it is
      --force         overwrite FILE where it is there
  -h, --help          show this help

Exit code: 0; or 1 when something that decides who may connect could not be
carried over, when calls go elsewhere than in nginx, or when nothing could be
written.
`;

interface Options {
  readonly source: string;
  readonly output: string | undefined;
  readonly isForced: boolean;
  /** Whether the report also lists what is carried over. */
  readonly isComplete: boolean;
}

export async function importCommand(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (options === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (typeof options === 'string') {
    process.stderr.write(`framegate import: ${options}\n\n${usage}`);
    return 1;
  }
  const { output } = options;
  if (output !== undefined && !options.isForced && existsSync(output)) {
    return fail(`${output} is there already; name another file, or overwrite it with --force`);
  }
  const reading = readNginx(options.source);
  if ('faults' in reading) {
    const folder = dirname(options.source);
    for (const fault of reading.faults) {
      // From where the person is, so that an editor finds it.
      const file = isAbsolute(fault.file) || fault.file === '<stdin>' ? fault.file : join(folder, fault.file);
      process.stderr.write(`${placeText({ ...fault, file })}: ${visibleText(fault.message)}\n`);
    }
    return 1;
  }
  const imported = importNginx(reading.configuration);
  const report = output === undefined ? process.stderr : process.stdout;
  if (imported.yaml === undefined) {
    report.write(formatReport(imported, options.isComplete));
    return fail(
      'nothing is written: no location passes calls to a service in a way that could be carried over',
    );
  }
  const text = `${headOf(imported, options.source)}${imported.yaml}`;
  return write(text, imported, options, report);
}

function write(
  text: string,
  imported: ImportedConfiguration,
  { output, isForced, isComplete }: Options,
  report: NodeJS.WriteStream,
): number {
  const name = output ?? 'config.yaml';
  const { problems, isUsable, ofFiles } = verifyImport(text, name);
  if (!isUsable) {
    report.write(formatReport(imported, isComplete));
    for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
    return fail(
      'nothing is written: framegate check would refuse what was made of this configuration, as said above',
    );
  }
  if (Buffer.byteLength(text) > LARGEST_FILE_BYTES) {
    report.write(formatReport(imported, isComplete));
    return fail(
      'nothing is written: it would be larger than the 1 MiB that a configuration may have; import parts of it',
    );
  }
  if (output === undefined) process.stdout.write(text);
  else {
    const fault = writeOutput(output, text, isForced);
    if (fault !== undefined) return fail(`${output} cannot be written: ${fault}`);
    report.write(`${output} is written.\n\n`);
  }
  const hint = isComplete ? '' : ' --all lists those that are carried over as well.';
  report.write(`${formatCounts(imported)}${hint}\n\n${formatReport(imported, isComplete)}`);
  const remarks = [...problems, ...ofFiles].map((problem) => `  ${formatProblem(problem)}\n`);
  if (remarks.length > 0) {
    report.write(
      `\nframegate check on this machine (files that are elsewhere are named too):\n${remarks.join('')}`,
    );
  }
  const lost = lostAccess(imported).length;
  const moved = movedCalls(imported).length;
  if (lost > 0)
    report.write(
      `\n${lost} of the directives that decide who may connect could not be carried over: exit code 1.\n`,
    );
  if (moved > 0)
    report.write(
      `\nBy ${moved} of the directives that decide where calls go, calls may go elsewhere than in nginx: exit code 1.\n`,
    );
  const next =
    output === undefined
      ? 'save the configuration as FILE, then framegate check -c FILE'
      : `framegate check -c ${output}`;
  report.write(`\nNext: ${next}\n`);
  return lost + moved === 0 ? 0 : 1;
}

/** @returns a sentence about why it could not be written */
function writeOutput(file: string, text: string, isForced: boolean): string | undefined {
  try {
    // A file that has come since the check is not overwritten either.
    writeFileSync(file, text, { flag: isForced ? 'w' : 'wx' });
    return undefined;
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'there is no such folder' : readingFault(error);
  }
}

function parseOptions(argv: readonly string[]): Options | string {
  const parsed = readOptions(
    argv,
    {
      output: { type: 'string', short: 'o' },
      all: { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
    1,
  );
  if (typeof parsed === 'string') return parsed;
  if (parsed.values.help) return 'help';
  const [source] = parsed.positionals;
  if (source === undefined)
    return 'name the configuration of nginx, such as /etc/nginx/nginx.conf, or - for nginx -T';
  return {
    source,
    output: parsed.values.output,
    isForced: parsed.values.force,
    isComplete: parsed.values.all,
  };
}

function fail(message: string): number {
  process.stderr.write(`framegate import: ${message}\n`);
  return 1;
}
