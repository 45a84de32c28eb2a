// `framegate tap`: shows the calls of a running proxy as they happen.

import { setTimeout as delay } from 'node:timers/promises';
import { parseDuration } from '../config/units.ts';
import type { AdminTarget } from '../control/admin-target.ts';
import { fieldOf } from '../control/answer-fields.ts';
import { harmlessJson } from '../observability/json-text.ts';
import {
  ADMIN_OPTIONS_HELP,
  type AdminOptions,
  adminOptions,
  describeOtherProxy,
  findAdmin,
} from './admin-client.ts';
import { droppedLine, EVENT_HEAD, eventLine } from './event-line.ts';
import { readEvents } from './event-source.ts';
import { readOptions } from './options.ts';
import { PatientOutput } from './patient-output.ts';

const usage = `Usage: framegate tap [--admin ADDRESS | -c FILE] [--token-file FILE]
                     [FILTERS] [--json]

Shows the calls of a running proxy as they begin and end, until Ctrl-C.
It waits for a proxy that restarts. Calls are not held up.

Filters, all of which must fit:
      --route NAME         calls of this route
      --upstream NAME      calls of this upstream
      --method PATH        calls with this path; PREFIX* for several
      --client ADDRESS     calls of this client: an address, ADDRESS:PORT, or a
                           range such as 10.0.0.0/8
      --endpoint ADDRESS   calls that are sent to this endpoint
      --status STATUS      calls that end like this: UNAVAILABLE, 404
      --min-duration TIME  calls that took at least so long: 500ms, 5s
      --only-errors        calls that failed
      --events KINDS       start, attempt, end, with commas between them
                           (default: start,end)

Output:
      --json               one JSON object per line
      --limit N            end after so many events
      --rate N             at most so many events per second, 1 to 10000
                           (default: 1000); the rest is counted

${ADMIN_OPTIONS_HELP}
  -h, --help               show this help

Exit code: 0, or 1 when there is no such proxy or a filter cannot be understood.
`;

const options = {
  ...adminOptions,
  route: { type: 'string' },
  upstream: { type: 'string' },
  method: { type: 'string' },
  client: { type: 'string' },
  endpoint: { type: 'string' },
  status: { type: 'string' },
  'min-duration': { type: 'string' },
  'only-errors': { type: 'boolean', default: false },
  events: { type: 'string', default: 'start,end' },
  json: { type: 'boolean', default: false },
  limit: { type: 'string' },
  rate: { type: 'string' },
} as const;

interface Values {
  readonly route?: string | undefined;
  readonly upstream?: string | undefined;
  readonly method?: string | undefined;
  readonly client?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly status?: string | undefined;
  readonly 'min-duration'?: string | undefined;
  readonly 'only-errors': boolean;
  readonly events: string;
  readonly rate?: string | undefined;
}

const COUNTED: readonly unknown[] = ['start', 'attempt', 'end'];
const AGAIN_AFTER_MS = 1000;

export async function tap(argv: readonly string[]): Promise<number> {
  const parsed = readOptions(argv, options);
  if (typeof parsed === 'string') return fail(`${parsed}\n\n${usage.trimEnd()}`);
  const { values } = parsed;
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const search = searchOf(values);
  if (typeof search === 'string') return fail(search);
  const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : wholeNumber(values.limit);
  if (limit === undefined) return fail('--limit must be a whole number above 0');
  const admin: AdminOptions = {
    admin: values.admin,
    config: values.config,
    'token-file': values['token-file'],
  };
  const found = findAdmin(admin);
  if (typeof found === 'string') return fail(found);
  const other = await describeOtherProxy(found);
  if (other !== undefined) process.stderr.write(`framegate tap: ${other}\n`);
  return new Tap({
    admin,
    found,
    search: search.toString(),
    isJson: values.json,
    limit,
  }).run();
}

/** @returns the query of `GET /api/events`, or a sentence about what is wrong with the filters. The proxy says what is wrong with their values */
function searchOf(values: Values): URLSearchParams | string {
  const search = new URLSearchParams({ kinds: values.events });
  for (const name of ['route', 'upstream', 'method', 'client', 'endpoint', 'rate'] as const) {
    const value = values[name];
    if (value !== undefined) search.set(name, value);
  }
  if (values.status !== undefined) search.set('status', values.status.toUpperCase());
  if (values['only-errors']) search.set('failed', 'true');
  const shortest = values['min-duration'];
  if (shortest === undefined) return search;
  const minDurationMs = parseDuration(shortest);
  if (minDurationMs === undefined) return '--min-duration must be a duration such as 250ms, 5s or 10m';
  search.set('minDurationMs', String(minDurationMs));
  return search;
}

function wholeNumber(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}

interface TapParts {
  readonly admin: AdminOptions;
  readonly found: AdminTarget;
  readonly search: string;
  readonly isJson: boolean;
  readonly limit: number;
}

class Tap {
  readonly #parts: TapParts;
  /** Aborted when there is nothing more to do: at Ctrl-C, at the limit, or when nobody reads the output. */
  readonly #end = new AbortController();
  readonly #output = new PatientOutput(process.stdout, () => this.#end.abort());
  #found: AdminTarget;
  #left: number;

  constructor(parts: TapParts) {
    this.#parts = parts;
    this.#found = parts.found;
    this.#left = parts.limit;
  }

  /** Resolves to the exit code. */
  async run(): Promise<number> {
    const { signal } = this.#end;
    const stop = (): void => this.#end.abort();
    process.once('SIGINT', stop).once('SIGTERM', stop);
    let wasOpen = false;
    let isWaiting = false;
    while (!signal.aborted) {
      const ended = await readEvents({
        admin: this.#found,
        search: this.#parts.search,
        signal,
        onEvent: (event) => {
          isWaiting = false;
          return this.#show(event);
        },
      });
      if (signal.aborted) break;
      wasOpen ||= ended.wasOpen;
      if (!wasOpen) return fail(ended.why);
      if (!isWaiting) process.stderr.write(`framegate tap: ${ended.why}; waiting for it to come back\n`);
      isWaiting = true;
      await delay(AGAIN_AFTER_MS, undefined, { signal }).catch(() => undefined);
      this.#lookAgain();
    }
    return 0;
  }

  /** A reload may have moved the admin server. */
  #lookAgain(): void {
    const found = findAdmin(this.#parts.admin);
    if (typeof found !== 'string') this.#found = found;
  }

  #show(event: unknown): Promise<void> | undefined {
    const kind = fieldOf(event, 'event');
    const isCounted = COUNTED.includes(kind);
    if (this.#left === 0) return undefined;
    if (isCounted && --this.#left === 0) {
      // What is written so far is written out before the process ends.
      setImmediate(() => this.#end.abort());
    }
    if (this.#parts.isJson) return this.#output.write(`${harmlessJson(JSON.stringify(event))}\n`);
    if (kind === 'open') return this.#output.write(`${EVENT_HEAD}\n`);
    if (kind === 'dropped') return this.#output.write(`${droppedLine(event, process.stdout)}\n`);
    return isCounted ? this.#output.write(`${eventLine(event, process.stdout)}\n`) : undefined;
  }
}

function fail(message: string): number {
  process.stderr.write(`framegate tap: ${message}\n`);
  return 1;
}
