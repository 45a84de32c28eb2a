// What every diagnosis comes to: a name for machines and a sentence for people.
// The token is stable (log field, metric label, test name); the sentence may be improved at any time.

export interface Diagnosis {
  /** snake_case, from a fixed set: nothing a peer can choose. */
  readonly token: string;
  /** One sentence or two: what is wrong, and what to do. */
  readonly sentence: string;
}
