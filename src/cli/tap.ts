// `framegate tap`: shows the calls of a running proxy as they happen.

import { setTimeout as delay } from 'node:timers/promises';
import { EVENT_KINDS } from '../calls/event-query.ts';
import type { AdminTarget } from '../control/admin-target.ts';
import { fieldOf } from '../control/answer-fields.ts';
import { askAdmin } from '../control/ask-admin.ts';
import { harmlessJson } from '../observability/json-text.ts';
import { type AdminOptions, describeOtherProxy, findAdmin } from './admin-client.ts';
import { EndableWait } from './endable-wait.ts';
import { droppedLine, eventHead, eventLine, GrownWidths, workerDiedLine } from './event-line.ts';
import { readEvents } from './event-source.ts';
import { describeUnknownNames, type NamedFilters } from './filtered-names.ts';
import { readOptions } from './options.ts';
import { PatientOutput } from './patient-output.ts';
import { withContent } from './shown-message.ts';
import { readWishes, TAP_USAGE, type TapWishes, tapOptions } from './tap-options.ts';

const COUNTED: readonly unknown[] = EVENT_KINDS;
const AGAIN_AFTER_MS = 1000;

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Nothing that is waited for keeps the process alive: services and decoders do not, so that Ctrl-C need not wait for them, and neither does the
 * proxy while nothing is read from it.
 */
export async function tap(argv: readonly string[]): Promise<number> {
  const alive = setInterval(() => undefined, LONGEST_TIMER_MS);
  try {
    return await readAndTap(argv);
  } finally {
    clearInterval(alive);
  }
}

async function readAndTap(argv: readonly string[]): Promise<number> {
  const parsed = readOptions(argv, tapOptions);
  if (typeof parsed === 'string') return fail(`${parsed}\n\n${TAP_USAGE.trimEnd()}`);
  const { values } = parsed;
  if (values.help) {
    process.stdout.write(TAP_USAGE);
    return 0;
  }
  const found = findAdmin(values);
  if (typeof found === 'string') return fail(found);
  if (found.fault !== undefined) process.stderr.write(`framegate tap: ${found.fault}\n`);
  const wishes = await readWishes(values, found);
  if (typeof wishes === 'string') return fail(wishes);
  const other = await describeOtherProxy(found);
  if (other !== undefined) process.stderr.write(`framegate tap: ${other}\n`);
  for (const unknown of await unknownNames(found, values))
    process.stderr.write(`framegate tap: ${unknown}\n`);
  return new Tap({ admin: values, found, wishes }).run();
}

async function unknownNames(found: AdminTarget, filters: NamedFilters): Promise<readonly string[]> {
  if (filters.route === undefined && filters.upstream === undefined && filters.identity === undefined)
    return [];
  const answer = await askAdmin(found, 'GET', '/api/config');
  return typeof answer === 'string' ? [] : describeUnknownNames(filters, answer.body);
}

interface TapParts {
  readonly admin: AdminOptions;
  readonly found: AdminTarget;
  readonly wishes: TapWishes;
}

class Tap {
  readonly #parts: TapParts;
  /** Aborted when there is nothing more to do: at Ctrl-C, at the limit, or when nobody reads the output. */
  readonly #end = new AbortController();
  readonly #output = new PatientOutput(process.stdout, () => this.#end.abort());
  /** Of the message that is being decoded. */
  readonly #decoding = new EndableWait();
  readonly #grown = new GrownWidths();
  #found: AdminTarget;
  #left: number;

  constructor(parts: TapParts) {
    this.#parts = parts;
    this.#found = parts.found;
    this.#end.signal.addEventListener('abort', () => this.#decoding.end());
    this.#left = parts.wishes.limit;
  }

  /** Resolves to the exit code. */
  async run(): Promise<number> {
    const { signal } = this.#end;
    const stop = (): void => this.#end.abort();
    process.once('SIGINT', stop).once('SIGTERM', stop);
    // Another width has other columns.
    if (!this.#parts.wishes.isJson)
      process.stdout.on('resize', () => void this.#output.write(`${eventHead(process.stdout)}\n`));
    let wasOpen = false;
    let isWaiting = false;
    while (!signal.aborted) {
      const ended = await readEvents({
        admin: this.#found,
        search: this.#parts.wishes.search,
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
    if (isCounted) this.#left--;
    const { decode, showsBytes } = this.#parts.wishes;
    if (kind !== 'message' || decode === undefined) return this.#write(event, kind);
    const shown = withContent(Object(event), decode, showsBytes).then((whole) => this.#write(whole, kind));
    // Ctrl-C need not wait for a service that is asked for descriptors.
    return this.#decoding.until(shown);
  }

  #write(event: unknown, kind: unknown): Promise<void> | undefined {
    const isCounted = COUNTED.includes(kind);
    // What is written so far is written out before the process ends.
    if (isCounted && this.#left === 0) setImmediate(() => this.#end.abort());
    if (this.#parts.wishes.isJson) return this.#output.write(`${harmlessJson(JSON.stringify(event))}\n`);
    if (kind === 'open') return this.#output.write(`${eventHead(process.stdout, this.#grown)}\n`);
    if (kind === 'dropped') return this.#output.write(`${droppedLine(event, process.stdout)}\n`);
    if (kind === 'worker_died') return this.#output.write(`${workerDiedLine(event, process.stdout)}\n`);
    return isCounted ? this.#output.write(`${eventLine(event, process.stdout, this.#grown)}\n`) : undefined;
  }
}

function fail(message: string): number {
  process.stderr.write(`framegate tap: ${message}\n`);
  return 1;
}
