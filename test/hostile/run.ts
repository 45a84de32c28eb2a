// `npm run test:hostile`: mounts every attack of docs/threat-model.md on proxy processes, and prints what came of it and
// what others noticed. Fails when any attack has another end than promised. Arguments choose attacks by their text.
//
// Most attacks are over in a moment and then wait for the proxy to close, so that several lanes run side by side. Attacks that take as
// much as the proxy can serve are mounted in the end, one at a time and on one lane.

import { allAttacks } from './all-attacks.ts';
import type { Attack } from './attack.ts';
import { Lane, printRow } from './lane.ts';

/** Lanes with one attack at a time. One more has the attacks that wait for time limits, and those on workers. */
const BRIEF_LANES = 2;

const wanted = process.argv.slice(2).map((text) => text.toLowerCase());
const chosen = allAttacks.filter(({ id, name, rule }) => {
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
    withLane(1, (lane) => lane.runAll(nextBrief)),
  ),
  runSlow().then(runFatal),
]);
const alone = saturating.length === 0 ? [] : [await withLane(1, runSaturating)];
const outcomes = [...results.flat(), ...alone];
const mounted = outcomes.reduce((sum, outcome) => sum + outcome.mounted, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0);
console.log(`\n${mounted - failed} of ${mounted} attacks ended as promised, in ${seconds} s`);
process.exitCode = failed === 0 && mounted === chosen.length + fatal.length && chosen.length > 0 ? 0 : 1;

/** Each attack of it goes to the lane that asks first. */
function queueOf(attacks: readonly Attack[]): () => Attack | undefined {
  const waiting = attacks.values();
  return () => waiting.next().value;
}

async function runSlow(): Promise<Lane | undefined> {
  return slow.length === 0 ? undefined : withLane(1, (lane) => lane.runTogether(slow));
}

/** Where one worker dies another takes its place, and only the process ids tell. */
async function runFatal(before: Lane | undefined): Promise<readonly Lane[]> {
  const done = before === undefined ? [] : [before];
  if (fatal.length === 0) return done;
  return [...done, await withLane(2, (lane) => lane.runAll(queueOf(fatal)))];
}

async function runSaturating(lane: Lane): Promise<void> {
  await lane.runAll(queueOf(saturating));
  const { first, last: now } = lane.memoryMiB;
  console.log(`\nmemory of the proxy: ${first.toFixed(0)} MiB at first, ${now.toFixed(0)} MiB in the end`);
}

async function withLane(workers: number, work: (lane: Lane) => Promise<void>): Promise<Lane> {
  const lane = await Lane.open(workers);
  try {
    await work(lane);
  } finally {
    await lane.close();
  }
  return lane;
}
