// The replacement of all workers by new ones, which run the program as it lies on disk.

import type { Logger } from '../observability/logger.ts';
import type { WorkerPool } from './worker-pool.ts';

export async function replaceAll(pool: WorkerPool, logger: Logger, isDraining: boolean): Promise<void> {
  if (isDraining) {
    logger.warn({}, 'the workers are not replaced: the proxy is draining');
    return;
  }
  logger.info({}, 'replacing the workers one by one, with the program as it lies on disk');
  const replaced = await pool.replaceAll();
  logger.info({ replaced }, 'workers replaced; those before end after their last call');
}
