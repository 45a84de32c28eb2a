// `framegate check`: reports whether a configuration can be used, and everything that is wrong with it, without opening a port.

import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { counted } from '../config/counted.ts';
import { type ConfigProblem, formatProblem, locateFinding, sortProblems } from '../config/problem.ts';
import { isReadOnce, isStandardInput } from '../config/standard-input.ts';
import { visibleText } from '../config/visible-text.ts';
import { findLackOfMemory } from '../control/client-room.ts';
import { findNotCarriedOver } from '../nginx-import/not-carried-over.ts';
import { loadAndVerify } from '../sources/load-configuration.ts';
import { workerCount } from '../workers/worker-count.ts';
import { configFileOf, describeMissing, readOptions } from './options.ts';
import { paint } from './paint.ts';

const usage = `Usage: framegate check [FILE] [--live]

Checks a configuration without serving it: prints every problem as
FILE:LINE:COLUMN path – message (hint).

  -c, --config FILE   the configuration (default: config.yaml; - is standard input)
      --live          also resolve the names, dial the endpoints and try the
                      ports of the configuration: what 'framegate doctor' does
                      for its groups ports, certificates and upstream
  -h, --help          show this help

Exit code: 0 when the configuration can be used, 1 when it cannot, or when
something failed that --live has tried.
`;

export async function check(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (typeof options === 'string') {
    process.stderr.write(`framegate check: ${options}\n\n${usage}`);
    return 1;
  }
  if (options.isHelp) {
    process.stdout.write(usage);
    return 0;
  }
  const { file } = options;
  const missing = describeMissing(file);
  if (missing !== undefined) {
    process.stderr.write(`framegate check: ${missing}\n`);
    return 1;
  }
  const result = loadAndVerify(file);
  if ('problems' in result) {
    printProblems(process.stderr, result.problems);
    return 1;
  }
  const lack = findLackOfMemory(result.config, workerCount(result.config));
  const remarks = lack.map((finding) => locateFinding(finding, result));
  printProblems(process.stdout, sortProblems([...result.warnings, ...remarks]));
  process.stdout.write(`${file}: ${paint(process.stdout, 'green', 'ok')} (${summaryOf(result.config)})\n`);
  const note = noteOfImport(file);
  if (note !== undefined) process.stdout.write(`${paint(process.stdout, 'yellow', note)}\n`);
  if (!options.isLive) return 0;
  const { runDoctor } = await import('./doctor.ts');
  process.stdout.write('\n');
  return await runDoctor({
    file,
    only: ['ports', 'certificates', 'upstream'],
    isJson: false,
    isVerbose: true,
  });
}

interface CheckOptions {
  readonly file: string;
  readonly isLive: boolean;
  readonly isHelp: boolean;
}

function parseOptions(argv: readonly string[]): CheckOptions | string {
  const parsed = readOptions(
    argv,
    {
      config: { type: 'string', short: 'c' },
      live: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
    1,
  );
  if (typeof parsed === 'string') return parsed;
  const named = configFileOf(parsed.values.config, parsed.positionals[0]);
  if (typeof named === 'string') return named;
  const { live: isLive, help: isHelp } = parsed.values;
  if (isLive && isStandardInput(named.file)) return '--live needs the configuration in a file';
  return { ...named, isLive, isHelp };
}

function printProblems(stream: NodeJS.WriteStream, problems: readonly ConfigProblem[]): void {
  for (const problem of problems) {
    const line = formatProblem(problem);
    stream.write(`${paint(stream, problem.severity === 'error' ? 'red' : 'yellow', line)}\n`);
  }
}

/** A file that `framegate import` has made may be valid and yet let in clients that nginx refuses: its remarks say so. */
function noteOfImport(file: string): string | undefined {
  if (isReadOnce(file)) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // It was there a moment ago, and is checked already.
    return undefined;
  }
  const found = findNotCarriedOver(text);
  if (found === undefined) return undefined;
  const { count, line, first } = found;
  const parts =
    count === 1 ? '1 part of the nginx configuration was' : `${count} parts of the nginx configuration were`;
  return `${file}:${line}:1 – note: ${parts} not carried over, first ${visibleText(first)} (settle each, then remove its remark)`;
}

function summaryOf({ listeners, routes, upstreams }: Config): string {
  return [
    counted(listeners.length, 'listener'),
    counted(routes.length, 'route'),
    counted(upstreams.length, 'upstream'),
  ].join(', ');
}
