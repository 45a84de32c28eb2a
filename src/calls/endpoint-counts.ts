// Counts how the attempts at one endpoint have ended. The counts are kept as long as the process runs, even if the endpoint leaves the
// configuration and comes back.

/**
 * How an attempt ended.
 * - answered: by a complete response, whatever its status.
 * - failed: the endpoint reset the stream, lost the connection, or sent an invalid response.
 * - given_up: by the client or the proxy before that, or because of what the client requested or accepts. A client must not be able to
 *   make an endpoint seem to fail.
 * - lost: given up because another attempt of the same call was faster.
 * - timed_out: a question that Framegate has asked, such as one to an authorizer, and that had no answer when its time was over.
 * - unreached: no connection could be made for it, so that the endpoint has seen nothing of it. It is not counted here.
 */
export type AttemptOutcome = 'answered' | 'failed' | 'given_up' | 'lost' | 'timed_out' | 'unreached';

export class EndpointCounts {
  answered = 0;
  failed = 0;
  givenUp = 0;
  lost = 0;
  timedOut = 0;
  /** How many responses have begun. */
  responses = 0;
  /** The sum of the times from sending a request to the head of its response, in milliseconds. */
  responseMs = 0;
  /** How often the endpoint was ejected as an outlier. */
  ejections = 0;

  /** @param waitedMs the time from sending the request to the head of its response, in whole milliseconds */
  responseBegan(waitedMs: number): void {
    this.responses++;
    this.responseMs += waitedMs;
  }

  attemptEnded(outcome: AttemptOutcome): void {
    if (outcome === 'answered') this.answered++;
    else if (outcome === 'failed') this.failed++;
    else if (outcome === 'given_up') this.givenUp++;
    else if (outcome === 'lost') this.lost++;
    else if (outcome === 'timed_out') this.timedOut++;
  }
}
