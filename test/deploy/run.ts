// `npm run test:deploy [-- --only TEXT]`: what deploy/ and the Dockerfile promise, tried with systemd's and buildah's own
// programs. Installs what it needs where it may. Exit code 1 when a case failed, or when CI=true and one was skipped.
//
// Most cases wait: for a system to boot, for a proxy to cut a silent stream. They run in lanes, each in a process of its own.

import { parseArgs } from 'node:util';
import { runLanes } from '../support/lanes.ts';
import { activationCases } from './activation.ts';
import { makeArchive } from './base-image.ts';
import { bootCases } from './booted-system.ts';
import { type CaseCounts, type DeployCase, installFor, runCases } from './cases.ts';
import { canBeRoot } from './commands.ts';
import { containerCases } from './container.ts';
import { dashboardCases } from './dashboard.ts';
import { doctorCases, longHoldCases } from './doctor/cases.ts';
import { namedPodCases } from './named-pods.ts';
import { prometheusCases } from './prometheus.ts';
import { unitCases } from './units.ts';

const { values: options } = parseArgs({
  options: { only: { type: 'string', default: '' }, lane: { type: 'string' } },
});

/** In one lane is what shares something: Envoy is fetched once, by the first case that needs it. */
const LANES: ReadonlyMap<string, readonly DeployCase[]> = new Map([
  ['a system that runs', [...unitCases, ...bootCases]],
  ['the image', [...containerCases, ...prometheusCases, ...dashboardCases]],
  ['sockets, names, a minute of silence', [...activationCases, ...namedPodCases, ...longHoldCases]],
  ['the doctor', doctorCases],
]);

const lanes = new Map(
  Array.from(
    LANES,
    ([name, cases]) => [name, cases.filter((one) => one.name.includes(options.only))] as const,
  ).filter(([name, cases]) => cases.length > 0 && (options.lane ?? name) === name),
);
const isOk = lanes.size > 1 ? await runAll() : await runOne([...lanes.values()].flat());
process.exit(isOk ? 0 : 1);

async function runAll(): Promise<boolean> {
  const cases = [...lanes.values()].flat();
  await installFor(cases);
  // Made here, because two lanes use it.
  if (canBeRoot() && cases.some((one) => bootCases.includes(one) || containerCases.includes(one)))
    await makeArchive((line) => console.log(`  ${line}`));
  const ends = await runLanes(
    import.meta.filename,
    Array.from(lanes.keys(), (name) => ({ name, args: ['--only', options.only, '--lane', name] })),
  );
  const counts = ends.flatMap(({ messages }) => messages).filter(isCounts);
  const sum = (key: keyof CaseCounts): number => counts.reduce((total, one) => total + one[key], 0);
  console.log(`\nin all: ${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  for (const { name } of ends.filter(({ hasSucceeded }) => !hasSucceeded)) console.log(`FAILED: ${name}`);
  return ends.every(({ hasSucceeded }) => hasSucceeded);
}

async function runOne(cases: readonly DeployCase[]): Promise<boolean> {
  const counts = await runCases(cases);
  const { passed, failed, skipped } = counts;
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  await tellParent(counts);
  return failed === 0 && passed + skipped > 0 && !(process.env['CI'] === 'true' && skipped > 0);
}

/** Resolves once it is sent; at once where nobody listens. */
function tellParent(counts: CaseCounts): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(counts, () => resolve());
  });
}

function isCounts(message: unknown): message is CaseCounts {
  return typeof message === 'object' && message !== null && 'passed' in message;
}
