// The admin server, and its change to another address: the new server is open before the old one closes.

import { isDeepStrictEqual } from 'node:util';
import { type AdminServer, type AdminState, openAdminServer } from '../admin/admin-server.ts';
import { type Change, NO_CHANGE } from '../config/change.ts';
import type { AdminConfig } from '../config/config.ts';
import { findingOf, UnusableConfig } from '../config/unusable-config.ts';
import type { Logger } from '../observability/logger.ts';

export class AdminPort {
  readonly #state: AdminState;
  readonly #logger: Logger;
  #config: AdminConfig | undefined = undefined;
  #server: AdminServer | undefined = undefined;

  constructor(state: AdminState, logger: Logger) {
    this.#state = state;
    this.#logger = logger;
  }

  /** Opens the new server. Rejects with UnusableConfig, and then nothing has changed. */
  async prepare(config: AdminConfig | undefined): Promise<Change> {
    if (isDeepStrictEqual(config, this.#config)) return NO_CHANGE;
    const server = config === undefined ? undefined : await this.#open(config);
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

  #open(config: AdminConfig): Promise<AdminServer> {
    return openAdminServer(config, this.#state, this.#logger).catch((error: unknown) => {
      throw new UnusableConfig([findingOf(['admin', 'address'], error)]);
    });
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }
}

function ignore(): void {
  // Closing has nothing to report.
}
