// Ends streams that are older than `streams.maxAge`, so that streams that last for days move to servers that were added. Nothing is
// kept for a young stream: all streams are looked at ten times in that period, and those that are old enough get a random moment before the
// next look. So a stream ends between 0.9 and 1.1 times the age.

import type { Agenda } from './agenda.ts';
import type { PlaceUser } from './place-user.ts';

const LOOKS = 10;
/** Streams get their moment from this part of the age on. */
const FIRST = 0.9;

export interface StreamAgesParts {
  readonly maxAgeMs: number;
  readonly agenda: Agenda;
  /** All streams that run now. */
  readonly calls: () => Iterable<PlaceUser>;
  readonly end: (call: PlaceUser) => void;
  /** From 0 to less than 1. */
  readonly random: () => number;
}

export class StreamAges {
  readonly #parts: StreamAgesParts;
  #isFinishing = false;

  constructor(parts: StreamAgesParts) {
    this.#parts = parts;
  }

  begin(nowMs: number): void {
    this.#plan(nowMs + this.#intervalMs);
  }

  /** No call begins any more. The looks end with the last stream. */
  finish(): void {
    this.#isFinishing = true;
  }

  get #intervalMs(): number {
    return this.#parts.maxAgeMs / LOOKS;
  }

  #plan(atMs: number): void {
    this.#parts.agenda.add([{ atMs, action: () => this.#look(atMs) }]);
  }

  #look(nowMs: number): void {
    const { agenda, calls, end, maxAgeMs, random } = this.#parts;
    const running = Array.from(calls());
    if (this.#isFinishing && running.length === 0) return;
    this.#plan(nowMs + this.#intervalMs);
    const bornBefore = nowMs - FIRST * maxAgeMs;
    const old = running.filter(({ sentAtMs }) => sentAtMs !== 0 && sentAtMs <= bornBefore);
    agenda.add(old.map((call) => ({ atMs: nowMs + random() * this.#intervalMs, action: () => end(call) })));
  }
}
