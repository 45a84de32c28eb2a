// The steps of a request from getting a connection to getting a response. Requests take them through guarded-proxy.ts, WebSockets directly.

/** Why a request has no response, or none that is whole. */
export interface AttemptFailure {
  /** The `code` of a socket's error, of the parser, or of ours. Undefined when the service closed the connection. */
  readonly code: string | undefined;
  /** What the HTTP parser said, or for NOT_AS_ASKED what the service did. */
  readonly reason: string | undefined;
  /** There was a connection, so a part of the request may have been processed. */
  readonly isConnected: boolean;
  /** The connection had served another request before. */
  readonly isReused: boolean;
  /** The head of the response had come. */
  readonly hasBegun: boolean;
}

/** What the owner of the steps has to do next. These methods may throw. */
export interface StepEvents {
  /** There is a connection: send the request. */
  onSend(): void;
  /** The head of the response is here: pass it on. */
  onRespond(): void;
  /** There will be no response, or no more of it. Everything was let go. */
  onEnded(failure: AttemptFailure): void;
}

/** The steps of one request. Nothing is told after `finish` or onEnded. */
export interface RequestSteps {
  /** There is a connection. */
  connected(): void;
  /** The service has begun to respond. */
  responded(): void;
  failed(failure: AttemptFailure): void;
  /** The request is over, well or given up. */
  finish(): void;
}

/** The steps of a WebSocket's request, where nothing lies between them. */
export class DirectSteps implements RequestSteps {
  readonly #events: StepEvents;

  constructor(events: StepEvents) {
    this.#events = events;
  }

  connected(): void {
    this.#events.onSend();
  }

  responded(): void {
    this.#events.onRespond();
  }

  failed(failure: AttemptFailure): void {
    this.#events.onEnded(failure);
  }

  finish(): void {
    // There is nothing to let go.
  }
}
