// `framegate doctor`: examines a configuration, the machine, the upstreams, the path through the proxy, and any other port. For each it says
// what is wrong and how to fix it.

import { existsSync, readFileSync } from 'node:fs';
import { isReadOnce, isStandardInput, STANDARD_INPUT } from '../config/standard-input.ts';
import { suggest } from '../config/suggestion.ts';
import { readingFault } from '../config/system-error.ts';
import { type CheckReport, groupNames } from '../doctor/check.ts';
import { NO_CREDENTIALS, readCredentials } from '../doctor/credentials.ts';
import type { DoctorOptions } from '../doctor/doctor.ts';
import { examineElsewhere, NothingExamined } from '../doctor/forked-examination.ts';
import { isHealthy, jsonReport, TextReport } from '../doctor/report.ts';
import type { ReportEvents } from '../doctor/reports-in-order.ts';
import { parseTarget, type Target } from '../doctor/target.ts';
import { forkChecks } from './fork-checks.ts';
import { describeMissing, readOptions } from './options.ts';

const usage = `Usage: framegate doctor [-c FILE] [--verbose] [--only CHECK] [TARGET]

Examines in order: the configuration, ports, certificates, the upstreams
directly, the keys of identities, stores, the collector of traces, calls through
the proxy (the one that runs, or a temporary one on free ports), TARGET, the
usual causes, and the machine. Checks that passed are counted; each other one is
shown with cause and remedy. All of it takes about ten seconds at most, or half
a minute where hundreds of peers are silent: then the report says what was not
examined. No method of a service is called but grpc.health.v1, reflection, Check
of authorizers, the one that --method names, and methods that no service has.

TARGET is host:port, or a URL (https://, http://, grpcs://, grpc://). It may be
the port of another proxy, such as nginx or Envoy. With a configuration, its
routes are tried through TARGET, too.

  -c, --config FILE    the configuration (default: config.yaml; with TARGET:
                       config.yaml if there is one)
      --verbose        print each check with what it saw, also those that passed
      --json           print one JSON object in place of text
      --only CHECK     make only these checks: a group (${groupNames().slice(0, 3).join(', ')},
                       ${groupNames().slice(3, 9).join(', ')},
                       ${groupNames().slice(9).join(', ')}) or the beginning of an id in
                       --json (upstream.voice), each with what it saw; may be
                       given several times
      --ca FILE        the authority that has signed the certificate of TARGET
                       (with TARGET alone)
      --header NAME:VALUE
                       a header field of each call, such as
                       "authorization:Bearer TOKEN"; NAME:@FILE takes the value
                       from a file; may be given several times. No report shows
                       the value
      --cert FILE      a certificate that the doctor shows as a client, with
      --key FILE       its key
      --hold SECONDS   also keep a silent stream open, directly, through the
                       proxy and by TARGET, and say which hop cuts it and when
      --method PATH    a method of yours: /package.Service/Method. TARGET is
                       asked for it, without a message. With --hold it is held,
                       and its requests must be a stream (default: reflection,
                       or Watch)
  -h, --help           show this help

Exit code: 0 when nothing failed, 1 when something did. docs/doctor.md explains
each check.
`;

const MOST_HOLD_SECONDS = 86_400;

type Examined = Omit<DoctorOptions, 'processesFor' | 'openFiles' | 'earlier' | 'alone'>;

type Chosen = Examined & {
  readonly isJson: boolean;
  /** Whether the text has each check, with what it saw. Otherwise those that passed are counted. */
  readonly isVerbose: boolean;
  /** Whether the configuration is examined only because it is in the current folder. */
  readonly isFileFound?: boolean;
};

export async function doctor(argv: readonly string[]): Promise<number> {
  const chosen = parseDoctorOptions(argv);
  if (chosen === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (typeof chosen === 'string') {
    process.stderr.write(`framegate doctor: ${chosen}\n`);
    return 1;
  }
  return await runDoctor(chosen);
}

/** Prints the report and ends the process. */
export async function runDoctor(chosen: Chosen): Promise<number> {
  const code = await report(chosen);
  // A pipe takes only a part at once, and what is left would be lost with the process.
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  return process.exit(code);
}

async function report({ isJson, isVerbose, isFileFound, ...options }: Chosen): Promise<number> {
  const beganAtMs = performance.now();
  const text = new TextReport(process.stdout, isVerbose);
  if (isFileFound === true && !isJson)
    process.stdout.write(
      `${options.file} of this folder is examined, too; --only target examines TARGET alone.\n\n`,
    );
  let reports: readonly CheckReport[];
  try {
    reports = await examineInProcess(options, {
      onReport: (each) => {
        if (!isJson) text.add(each);
      },
      ...(!isJson && text.isLive && { onProgress: (title, elapsedMs) => text.progress(title, elapsedMs) }),
    });
  } catch (error) {
    if (!(error instanceof NothingExamined)) throw error;
    process.stderr.write(`framegate doctor: ${error.message}\n`);
    return 1;
  }
  const durationMs = performance.now() - beganAtMs;
  if (isJson) process.stdout.write(jsonReport(reports, durationMs));
  else text.end(reports, durationMs);
  return isHealthy(reports) ? 0 : 1;
}

/** Has the checks made by another process. */
async function examineInProcess(
  { file: named, target, ca, credentials = NO_CREDENTIALS, only, holdSeconds, method }: Examined,
  events: ReportEvents,
): Promise<readonly CheckReport[]> {
  // A second process has to read it as well.
  const input = named !== undefined && isReadOnce(named) ? readOnce(named) : undefined;
  const file = input === undefined ? named : STANDARD_INPUT;
  const { headers, certificate } = credentials;
  const order = { file, target, ca, headers: headers.entries(), certificate, only, holdSeconds, method };
  return examineElsewhere(
    order,
    {
      start: (told) => forkChecks(told, input),
      after: (delayMs, call) => {
        const timer = setTimeout(call, delayMs);
        return () => clearTimeout(timer);
      },
    },
    events,
  );
}

/** @returns undefined if it cannot be read, which the check of the file tries once more, and says */
function readOnce(file: string): Buffer | undefined {
  try {
    return readFileSync(isStandardInput(file) ? 0 : file);
  } catch {
    return undefined;
  }
}

/** @returns 'help', or a sentence about what is wrong */
export function parseDoctorOptions(argv: readonly string[]): Chosen | string {
  const parsed = readOptions(
    argv,
    {
      config: { type: 'string', short: 'c' },
      json: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      ca: { type: 'string' },
      header: { type: 'string', multiple: true, default: [] },
      cert: { type: 'string' },
      key: { type: 'string' },
      hold: { type: 'string' },
      method: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
    1,
  );
  if (typeof parsed === 'string') return parsed;
  const { values, positionals } = parsed;
  if (values.help) return 'help';
  const target = targetOf(positionals[0]);
  if (typeof target === 'string') return target;
  const file = fileOf(values.config, target);
  const missing = file === undefined ? undefined : describeMissing(file);
  if (missing !== undefined) return missing;
  const only = values.only.flatMap((each) => each.split(','));
  const stray = only.find((each) => !groupNames().includes(each.split('.')[0]));
  if (stray !== undefined) {
    const meant = suggest(stray, groupNames());
    return `there is no check ${stray}.${meant === undefined ? '' : ` Did you mean ${meant}?`} The groups are ${groupNames().join(', ')}`;
  }
  const holdSeconds = values.hold === undefined ? undefined : Number(values.hold.replace(/s$/, ''));
  if (holdSeconds !== undefined && !(holdSeconds >= 1 && holdSeconds <= MOST_HOLD_SECONDS))
    return `--hold takes seconds, from 1 to ${MOST_HOLD_SECONDS}`;
  if (values.method !== undefined && !/^\/[^/\s]+\/[^/\s]+$/.test(values.method))
    return '--method takes a path: /package.Service/Method';
  if (values.method !== undefined && holdSeconds === undefined && target === undefined)
    return '--method names what TARGET is asked for, or what is held: add TARGET or --hold SECONDS';
  if (values.ca !== undefined && target === undefined)
    return '--ca is the authority of TARGET, and there is none: add host:port';
  const ca = readAuthority(values.ca);
  if (typeof ca === 'string') return ca;
  const credentials = readCredentials(values);
  if (typeof credentials === 'string') return credentials;
  return {
    file,
    isFileFound: file !== undefined && values.config === undefined && target !== undefined,
    target,
    ca,
    credentials,
    only,
    holdSeconds,
    method: values.method,
    isJson: values.json,
    isVerbose: values.verbose || only.length > 0,
  };
}

function targetOf(text: string | undefined): Target | string | undefined {
  if (text === undefined) return undefined;
  if (/\.(?:ya?ml|json)$/.test(text) && existsSync(text))
    return `${text} is a configuration: write -c ${text}`;
  const target = parseTarget(text);
  return typeof target === 'string' ? `TARGET cannot be used: ${target}` : target;
}

function fileOf(given: string | undefined, target: Target | undefined): string | undefined {
  if (given !== undefined) return given;
  return target === undefined || existsSync('config.yaml') ? 'config.yaml' : undefined;
}

function readAuthority(file: string | undefined): Buffer | string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file);
  } catch (error) {
    return `${file} cannot be read: ${readingFault(error)}`;
  }
}
