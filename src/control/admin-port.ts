// The admin server, and its change to another address or token: a new server is open before the old one closes.

import { isDeepStrictEqual } from 'node:util';
import { AdminCounts } from '../admin/admin-counts.ts';
import type { AdminState } from '../admin/admin-pages.ts';
import { type AdminServer, openAdminServer } from '../admin/admin-server.ts';
import { readAdminToken } from '../config/admin-token.ts';
import { type Change, NO_CHANGE } from '../config/change.ts';
import type { AdminConfig } from '../config/config.ts';
import { findingOf, UnusableConfig } from '../config/unusable-config.ts';
import type { Logger } from '../observability/logger.ts';

export class AdminPort {
  readonly counts = new AdminCounts();
  readonly #state: AdminState;
  readonly #logger: Logger;
  #config: AdminConfig | undefined = undefined;
  #server: AdminServer | undefined = undefined;

  constructor(state: AdminState, logger: Logger) {
    this.#state = state;
    this.#logger = logger;
  }

  /** Reads the token, and opens the new server. Rejects with UnusableConfig, and then nothing has changed. */
  async prepare(config: AdminConfig | undefined): Promise<Change> {
    if (config === undefined && this.#config === undefined) return NO_CHANGE;
    const token = config && tokenOf(config);
    if (config !== undefined && isDeepStrictEqual(config.address, this.#config?.address)) {
      return {
        commit: () => {
          this.#config = config;
          this.#server?.useToken(token);
        },
        discard: ignore,
      };
    }
    const server = config === undefined ? undefined : await this.#open(config, token);
    return {
      commit: () => {
        const old = this.#server;
        this.#server = server;
        this.#config = config;
        if (server !== undefined) this.#logger.info({ address: server.address.text }, 'admin server listens');
        old?.close().catch(ignore);
      },
      discard: async () => server?.close(),
    };
  }

  #open({ address }: AdminConfig, token: string | undefined): Promise<AdminServer> {
    return openAdminServer({ address, token, counts: this.counts }, this.#state, this.#logger).catch(
      (error: unknown) => {
        throw new UnusableConfig([findingOf(['admin', 'address'], error)]);
      },
    );
  }

  /** Must be called when the proxy is not ready any more. */
  readinessChanged(): void {
    this.#server?.readinessChanged();
  }

  /** Must be called when an upstream has lost its last endpoint. */
  upstreamIsOut(upstream: string): void {
    this.#server?.upstreamIsOut(upstream);
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}

function tokenOf({ token: source }: AdminConfig): string | undefined {
  if (source === undefined) return undefined;
  const read = readAdminToken(source);
  if ('token' in read) return read.token;
  const { message, hint } = read;
  throw new UnusableConfig([
    { severity: 'error', path: ['admin', 'token', source.kind], at: 'value', message, hint },
  ]);
}

function ignore(): void {
  // Neither closing nor leaving a server as it is has anything to report.
}
