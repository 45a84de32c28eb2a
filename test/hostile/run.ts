// `npm run test:hostile`: mounts every attack of docs/threat-model.md on proxy processes, and prints what came of it and
// what others noticed. Fails when any attack has another end than promised. Arguments choose attacks by their text.
//
// With --again, for CI on machines that are shared, attacks that failed are mounted once more in the end, alone, each on a proxy of
// its own, and have to end as promised then. Those that ended a process are not, nor are more than three: chance explains neither.
// With --long, those are left out that `npm test` mounts as well.
//
// Most attacks are over in a moment and then wait for the proxy to close, so that several lanes run side by side. Attacks that take as
// much as the proxy can serve are mounted in the end, one at a time and on one lane.

import { parseArgs } from 'node:util';
import { allAttacks } from './all-attacks.ts';
import type { Attack } from './attack.ts';
import { Lane, printRow } from './lane.ts';
import type { TimeLimits } from './stage-config.ts';

/** Lanes with one attack at a time. One more has the attacks that wait for time limits, and those on workers. */
const BRIEF_LANES = 2;

const MOST_AGAIN = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { again: { type: 'boolean', default: false }, long: { type: 'boolean', default: false } },
});
const wanted = positionals.map((text) => text.toLowerCase());
const chosen = allAttacks.filter(({ id, name, rule, isShort }) => {
  if (values.long && isShort === true) return false;
  const text = `${id} ${name} ${rule}`.toLowerCase();
  return wanted.length === 0 || wanted.some((part) => text.includes(part));
});
const slow = chosen.filter(({ isSlow }) => isSlow === true);
const saturating = chosen.filter(({ isSaturating }) => isSaturating === true);
const fatal = chosen.filter(({ isFatal }) => isFatal === true);
const brief = chosen.filter((attack) => !slow.includes(attack) && !saturating.includes(attack));

const startedAtMs = performance.now();
printRow(['', 'attack', 'slowdown', 'worst', 'memory', 'kept', 'same pid', 'took', 'reaction [rule]']);
const nextBrief = queueOf(brief);
const results = await Promise.all([
  ...Array.from({ length: Math.min(BRIEF_LANES, brief.length) }, () =>
    withLane(1, 'long', (lane) => lane.runAll(nextBrief)),
  ),
  runSlow().then(runFatal),
]);
const alone = saturating.length === 0 ? [] : [await withLane(1, 'long', runSaturating)];
const outcomes = [...results.flat(), ...alone];
const mounted = outcomes.reduce((sum, outcome) => sum + outcome.mounted, 0);
const deaths = outcomes.reduce((sum, outcome) => sum + outcome.deaths, 0);
const failures = outcomes.flatMap(({ failed, workers }) =>
  [...new Set(failed)].map((attack) => ({ attack, workers })),
);
const failed = values.again ? await failedAgain() : failures.length;
const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0);
console.log(`\n${mounted - failed - deaths} of ${mounted} attacks ended as promised, in ${seconds} s`);
const isComplete = mounted === chosen.length + fatal.length && chosen.length > 0;
process.exitCode = failed === 0 && deaths === 0 && isComplete ? 0 : 1;

/** @returns how many of the failed attacks failed again */
async function failedAgain(): Promise<number> {
  if (failures.length > MOST_AGAIN || deaths > 0) return failures.length;
  let failedTwice = 0;
  for (const { attack, workers } of failures) {
    console.log(`\nmounted again, alone: ${attack.id} ${attack.name}`);
    const timeLimits = attack.isSlow === true ? 'default' : 'long';
    const lane = await withLane(workers, timeLimits, (opened) => opened.runAll(queueOf([attack])));
    failedTwice += lane.failed.length + lane.deaths;
  }
  return failedTwice;
}

/** Each attack of it goes to the lane that asks first. */
function queueOf(attacks: readonly Attack[]): () => Attack | undefined {
  const waiting = attacks.values();
  return () => waiting.next().value;
}

async function runSlow(): Promise<Lane | undefined> {
  return slow.length === 0 ? undefined : withLane(1, 'default', (lane) => lane.runTogether(slow));
}

/** Where one worker dies another takes its place, and only the process ids tell. */
async function runFatal(before: Lane | undefined): Promise<readonly Lane[]> {
  const done = before === undefined ? [] : [before];
  if (fatal.length === 0) return done;
  return [...done, await withLane(2, 'long', (lane) => lane.runAll(queueOf(fatal)))];
}

async function runSaturating(lane: Lane): Promise<void> {
  await lane.runAll(queueOf(saturating));
  const { first, last: now } = lane.memoryMiB;
  console.log(`\nmemory of the proxy: ${first.toFixed(0)} MiB at first, ${now.toFixed(0)} MiB in the end`);
}

async function withLane(
  workers: number,
  timeLimits: TimeLimits,
  work: (lane: Lane) => Promise<void>,
): Promise<Lane> {
  const lane = await Lane.open(workers, timeLimits);
  try {
    await work(lane);
  } finally {
    await lane.close();
  }
  return lane;
}
