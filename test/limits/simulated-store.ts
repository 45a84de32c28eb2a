// A store in the test's own process, with the test's own clock: it counts as the script for Redis does, and answers when it is told to.

import type { LeaseAnswer, LeaseAsk } from '../../src/config/lease-messages.ts';
import { LeaseDesk } from '../../src/limits/lease-desk.ts';

export class SimulatedClock {
  nowMs = 1000;
}

export class SimulatedStore {
  readonly #clock: SimulatedClock;
  readonly #paid = new Map<string, { readonly atMs: number; readonly intervalMs: number }>();
  /** Questions that wait for their answer, and who is to get it. */
  readonly #waiting: { readonly ask: LeaseAsk; readonly desk: LeaseDesk }[] = [];
  questions = 0;
  keysAsked = 0;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  /** A process that takes leases here. */
  desk(holders: number, mostKeys?: number): LeaseDesk {
    const desk = new LeaseDesk({
      now: () => this.#clock.nowMs,
      ...(mostKeys !== undefined && { mostKeys }),
    });
    this.serve(desk);
    desk.storeChanged({ store: 'fleet', isUp: true, holders });
    return desk;
  }

  /** This process asks here from now on. */
  serve(desk: LeaseDesk): void {
    desk.askBy((ask) => {
      this.questions++;
      this.keysAsked += ask.keys.length;
      this.#waiting.push({ ask, desk });
    });
  }

  answerAll(): void {
    for (const { ask, desk } of this.#waiting.splice(0)) desk.answered(this.answerTo(ask));
  }

  /** Counts what was asked. @returns the answers, which are on their way */
  takeAnswers(): readonly LeaseAnswer[] {
    return this.#waiting.splice(0).map(({ ask }) => this.answerTo(ask));
  }

  /** Nobody hears what was asked: the store has gone. */
  failAll(): void {
    for (const { ask, desk } of this.#waiting.splice(0)) desk.answered({ number: ask.number });
  }

  forgetAll(): void {
    this.#paid.clear();
  }

  answerTo({ number, keys, owed, least, wanted, ratePerSecond, burst, limit }: LeaseAsk): LeaseAnswer {
    const intervalMs = 1000 / ratePerSecond;
    const leases = { granted: [] as number[], waitMs: [] as number[], room: [] as number[] };
    for (const [at, key] of keys.entries()) {
      const { nowMs } = this.#clock;
      const name = `${limit} ${key}`;
      const paid = this.#paid.get(name) ?? { atMs: 0, intervalMs };
      const spent = Math.max(0, paid.atMs - nowMs) / paid.intervalMs;
      let paidAtMs = nowMs + Math.max(spent + owed[at], least[at]) * intervalMs;
      const before = Math.floor((nowMs + burst * intervalMs - paidAtMs) / intervalMs + 1e-6);
      const granted = Math.max(0, Math.min(wanted[at], before));
      paidAtMs += granted * intervalMs;
      this.#paid.set(name, { atMs: paidAtMs, intervalMs });
      const room = Math.max(0, before - granted);
      leases.granted.push(granted);
      leases.room.push(room);
      leases.waitMs.push(room >= 1 ? 0 : Math.ceil(paidAtMs + intervalMs - nowMs - burst * intervalMs));
    }
    return { number, leases };
  }
}
