// Ends the process at an uncaught error. Such an error is a bug in Framegate: it is logged, and the supervisor starts a new process.

import type { LogDestination } from './log-destination.ts';
import type { Logger } from './logger.ts';
import { tellOnStandardError } from './standard-error.ts';

/** EX_SOFTWARE in sysexits.h. */
export const FAULT_EXIT_CODE = 70;

/** @param beforeEnd called first, while the async context still tells in whose event the error happened */
export function dieLoudly(
  logger: Logger,
  destination: LogDestination,
  beforeEnd: () => void = () => undefined,
): void {
  const die = (err: unknown) => {
    beforeEnd();
    logger.fatal({ err }, 'uncaught error: the process ends; please report this');
    // This line must reach a person, so it goes to standard error if the log lost it.
    if (destination.flushSync() > 0) tellOnStandardError(`framegate: ${describe(err)}`);
    process.exit(FAULT_EXIT_CODE);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
