// Keeps the most recent diagnoses and counts every code since the start, for the admin API. Whatever peers do, it holds at most
// DIAGNOSIS_RING_CAPACITY entries with bounded texts. When it is full, the oldest entry of the code with the most entries is dropped: a flood
// of one kind, from however many addresses, pushes no other kind out. It never throws.

import type { ClientVersion } from './client-versions.ts';
import { type DiagnosisReasons, ReasonsByCode } from './diagnosis-reasons.ts';
import { harmlessText } from './json-text.ts';

export interface DiagnosisEvent {
  /** The code from the catalogue in diagnosis/codes.ts. */
  readonly code: string;
  readonly token: string;
  readonly sentence: string;
  readonly listener?: string | undefined;
  readonly client?: string | undefined;
  readonly upstream?: string | undefined;
  readonly endpoint?: string | undefined;
  /** The name of a store of shared limits. */
  readonly store?: string | undefined;
  /** The trace of the call, or of the last one among repeats. */
  readonly traceId?: string | undefined;
  /** The reason in the words of OpenSSL or a parser. */
  readonly detail?: string | undefined;
}

export interface DiagnosisEntry extends DiagnosisEvent {
  readonly atEpochMs: number;
  /** The time of the last repeat, or `atEpochMs` if there was none. */
  readonly lastAtEpochMs: number;
  readonly count: number;
}

/** The report that the admin API shows. */
export interface DiagnosisReport {
  /** The number of diagnoses since the start, by code. Codes that never occurred are missing. */
  readonly counts: Readonly<Record<string, number>>;
  /** The most recent diagnoses, newest first. */
  readonly recent: readonly DiagnosisEntry[];
  readonly reasons: DiagnosisReasons;
  /** By what libraries connections were made, the last seen first. Undefined of a process that has no clients. */
  readonly clients?: readonly ClientVersion[];
}

export const DIAGNOSIS_RING_CAPACITY = 256;
/** The same code from the same peer within this time counts as a repeat of one entry. */
const REPEAT_WITHIN_MS = 60_000;
const MOST_SENTENCE_CHARACTERS = 512;
const MOST_NAME_CHARACTERS = 256;

interface MutableEntry {
  readonly key: string;
  readonly code: string;
  /** The newest one whose sentence or detail differs from the one before. */
  event: DiagnosisEvent;
  readonly atEpochMs: number;
  lastAtEpochMs: number;
  count: number;
  traceId: string | undefined;
}

export class DiagnosisRing {
  readonly #nowEpochMs: () => number;
  readonly #counts = new Map<string, number>();
  /** The entries, oldest first. */
  readonly #entries: MutableEntry[] = [];
  /** How many entries there are of each code. */
  readonly #entriesOf = new Map<string, number>();
  /** The newest entry of each code and peer. */
  readonly #latest = new Map<string, MutableEntry>();
  readonly #reasons = new ReasonsByCode();

  #total = 0;
  #onRecord: () => void = noOne;

  constructor(nowEpochMs: () => number = Date.now) {
    this.#nowEpochMs = nowEpochMs;
  }

  /** How many diagnoses were recorded since the start. */
  get total(): number {
    return this.#total;
  }

  /** @param onRecord is called after each diagnosis */
  watch(onRecord: () => void): void {
    this.#onRecord = onRecord;
  }

  /** @param peer identifies repeats: the host of the client without its port, the endpoint, or what else it is about */
  record(event: DiagnosisEvent, peer: string): void {
    this.#keep(event, peer);
    this.#onRecord();
  }

  #keep(event: DiagnosisEvent, peer: string): void {
    this.#total++;
    const nowEpochMs = this.#nowEpochMs();
    this.#counts.set(event.code, (this.#counts.get(event.code) ?? 0) + 1);
    if (!this.#reasons.repeat(event.code, event, nowEpochMs))
      this.#reasons.add(event.code, boundedEvent(event), nowEpochMs);
    const key = `${event.code} ${bounded(peer, MOST_NAME_CHARACTERS)}`;
    const latest = this.#latest.get(key);
    if (latest !== undefined && nowEpochMs - latest.atEpochMs < REPEAT_WITHIN_MS) {
      latest.count += 1;
      latest.lastAtEpochMs = nowEpochMs;
      if (event.traceId !== undefined) latest.traceId = bounded(event.traceId, MOST_NAME_CHARACTERS);
      // One code may have several reasons. Beside the time of the last repeat stands its own, not that of the first.
      if (event.sentence !== latest.event.sentence || event.detail !== latest.event.detail)
        latest.event = boundedEvent(event);
      return;
    }
    const bound = boundedEvent(event);
    const entry: MutableEntry = {
      key,
      code: event.code,
      event: bound,
      atEpochMs: nowEpochMs,
      lastAtEpochMs: nowEpochMs,
      count: 1,
      traceId: bound.traceId,
    };
    this.#entries.push(entry);
    this.#entriesOf.set(event.code, (this.#entriesOf.get(event.code) ?? 0) + 1);
    this.#latest.set(key, entry);
    if (this.#entries.length > DIAGNOSIS_RING_CAPACITY) this.#dropOldest();
  }

  report(): DiagnosisReport {
    return {
      counts: Object.fromEntries([...this.#counts].toSorted(([one], [other]) => (one < other ? -1 : 1))),
      recent: this.#entries.toReversed().map(reported),
      reasons: this.#reasons.report(),
    };
  }

  get #commonestCode(): string {
    let [commonest, most] = ['', 0];
    for (const [code, count] of this.#entriesOf) if (count > most) [commonest, most] = [code, count];
    return commonest;
  }

  #dropOldest(): void {
    const code = this.#commonestCode;
    this.#entriesOf.set(code, (this.#entriesOf.get(code) ?? 0) - 1);
    const [oldest] = this.#entries.splice(
      this.#entries.findIndex((entry) => entry.code === code),
      1,
    );
    if (this.#latest.get(oldest.key) === oldest) this.#latest.delete(oldest.key);
  }
}

/**
 * Chooses diagnoses so that many of one code push no other out: each code gets as much room as the others, for its newest.
 * @param newestFirst all that there are. @returns at most `most` of them, newest first
 */
export function fairlyChosen(
  newestFirst: readonly DiagnosisEntry[],
  most: number,
): readonly DiagnosisEntry[] {
  if (newestFirst.length <= most) return newestFirst;
  const byCode = Map.groupBy(newestFirst, ({ code }) => code);
  const chosen = new Set<DiagnosisEntry>();
  for (let round = 0; chosen.size < most; round++)
    for (const entries of byCode.values())
      if (round < entries.length && chosen.size < most) chosen.add(entries[round]);
  return newestFirst.filter((entry) => chosen.has(entry));
}

function reported({ event, traceId, atEpochMs, lastAtEpochMs, count }: MutableEntry): DiagnosisEntry {
  const trace = traceId === undefined ? {} : { traceId };
  return { ...event, ...trace, atEpochMs, lastAtEpochMs, count };
}

function boundedEvent(event: DiagnosisEvent): DiagnosisEvent {
  return {
    code: event.code,
    token: event.token,
    sentence: bounded(event.sentence, MOST_SENTENCE_CHARACTERS),
    ...boundedField('listener', event.listener),
    ...boundedField('client', event.client),
    ...boundedField('upstream', event.upstream),
    ...boundedField('endpoint', event.endpoint),
    ...boundedField('store', event.store),
    ...boundedField('traceId', event.traceId),
    ...boundedField('detail', event.detail),
  };
}

function boundedField(name: string, text: string | undefined): Readonly<Record<string, string>> {
  return text === undefined ? {} : { [name]: bounded(text, MOST_NAME_CHARACTERS) };
}

function bounded(unsafe: string, mostCharacters: number): string {
  // The admin server's output is read in terminals, so it must not contain control characters.
  const text = harmlessText(unsafe.slice(0, mostCharacters + 1));
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters - 1)}…`;
}

function noOne(): void {
  // Not watched.
}
