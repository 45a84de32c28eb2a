// The newest reasons of each code. One code may have several, of one client or of many, and the newest must not hide those before it. Clients can
// choose parts of a sentence, so only a few of each code are kept.

export interface DiagnosisReason {
  readonly sentence: string;
  /** The reason in the words of OpenSSL or a parser. */
  readonly detail?: string | undefined;
  /** How often it was given while it was among the newest. */
  readonly count: number;
  readonly lastAtEpochMs: number;
}

/** By code, the newest reason first, at most MOST_REASONS of each. */
export type DiagnosisReasons = Readonly<Record<string, readonly DiagnosisReason[]>>;

export const MOST_REASONS = 8;

interface MutableReason {
  readonly sentence: string;
  readonly detail: string | undefined;
  count: number;
  lastAtEpochMs: number;
}

type Said = Pick<DiagnosisReason, 'sentence' | 'detail'>;

export class ReasonsByCode {
  /** The newest last. */
  readonly #reasons = new Map<string, MutableReason[]>();

  /**
   * Counts a reason that is known already.
   * @param said may be longer than what is kept
   * @returns false if it is not known as it is written here
   */
  repeat(code: string, said: Said, nowEpochMs: number): boolean {
    const reasons = this.#reasons.get(code) ?? [];
    const at = reasons.findLastIndex((one) => areSame(one, said));
    if (at < 0) return false;
    const reason = reasons[at];
    reason.count++;
    reason.lastAtEpochMs = nowEpochMs;
    if (at < reasons.length - 1) reasons.push(...reasons.splice(at, 1));
    return true;
  }

  /** @param said as it is kept: short, and harmless in a terminal */
  add(code: string, said: Said, nowEpochMs: number): void {
    if (this.repeat(code, said, nowEpochMs)) return;
    const reasons = this.#reasons.get(code) ?? [];
    reasons.push({ sentence: said.sentence, detail: said.detail, count: 1, lastAtEpochMs: nowEpochMs });
    if (reasons.length > MOST_REASONS) reasons.shift();
    this.#reasons.set(code, reasons);
  }

  report(): DiagnosisReasons {
    const entries = [...this.#reasons].toSorted(([one], [other]) => (one < other ? -1 : 1));
    return Object.fromEntries(entries.map(([code, reasons]) => [code, reasons.toReversed().map(reported)]));
  }
}

/** Adds up what several processes have counted. */
export function mergeReasons(reports: readonly DiagnosisReasons[]): DiagnosisReasons {
  const byCode = Map.groupBy(
    reports.flatMap((report) => Object.entries(report)),
    ([code]) => code,
  );
  const merged = Array.from(byCode, ([code, entries]): readonly [string, readonly DiagnosisReason[]] => [
    code,
    newestOf(entries.flatMap(([, reasons]) => reasons)),
  ]);
  return Object.fromEntries(merged.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function newestOf(reasons: readonly DiagnosisReason[]): readonly DiagnosisReason[] {
  const same = Map.groupBy(reasons, ({ sentence, detail = '' }) => JSON.stringify([sentence, detail]));
  return Array.from(same.values(), (ofOne) => ({
    ...ofOne[0],
    count: ofOne.reduce((sum, { count }) => sum + count, 0),
    lastAtEpochMs: Math.max(...ofOne.map(({ lastAtEpochMs }) => lastAtEpochMs)),
  }))
    .toSorted((one, other) => other.lastAtEpochMs - one.lastAtEpochMs)
    .slice(0, MOST_REASONS);
}

function areSame(one: Said, other: Said): boolean {
  return one.sentence === other.sentence && one.detail === other.detail;
}

function reported({ sentence, detail, count, lastAtEpochMs }: MutableReason): DiagnosisReason {
  return { sentence, ...(detail === undefined ? {} : { detail }), count, lastAtEpochMs };
}
