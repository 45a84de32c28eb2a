// A diagnosis: a token for machines and a sentence for people.
// The token is stable (log field, metric label, test name); the sentence may be improved at any time.

export interface Diagnosis {
  /** A snake_case name from a fixed set, so a peer cannot choose it. */
  readonly token: string;
  /** One or two sentences: what is wrong, and what to do. */
  readonly sentence: string;
}
