// What happens to listeners, clients and upstreams, as lines of the log. Exchanges have their own record.

import type { ConnectionError, StreamError } from '../h2/errors.ts';
import type { Refusal } from '../listeners/refusal.ts';
import type { LogFields, Logger } from '../observability/logger.ts';
import type { Upstream } from '../upstreams/upstream.ts';

/** The same thing from the same peer is said once in this time. */
const REPEAT_AFTER_MS = 60_000;
const MOST_REMEMBERED = 4096;

export class ProcessLog {
  readonly #logger: Logger;
  readonly #saidAtMs = new Map<string, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  refused(refusal: Refusal): void {
    const { sentence, routine, ...fields } = refusal;
    if (routine) this.#logger.debug(fields, sentence);
    else if (this.#isNews(`${refusal.token} ${hostOf(refusal.client)}`)) this.#logger.warn(fields, sentence);
  }

  violation(client: string, error: ConnectionError | StreamError): void {
    if (this.#isOurs({ client }, error) || !this.#isNews(`${error.token} ${hostOf(client)}`)) return;
    this.#logger.warn({ client, token: error.token }, `a client broke a rule of HTTP/2: ${error.message}`);
  }

  /** A fault of ours, not of the peer: always told, with its cause. */
  #isOurs(fields: LogFields, error: ConnectionError | StreamError): boolean {
    if (error.token !== 'internal_error') return false;
    this.#logger.error(
      { ...fields, err: error.cause },
      'internal error: the connection was closed; please report this',
    );
    return true;
  }

  upstreamEvents(name: string): ConstructorParameters<typeof Upstream>[2] {
    const logger = this.#logger;
    return {
      onConnected: (endpoint) =>
        logger.info({ upstream: name, endpoint: endpoint.address.text }, 'connected to the endpoint'),
      onConnectFailed: (endpoint, diagnosis) => {
        const fields = { upstream: name, endpoint: endpoint.address.text, token: diagnosis.token };
        if (this.#isNews(`${diagnosis.token} ${endpoint.address.text}`))
          logger.warn(fields, diagnosis.sentence);
      },
      onRetired: (endpoint, reason) =>
        logger.info(
          { upstream: name, endpoint: endpoint.address.text },
          `a connection to the endpoint takes no more calls: ${reason}`,
        ),
      onViolation: (endpoint, error) => {
        const fields = { upstream: name, endpoint: endpoint.address.text };
        if (this.#isOurs(fields, error) || !this.#isNews(`${error.token} ${endpoint.address.text}`)) return;
        const message = `an upstream broke a rule of HTTP/2: ${error.message}`;
        logger.warn({ ...fields, token: error.token }, message);
      },
    };
  }

  #isNews(key: string): boolean {
    const nowMs = performance.now();
    const saidAtMs = this.#saidAtMs.get(key);
    if (saidAtMs !== undefined && nowMs - saidAtMs < REPEAT_AFTER_MS) return false;
    if (this.#saidAtMs.size >= MOST_REMEMBERED) this.#saidAtMs.clear();
    this.#saidAtMs.set(key, nowMs);
    return true;
  }
}

/** Without the port, which differs with every connection. */
function hostOf(client: string): string {
  return client.slice(0, client.lastIndexOf(':'));
}
