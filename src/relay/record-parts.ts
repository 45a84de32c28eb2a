// What observers keep of the requests on one connection that differ only in what no record shows: a request whose metadata are new
// need not be rendered anew for the log.

import type { ExchangeSubject, KeptBySlot } from '../calls/exchange-record.ts';

type SubjectNames = Pick<ExchangeSubject, 'authority' | 'method' | 'route' | 'upstream'>;

export class RecordParts {
  readonly kept: KeptBySlot = [];
  readonly #authority: string;
  readonly #method: string;
  readonly #route: string;
  readonly #upstream: string;

  constructor({ authority, method, route, upstream }: SubjectNames) {
    this.#authority = authority;
    this.#method = method;
    this.#route = route;
    this.#upstream = upstream;
  }

  /** Whether they are those of this head; its listener and client are the connection's. */
  fit({ authority, method, route, upstream }: SubjectNames): boolean {
    return (
      this.#method === method &&
      this.#authority === authority &&
      this.#route === route &&
      this.#upstream === upstream
    );
  }
}
