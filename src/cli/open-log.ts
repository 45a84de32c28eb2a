// Opens the log of `framegate serve`: standard output, or the file of `log.file`.

import type { LoadedConfig } from '../config/load-config.ts';
import { logFileFinding } from '../config/log-file-checks.ts';
import { UnusableConfig } from '../config/unusable-config.ts';
import { LogComplaints } from '../observability/log-complaints.ts';
import { LogDestination } from '../observability/log-destination.ts';
import { LogFile, openLogFile } from '../observability/log-file.ts';
import { createLogger, type Logger } from '../observability/logger.ts';
import { workerCount } from '../workers/worker-count.ts';

const STDOUT = 1;

export interface OpenLog {
  readonly logger: Logger;
  readonly destination: LogDestination;
  /** Of this process and all others that write to the same log. */
  readonly complaints: LogComplaints;
  /** Undefined for standard output. */
  readonly logFile: LogFile | undefined;
}

/** Throws UnusableConfig if the file cannot be opened. */
export function openLog({ config }: LoadedConfig): OpenLog {
  const path = config.log.file;
  const fd = path === undefined ? STDOUT : openNamed(path);
  const complaints = new LogComplaints();
  const destination = new LogDestination({ fd, isShared: workerCount(config) > 1, complaints });
  const logger = createLogger(config.log, destination);
  const logFile = path === undefined ? undefined : new LogFile({ path, fd, destination, logger });
  return { logger, destination, complaints, logFile };
}

function openNamed(path: string): number {
  try {
    return openLogFile(path);
  } catch (error) {
    throw new UnusableConfig([logFileFinding(error instanceof Error ? error.message : String(error))]);
  }
}
