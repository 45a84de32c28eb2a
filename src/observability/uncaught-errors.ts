// What nobody caught is a fault of ours: it is told, and the process ends so that its supervisor starts a fresh one.

import type { LogDestination } from './log-destination.ts';
import type { Logger } from './logger.ts';

/** EX_SOFTWARE of sysexits.h. */
export const FAULT_EXIT_CODE = 70;

/** @param beforeEnd called first, while Node still knows at whose event it happened */
export function dieLoudly(
  logger: Logger,
  destination: LogDestination,
  beforeEnd: () => void = () => undefined,
): void {
  const die = (err: unknown) => {
    beforeEnd();
    logger.fatal({ err }, 'uncaught error: the process ends; please report this');
    // The one line that has to be read.
    if (destination.flushSync() > 0) process.stderr.write(`framegate: ${describe(err)}\n`);
    process.exit(FAULT_EXIT_CODE);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
