// The only use of the package http2-proxy. The package takes a request through its steps: it sends the request once there is a connection,
// takes the response, and releases everything when either side ends. It never gets an object that carries bytes of a peer.
// docs/decisions/0003 lists what it would do wrong with those; for each item there is a guard here, and a test of the same name.

import library from 'http2-proxy';
import { ClientSide, ServiceResponse, ServiceSide } from './proxy-stand-ins.ts';
import type { AttemptFailure, RequestSteps, StepEvents } from './request-steps.ts';

/** Wraps a function that the package calls. An error thrown by it ends this request only. */
export type Guard = <Values extends readonly unknown[]>(
  listener: (...values: Values) => void,
) => (...values: Values) => void;

interface LibraryParties {
  readonly req: ClientSide;
  readonly res: ClientSide;
}

type OnRequest = () => ServiceSide;

/** The package exports a function, as its README says. Its types describe exports that do not exist. */
function proxy(parties: LibraryParties, onRequest: OnRequest, onResponse: () => void): Promise<void> {
  const start: unknown = library;
  if (typeof start !== 'function') throw new TypeError('http2-proxy exports no function');
  const done: Promise<void> = Reflect.apply(start, undefined, [parties, onRequest, onResponse]);
  return done;
}

export class ProxySteps implements RequestSteps {
  readonly #events: StepEvents;
  readonly #clientSide = new ClientSide();
  readonly #serviceSide: ServiceSide;
  #isOver = false;

  constructor(guard: Guard, events: StepEvents) {
    this.#events = events;
    const sendOnce = guard((): void => {
      if (!this.#isOver) events.onSend();
    });
    this.#serviceSide = new ServiceSide(sendOnce);
    // The package would catch an error thrown here and continue as if there had been a response.
    const onResponse = guard((): void => {
      if (!this.#isOver) events.onRespond();
    });
    const parties = { req: this.#clientSide, res: this.#clientSide };
    proxy(parties, () => this.#serviceSide, onResponse).then(
      guard(() => this.#settle(undefined)),
      guard((error: unknown) => this.#settle(error)),
    );
  }

  connected(): void {
    this.#serviceSide.connect();
  }

  responded(): void {
    this.#serviceSide.tell('response', new ServiceResponse());
  }

  failed(failure: AttemptFailure): void {
    const error = new AttemptError(failure);
    // The package attaches its listeners only when the code that began the request has ended.
    if (!this.#serviceSide.tell('error', error)) this.#settle(error);
  }

  finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#clientSide.end();
  }

  /** Called when the package has let everything go, or never took the request. Ignored after finish(). */
  #settle(error: unknown): void {
    if (this.#isOver) return;
    this.finish();
    this.#events.onEnded(error instanceof AttemptError ? error.failure : UNEXPECTED);
  }
}

/** Carries a failure through the package, which adds properties to it. */
class AttemptError extends Error {
  readonly failure: AttemptFailure;

  constructor(failure: AttemptFailure) {
    super(failure.code ?? 'closed');
    this.failure = failure;
  }
}

/** The package has ended a request by itself. */
const UNEXPECTED: AttemptFailure = {
  code: undefined,
  reason: undefined,
  isConnected: true,
  isReused: false,
  hasBegun: true,
};
