// The last diagnoses, and how often each code was given since the start, for the admin API. Whatever peers do, it holds at
// most CAPACITY entries of bounded texts; the oldest is dropped first. It never throws into its caller.

import { harmlessText } from './json-text.ts';

export interface DiagnosisEvent {
  /** Of the catalogue in diagnosis/codes.ts. */
  readonly code: string;
  readonly token: string;
  readonly sentence: string;
  readonly listener?: string | undefined;
  readonly client?: string | undefined;
  readonly upstream?: string | undefined;
  readonly endpoint?: string | undefined;
  /** What OpenSSL or a parser said. */
  readonly detail?: string | undefined;
}

export interface DiagnosisEntry extends DiagnosisEvent {
  readonly atEpochMs: number;
  /** Of the last repeat; `atEpochMs` where there was none. */
  readonly lastAtEpochMs: number;
  readonly count: number;
}

/** What the admin API shows. */
export interface DiagnosisReport {
  /** Since the start, by code; codes that never occurred are missing. */
  readonly counts: Readonly<Record<string, number>>;
  /** Newest first. */
  readonly recent: readonly DiagnosisEntry[];
}

export const DIAGNOSIS_RING_CAPACITY = 256;
/** The same from the same peer within this time is one entry. */
const REPEAT_WITHIN_MS = 60_000;
const MOST_SENTENCE_CHARACTERS = 512;
const MOST_NAME_CHARACTERS = 256;

interface MutableEntry extends DiagnosisEvent {
  readonly key: string;
  readonly atEpochMs: number;
  lastAtEpochMs: number;
  count: number;
}

export class DiagnosisRing {
  readonly #nowEpochMs: () => number;
  readonly #counts = new Map<string, number>();
  /** Oldest first. */
  readonly #entries: MutableEntry[] = [];
  /** The newest entry of each code and peer. */
  readonly #latest = new Map<string, MutableEntry>();

  constructor(nowEpochMs: () => number = Date.now) {
    this.#nowEpochMs = nowEpochMs;
  }

  /** `peer` tells repeats: the host of the client without its port, or the endpoint. */
  record(event: DiagnosisEvent, peer: string): void {
    const nowEpochMs = this.#nowEpochMs();
    this.#counts.set(event.code, (this.#counts.get(event.code) ?? 0) + 1);
    const key = `${event.code} ${bounded(peer, MOST_NAME_CHARACTERS)}`;
    const latest = this.#latest.get(key);
    if (latest !== undefined && nowEpochMs - latest.atEpochMs < REPEAT_WITHIN_MS) {
      latest.count += 1;
      latest.lastAtEpochMs = nowEpochMs;
      return;
    }
    const entry = { ...boundedEvent(event), key, atEpochMs: nowEpochMs, lastAtEpochMs: nowEpochMs, count: 1 };
    this.#entries.push(entry);
    this.#latest.set(key, entry);
    if (this.#entries.length > DIAGNOSIS_RING_CAPACITY) this.#dropOldest();
  }

  report(): DiagnosisReport {
    return {
      counts: Object.fromEntries([...this.#counts].toSorted(([one], [other]) => (one < other ? -1 : 1))),
      recent: this.#entries.toReversed().map(({ key: _key, ...entry }) => entry),
    };
  }

  #dropOldest(): void {
    const oldest = this.#entries.shift();
    if (oldest !== undefined && this.#latest.get(oldest.key) === oldest) this.#latest.delete(oldest.key);
  }
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
    ...boundedField('detail', event.detail),
  };
}

function boundedField(name: string, text: string | undefined): Readonly<Record<string, string>> {
  return text === undefined ? {} : { [name]: bounded(text, MOST_NAME_CHARACTERS) };
}

function bounded(unsafe: string, mostCharacters: number): string {
  // Whoever asks the admin server looks at it in a terminal.
  const text = harmlessText(unsafe.slice(0, mostCharacters + 1));
  return text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters - 1)}…`;
}
