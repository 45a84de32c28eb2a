// Records what became of each directive of the input: exactly one verdict each. If a directive gets several verdicts, as a setting that
// many servers inherit may, the worst one counts.

import { allDirectives, type Directive } from './directive.ts';

export type Verdict = 'carried' | 'changed' | 'unsupported';

export interface Judgement {
  readonly verdict: Verdict;
  /** Sentences for the report: what it became, or why not. */
  readonly notes: readonly string[];
  /** Whether it decides who may connect or call, and could not be carried over. Only of what is not supported. */
  readonly decidesAccess: boolean;
  /** Whether calls take another route now than in nginx; some of them, if it is changed. Never of what is carried over. */
  readonly sendsElsewhere: boolean;
}

/** What is worse than a setting that is missing. */
type Loss = 'access' | 'destination';

const SEVERITY: Readonly<Record<Verdict, number>> = { carried: 0, changed: 1, unsupported: 2 };
/** A setting that a hundred servers inherit may get a hundred notes. */
const MOST_NOTES = 3;

export class Ledger {
  readonly #judgements = new Map<Directive, Judgement>();

  carry(directive: Directive, note?: string): void {
    this.#judge(directive, 'carried', note);
  }

  /** @param note what is different now, and why that is better or cannot be helped */
  change(directive: Directive, note: string): void {
    this.#judge(directive, 'changed', note);
  }

  refuse(directive: Directive, note: string): void {
    this.#judge(directive, 'unsupported', note);
  }

  refuseAccess(directive: Directive, note: string): void {
    this.#judge(directive, 'unsupported', note, 'access');
  }

  refuseDestination(directive: Directive, note: string): void {
    this.#judge(directive, 'unsupported', note, 'destination');
  }

  /** It is translated, but some calls take another route than in nginx. @param note which, and what to do about it */
  changeDestination(directive: Directive, note: string): void {
    this.#judge(directive, 'changed', note, 'destination');
  }

  /** Gives everything in a block the verdict of the block, where it has none yet. */
  settleBlock(directive: Directive): void {
    const judgement = this.#judgements.get(directive);
    if (judgement === undefined) return;
    for (const inner of allDirectives(directive.block ?? [])) {
      if (!this.#judgements.has(inner)) {
        this.#judgements.set(inner, {
          ...judgement,
          decidesAccess: false,
          sendsElsewhere: false,
          notes: [],
        });
      }
    }
  }

  judgementOf(directive: Directive): Judgement | undefined {
    return this.#judgements.get(directive);
  }

  #judge(directive: Directive, verdict: Verdict, note: string | undefined, loss?: Loss): void {
    const known = this.#judgements.get(directive);
    if (known !== undefined && SEVERITY[known.verdict] > SEVERITY[verdict]) return;
    const isWorse = known === undefined || SEVERITY[known.verdict] < SEVERITY[verdict];
    const earlier = isWorse ? [] : known.notes;
    const isNew = note !== undefined && !earlier.includes(note) && earlier.length < MOST_NOTES;
    this.#judgements.set(directive, {
      verdict,
      notes: isNew ? [...earlier, note] : earlier,
      decidesAccess: loss === 'access' || (!isWorse && known.decidesAccess),
      sendsElsewhere: loss === 'destination' || known?.sendsElsewhere === true,
    });
  }
}
