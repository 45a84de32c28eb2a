// A logger for tests of what does not show in the log.

import type { Logger } from '../../src/observability/logger.ts';

const ignore = (): void => undefined;

export const silentLogger: Logger = {
  level: 'info',
  isLevelEnabled: () => false,
  use: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
  child: () => silentLogger,
};
