// A row of bench/seeing.ts: what metrics and access log together cost a call, over a call with neither. Calls run in their exchange alone, in
// batches by turns with and without; the log is written to /dev/null, and its writes count.

import { openSync } from 'node:fs';
import { RequestIds } from '../../src/calls/request-id.ts';
import { AccessLog } from '../../src/observability/access-log.ts';
import { ExchangeMetrics } from '../../src/observability/exchange-metrics.ts';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { CALLS, sceneWith } from '../micro/call-scene.ts';

const MOST_NS = 900;
const BATCHES = 1500;
const REPEATS = 10;
const WARM_UP = 300;

const destination = new LogDestination({ fd: openSync('/dev/null', 'w') });
const logger = { isLevelEnabled: () => true, info: () => undefined };
const accessLog = new AccessLog({ destination, logger, requestIds: new RequestIds() });
const without = sceneWith({ observers: [] });
const withBoth = sceneWith({ observers: [new ExchangeMetrics(), accessLog] });

/** @returns nanoseconds for each call */
function timeOf(scene: () => void): number {
  const begin = process.hrtime.bigint();
  for (let repeat = 0; repeat < REPEATS; repeat++) scene();
  destination.flush();
  return Number(process.hrtime.bigint() - begin) / (REPEATS * CALLS);
}

function tenthPercentile(samples: readonly number[]): number {
  return samples.toSorted((one, other) => one - other)[Math.floor(samples.length / 10)];
}

const samples: { readonly without: number[]; readonly withBoth: number[] } = { without: [], withBoth: [] };
for (let batch = 0; batch < WARM_UP + BATCHES; batch++) {
  const pair = [timeOf(without), timeOf(withBoth)];
  // Writes that the kernel has not taken yet must not pile up: records would be dropped, which costs nothing.
  await new Promise((resolve) => setImmediate(resolve));
  if (batch < WARM_UP) continue;
  samples.without.push(pair[0]);
  samples.withBoth.push(pair[1]);
}
const [off, on] = [tenthPercentile(samples.without), tenthPercentile(samples.withBoth)];
const isKept = on - off <= MOST_NS;
console.log(
  `metrics and access log: ${off.toFixed(0)} ns per call without, ${on.toFixed(0)} with both: ${(on - off).toFixed(0)} ns more (at most ${MOST_NS}): ${isKept ? 'kept' : 'MISSED'}; ${destination.droppedRecords} records dropped`,
);
process.exit(isKept ? 0 : 1);
