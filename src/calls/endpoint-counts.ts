// What has become of the attempts at one endpoint, counted for as long as the process runs: an endpoint that leaves the
// configuration and comes back is counted on.

/**
 * How an attempt ended. answered: with a whole response, whatever its status. failed: the endpoint reset it, lost its connection,
 * gave an answer that is none, or, where each call makes its own connection, could not be reached. given_up: by the client or
 * by the proxy, before either; also for what the client asked or accepts. A client must not be able to make endpoints fail.
 */
export type AttemptOutcome = 'answered' | 'failed' | 'given_up';

export class EndpointCounts {
  answered = 0;
  failed = 0;
  givenUp = 0;
  /** Responses that have begun, and the milliseconds from sending each request to the head of its response, summed. */
  responses = 0;
  responseMs = 0;

  /** @param waitedMs from sending the request to the head of its response, in whole milliseconds */
  responseBegan(waitedMs: number): void {
    this.responses++;
    this.responseMs += waitedMs;
  }

  attemptEnded(outcome: AttemptOutcome): void {
    if (outcome === 'answered') this.answered++;
    else if (outcome === 'failed') this.failed++;
    else this.givenUp++;
  }
}
