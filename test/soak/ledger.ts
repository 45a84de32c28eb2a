// Keeps account of a soak: every call, how it ended, what the access log says of it, and which injected fault explains a
// failure. What nothing explains is what a soak is run to find.

import { status } from '../../src/demo/grpc.ts';
import type { LogLine } from './processes.ts';

export type Place = 'client' | 'service' | 'web';

interface Fault {
  readonly name: string;
  readonly place: Place;
  readonly fromMs: number;
  untilMs: number;
}

export interface FinishedCall {
  readonly kind: string;
  /** Where faults touch this call. */
  readonly places: readonly Place[];
  readonly startedMs: number;
  /** The name of a gRPC status, or what became of an HTTP request; 'OK' only if every byte was right. */
  readonly outcome: string;
  readonly details: string;
  /** Sent as x-request-id; the access log has to have exactly one record of it. */
  readonly requestId: string | undefined;
}

const MOST_PRINTED = 20;
/**
 * After a fault is over its consequences may still arrive: connections are dialled anew, with pauses. A client may also
 * sit on a connection that was ended and that it does not read any more (in CLOSE-WAIT), until a call's deadline tells it.
 */
const AFTERMATH_MS: Readonly<Record<Place, number>> = { client: 10_000, service: 3000, web: 3000 };
/** What a fault of the network may be to a gRPC call; anything else is a mistake whatever was injected. */
const MAY_FAIL_WITH: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'HTTP 502',
  'HTTP 503',
  'HTTP 504',
  'broken off',
]);
/** On the client's own side of the proxy its library has more words for a broken connection. */
const MAY_FAIL_AT_CLIENT_WITH: ReadonlySet<string> = new Set(['INTERNAL', 'CANCELLED', 'UNKNOWN']);

export class Ledger {
  readonly #faults: Fault[] = [];
  readonly #calls = new Map<string, { total: number; failed: number }>();
  readonly #outcomes = new Map<string, number>();
  readonly unexplained: string[] = [];
  /** By request id: what one side said and the other has not yet. */
  readonly #told = new Map<string, string>();
  readonly #logged = new Map<string, string>();
  records = 0;
  /** Prints nothing as it goes. */
  isSilent = false;
  compared = 0;

  faultBegins(name: string, place: Place): { end(): void } {
    const fault: Fault = { name, place, fromMs: performance.now(), untilMs: Number.POSITIVE_INFINITY };
    this.#faults.push(fault);
    return {
      end: () => {
        fault.untilMs = performance.now();
      },
    };
  }

  finished(call: FinishedCall): void {
    const counts = this.#calls.get(call.kind) ?? { total: 0, failed: 0 };
    this.#calls.set(call.kind, counts);
    counts.total++;
    const key = `${call.kind}: ${call.outcome}`;
    this.#outcomes.set(key, (this.#outcomes.get(key) ?? 0) + 1);
    if (call.requestId !== undefined) this.#compare(call.requestId, call.outcome, undefined);
    if (call.outcome === 'OK') return;
    counts.failed++;
    if (!this.#isExplained(call)) this.#complain(`${call.kind} ended ${call.outcome}: ${call.details}`);
  }

  #isExplained({ places, startedMs, outcome }: FinishedCall): boolean {
    if (!MAY_FAIL_WITH.has(outcome) && !(places.includes('client') && MAY_FAIL_AT_CLIENT_WITH.has(outcome)))
      return false;
    const nowMs = performance.now();
    return this.#faults.some(
      ({ place, fromMs, untilMs }) =>
        places.includes(place) && fromMs <= nowMs && untilMs + AFTERMATH_MS[place] >= startedMs,
    );
  }

  logged(record: LogLine): void {
    this.records++;
    const id = record['requestId'];
    if (typeof id !== 'string' || !id.startsWith('soak-')) return;
    this.#compare(id, undefined, outcomeIn(record));
  }

  #compare(id: string, told: string | undefined, logged: string | undefined): void {
    const outcome = told ?? this.#told.get(id);
    const record = logged ?? this.#logged.get(id);
    if (logged !== undefined && this.#logged.has(id)) this.#complain(`two records of ${id}`);
    if (outcome === undefined || record === undefined) {
      if (told !== undefined) this.#told.set(id, told);
      if (logged !== undefined) this.#logged.set(id, logged);
      return;
    }
    this.#told.delete(id);
    this.#logged.delete(id);
    this.compared++;
    // A client that gives up does so by itself: what was on its way to it may have been anything.
    const mayDiffer = outcome === 'DEADLINE_EXCEEDED' || outcome === 'CANCELLED' || outcome === 'broken off';
    if (outcome !== record && !mayDiffer)
      this.#complain(`the client saw ${outcome} of ${id}, the access log says ${record}`);
  }

  /** Calls that only one side knows of. */
  get uncompared(): number {
    return this.#told.size + this.#logged.size;
  }

  settle(): void {
    for (const [id, outcome] of this.#told)
      this.#complain(`${id} (${outcome}) has no record in the access log`);
  }

  #complain(text: string): void {
    this.unexplained.push(text);
    const last = this.#faults.at(-1);
    const after =
      last === undefined
        ? ''
        : ` (${Math.round(performance.now() - last.fromMs)} ms after ${last.place} ${last.name} began)`;
    if (!this.isSilent && this.unexplained.length <= MOST_PRINTED) console.log(`UNEXPLAINED ${text}${after}`);
  }

  get faultCount(): number {
    return this.#faults.length;
  }

  get total(): number {
    return [...this.#calls.values()].reduce((sum, { total }) => sum + total, 0);
  }

  get failed(): number {
    return [...this.#calls.values()].reduce((sum, { failed }) => sum + failed, 0);
  }

  /** Outcomes by kind of call, and faults by name. */
  table(): string {
    const faults = new Map<string, number>();
    for (const { name, place } of this.#faults)
      faults.set(`${place} ${name}`, (faults.get(`${place} ${name}`) ?? 0) + 1);
    return `| calls | count |\n|---|---|\n${lines(this.#outcomes)}\n\n| faults | count |\n|---|---|\n${lines(faults)}`;
  }
}

export function statusName(code: number): string {
  return status[code] ?? String(code);
}

/** In the words of FinishedCall. */
function outcomeIn(record: LogLine): string {
  if (record['grpcStatus'] !== '') return String(record['grpcStatus']);
  return record['httpStatus'] === 200 ? 'OK' : `HTTP ${String(record['httpStatus'])}`;
}

/** Rows of a table, by name. */
function lines(entries: Iterable<readonly [string, number]>): string {
  return [...entries]
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([name, count]) => `| ${name} | ${count} |`)
    .join('\n');
}
