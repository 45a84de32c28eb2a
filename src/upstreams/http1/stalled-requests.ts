// Which requests of an HTTP/1.1 upstream wait for their clients, and for how long? Each has a connection of its own to the
// service, so that uploads which never end would leave none for others. As long as nobody waits for one, they are welcome.

/** Less than this in the time of a stall is no progress: an octet now and then would keep a connection for ever. */
const LEAST_PROGRESS_BYTES = 4096;

export interface WaitingRequest {
  /** What the client has sent of the request and taken of the response. */
  readonly movedBytes: number;
  /** It is the client's turn: to send what it has announced, or to take what is there for it. */
  readonly isWaitingForClient: boolean;
}

interface Stall {
  readonly movedBytes: number;
  readonly sinceMs: number;
}

export class StalledRequests<Request extends WaitingRequest> {
  readonly #timeoutMs: number;
  #stalls = new Map<Request, Stall>();

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * To be called now and then, with all that run.
   * @param most how many are wanted
   * @returns those to be given up, the longest stalled first
   */
  check(requests: Iterable<Request>, nowMs: number, most: number): readonly Request[] {
    const before = this.#stalls;
    this.#stalls = new Map();
    const stalled: { readonly request: Request; readonly sinceMs: number }[] = [];
    for (const request of requests) {
      if (!request.isWaitingForClient) continue;
      const { movedBytes } = request;
      const known = before.get(request);
      const isStalled = known !== undefined && movedBytes - known.movedBytes < LEAST_PROGRESS_BYTES;
      const stall = isStalled ? known : { movedBytes, sinceMs: nowMs };
      this.#stalls.set(request, stall);
      if (nowMs - stall.sinceMs >= this.#timeoutMs) stalled.push({ request, sinceMs: stall.sinceMs });
    }
    stalled.sort((one, other) => one.sinceMs - other.sinceMs);
    return stalled.slice(0, most).map(({ request }) => request);
  }
}
