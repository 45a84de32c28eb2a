// The level of the log, read and changed while the proxy runs. A change is for this process and all that carry calls. It lasts until the next
// reload that is put to use, or until the process ends, and then the level of the configuration is in force again.

import type { AdminReply } from '../admin/admin-reply.ts';
import { LOG_LEVELS, type LogLevel } from '../config/log-config.ts';
import type { Logger } from '../observability/logger.ts';
import type { Plane } from '../plane/plane.ts';

export class LogLevelApi {
  readonly #logger: Logger;
  readonly #plane: Pick<Plane, 'setLogLevel'>;

  constructor(logger: Logger, plane: Pick<Plane, 'setLogLevel'>) {
    this.#logger = logger;
    this.#plane = plane;
  }

  read(): AdminReply {
    return { status: 200, body: { level: this.#logger.level } };
  }

  /**
   * @param text the body of the request
   * @param client who asks
   */
  write(text: string, client: string): AdminReply {
    const level = levelIn(text);
    if (level === undefined) {
      const error = `the body must be {"level": "LEVEL"}, with one of ${LOG_LEVELS.join(', ')}`;
      return { status: 400, body: { error } };
    }
    const before = this.#logger.level;
    const fields = { client, from: before, to: level };
    // A line about a change that makes the log quieter is written before it.
    const tell = (): void =>
      this.#logger.warn(fields, 'the level of the log is changed until the next reload');
    if (this.#logger.isLevelEnabled('warn')) tell();
    this.#logger.level = level;
    this.#plane.setLogLevel(level);
    return { status: 200, body: { level, before } };
  }
}

function levelIn(text: string): LogLevel | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof body !== 'object' || body === null || !('level' in body)) return undefined;
  return LOG_LEVELS.find((level) => level === body.level);
}
