// Chooses which test files run and in which order. The slowest begin first, so that the run does not end with one core still at
// work and the others idle.

import { existsSync, globSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Files that take more than five seconds, mostly because they start proxies as processes, slowest first. */
export const SLOW_FILES: readonly string[] = [
  'hostile/hostile.test.ts',
  'faults/process.test.ts',
  'doctor/matrix-config.test.ts',
  'cli/doctor.test.ts',
  'cli/tap-reflection.test.ts',
  'cli/tap-messages.test.ts',
  'doctor/matrix-target.test.ts',
  'doctor/matrix-upstream.test.ts',
  'doctor/silent-services.test.ts',
  'doctor/odd-peers.test.ts',
  'integration/stalled-console.test.ts',
  'integration/dashboard-feed.test.ts',
  'integration/workers-listeners.test.ts',
  'integration/workers-replace.test.ts',
  'integration/workers-call-limits.test.ts',
  'integration/workers-reload.test.ts',
  'integration/stopped-service.test.ts',
  'integration/reload-refused.test.ts',
  'integration/workers-stop.test.ts',
  'seeing/causes.test.ts',
  'scripts/serve-and-prove.test.ts',
  'integration/live-exchanges-http1.test.ts',
  'integration/live-exchanges.test.ts',
  'integration/dns-endpoints.test.ts',
  'integration/load-weights.test.ts',
  'integration/drain.test.ts',
  'integration/traces-restarts.test.ts',
  'integration/traces-endless-answers.test.ts',
  'control/written-config.test.ts',
  'integration/traces-collector.test.ts',
  'integration/traces-exporter.test.ts',
  'integration/traces.test.ts',
  'integration/reload-streams.test.ts',
  'integration/workers-death.test.ts',
  'integration/live-exchange-pages.test.ts',
  'nginx-import/large-sites.test.ts',
  'properties/fuzz.test.ts',
  'integration/reload-certificates.test.ts',
  'service-manager/socket-activation.test.ts',
  'integration/overload-process.test.ts',
  'integration/tls-sessions.test.ts',
  'integration/reload-drain.test.ts',
  'integration/metrics-reload.test.ts',
  'integration/overload.test.ts',
  'integration/policies.test.ts',
  'integration/openapi-answers.test.ts',
  'integration/goaway-storm.test.ts',
  'integration/retry-cases.test.ts',
  'integration/shared-stream-limits.test.ts',
  'health/load-stream.test.ts',
  'integration/hedge-contests.test.ts',
  'integration/hedges.test.ts',
  'workers/first-messages.test.ts',
];

/**
 * Throws if a name is neither a file nor a folder.
 * @param wanted names of files and folders; empty means all test files
 * @returns absolute paths
 */
export function filesToRun(wanted: readonly string[]): readonly string[] {
  const slow = SLOW_FILES.map((name) => join(root, 'test', name));
  const chosen = wanted.length === 0 ? testFilesIn(join(root, 'test')) : wanted.flatMap(testFilesAt);
  const rest = new Set(chosen.toSorted());
  const first = slow.filter((file) => rest.delete(file));
  return [...first, ...rest];
}

function testFilesAt(name: string): readonly string[] {
  const path = resolve(name);
  if (!existsSync(path)) throw new Error(`${name} is no file and no folder`);
  return statSync(path).isDirectory() ? testFilesIn(path) : [path];
}

function testFilesIn(folder: string): readonly string[] {
  return globSync('**/*.test.ts', { cwd: folder }).map((file) => join(folder, file));
}
