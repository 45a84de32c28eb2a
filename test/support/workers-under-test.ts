// A plane of real worker processes whose primary is the process of the test, which allows a test to add a source.

import { fork } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { Proxy } from '../../src/control/proxy.ts';
import { LogComplaints } from '../../src/observability/log-complaints.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import type { Source } from '../../src/sources/source.ts';
import { WorkersPlane } from '../../src/workers/workers-plane.ts';
import { silentLogger } from './silent-logger.ts';

const mainFile = join(import.meta.dirname, '../../src/main.ts');

export interface WorkersUnderTest {
  readonly proxy: Proxy;
  readonly plane: WorkersPlane;
}

/** Starts the plane and its control. The log goes to a file that no test reads. */
export async function startWorkers(
  t: TestContext,
  config: Config,
  workers: number,
  sources: readonly Source[],
): Promise<WorkersUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-workers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const logFd = openSync(join(folder, 'log'), 'a');
  t.after(() => closeSync(logFd));
  const complaints = new LogComplaints();
  const log = new LogDestination({ fd: logFd, complaints });
  const plane = new WorkersPlane({
    workers,
    logger: silentLogger,
    log,
    complaints,
    fork: () =>
      fork(mainFile, ['worker'], {
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'inherit', 'ipc', logFd],
      }),
  });
  t.after(() => plane.kill());
  const proxy = await Proxy.start(plane, config, silentLogger, { sources });
  t.after(() => proxy.drain());
  return { proxy, plane };
}
