// What a check needs of a probe, whatever it asks the endpoint. A probe has no clock: the check that owns it decides when it runs, and
// gives it up when it takes too long.

/** Why an endpoint has failed a check. */
export interface ProbeFailure {
  /** A predicate of the endpoint: 'answered NOT_SERVING for service ""'. */
  readonly predicate: string;
  /** Whether the endpoint itself has said that it does not serve, so that there is nothing to wait for. */
  readonly isAnswer: boolean;
  /** What a person may do about it, as a question or an imperative without a full stop. */
  readonly remedy?: string | undefined;
}

/** May be called while nothing runs, too: a stream tells changes by itself. Never called by giveUp() or close(). */
export interface ProbeEvents {
  onPassed(): void;
  onFailed(failure: ProbeFailure): void;
  /** The connection on which the endpoint told its health has ended while nothing ran. It should be asked again soon. */
  onLost(): void;
}

export interface Probe {
  /** How the endpoint is asked now, for people: 'grpc.health.v1 Watch'. */
  readonly method: string;
  /** Asks the endpoint. onPassed or onFailed is called then, perhaps at once, unless the probe is given up. */
  run(): void;
  /** There was no answer in time: gives up what runs, with its connection. @returns what was waited for */
  giveUp(): string;
  close(): void;
}
