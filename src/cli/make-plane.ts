// Creates what carries the calls of `framegate serve`: this process, or workers that it starts. Only the one in use is loaded.

import type { Config } from '../config/config.ts';
import type { Plane } from '../plane/plane.ts';
import { workerCount } from '../workers/worker-count.ts';
import type { OpenLog } from './open-log.ts';

const STDOUT = 1;

export interface CarryingPlane {
  readonly plane: Plane;
  /** Replaces the workers with new ones that run the program on disk. Undefined if this process carries the calls itself. */
  readonly replaceWorkers: (() => Promise<void>) | undefined;
  /** Lets the workers open the file of the log again. */
  readonly reopenWorkersLogs: () => void;
  /** Kills all workers at once. */
  readonly kill: () => void;
}

/** Rejects with UnusableConfig if the TLS files of upstreams cannot be used. */
export async function makePlane(
  config: Config,
  { logger, destination, complaints, logFile }: OpenLog,
): Promise<CarryingPlane> {
  const workers = workerCount(config);
  if (workers > 1) {
    const { WorkersPlane } = await import('../workers/workers-plane.ts');
    const { forkWorker } = await import('../workers/fork-worker.ts');
    const plane = new WorkersPlane({
      workers,
      logger,
      log: destination,
      complaints,
      logFile: logFile?.path,
      fork: () => forkWorker(logFile?.fd ?? STDOUT),
    });
    return {
      plane,
      replaceWorkers: () => plane.replaceWorkers(),
      reopenWorkersLogs: () => plane.reopenLog(),
      kill: () => plane.kill(),
    };
  }
  const { DataPlane } = await import('../plane/data-plane.ts');
  const plane = new DataPlane({ config, logger, destination });
  plane.ticketKeys.startRotation();
  return { plane, replaceWorkers: undefined, reopenWorkersLogs: () => undefined, kill: () => undefined };
}
