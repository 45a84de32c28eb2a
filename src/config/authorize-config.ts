// The `authorize` of a route, in the form the program uses.

export interface AuthorizeConfig {
  /** The name of the upstream that is asked. */
  readonly upstream: string;
  /** How long a call waits for the answer. */
  readonly timeoutMs: number;
  /** What becomes of a call about which there is no answer. */
  readonly failure: 'deny' | 'allow';
  /** The time between two questions about a call that runs, 10 % more or less. Undefined means that it is asked about once. */
  readonly recheckMs: number | undefined;
  /** What the authorizer is told of each call of the route beside what it is told of the call itself. */
  readonly context: ReadonlyMap<string, string>;
}
