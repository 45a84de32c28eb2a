// `npm run test:hostile`: mounts every attack of docs/threat-model.md on a proxy process, and prints what came of it and
// what others noticed. Fails when any attack has another end than promised. Arguments choose attacks by their text.

import { allAttacks } from './all-attacks.ts';
import type { Attack } from './attack.ts';
import { assertHarmless, type Measurement, MOST_GROWTH_TOGETHER_MIB, measure } from './measured-attack.ts';
import { pause, Stage } from './stage.ts';

const wanted = process.argv.slice(2).map((text) => text.toLowerCase());
const chosen = allAttacks.filter(({ id, name, rule }) => {
  const text = `${id} ${name} ${rule}`.toLowerCase();
  return wanted.length === 0 || wanted.some((part) => text.includes(part));
});
const SETTLE_MS = 300;
const startedAtMs = performance.now();
let failed = 0;

function printRow(cells: readonly string[]): void {
  const widths = [4, 76, 10, 9, 9, 8, 8, 8];
  console.log(
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function printResult({ id, name, rule }: Attack, result: Measurement): void {
  const { slowdown, worstMs, growthMiB, keptMiB, hasSamePids, seconds, reaction } = result;
  printRow([
    id,
    name,
    Number.isNaN(slowdown) ? 'brief' : `${slowdown.toFixed(1)}x`,
    `${worstMs.toFixed(0)} ms`,
    `${growthMiB.toFixed(1)} MiB`,
    `${keptMiB.toFixed(1)} MiB`,
    hasSamePids ? 'yes' : 'NO',
    `${seconds.toFixed(1)} s`,
    `${reaction} [${rule}]`,
  ]);
}

async function run(attack: Attack, mostGrowthMiB?: number): Promise<void> {
  if (!stage.hasSamePids) {
    // Another process is not to be blamed for the death of the last one.
    await stage.close();
    stage = await Stage.open(workers);
  }
  try {
    const result = await measure(stage, attack);
    printResult(attack, result);
    assertHarmless(result, mostGrowthMiB);
  } catch (error) {
    failed++;
    // A refused connection is known earlier than the end of the process that refuses it.
    await pause(SETTLE_MS);
    const end = stage.hasSamePids ? '' : 'A PROCESS OF THE PROXY HAS ENDED; ';
    const text = error instanceof Error ? error.message : String(error);
    console.log(`FAILED ${attack.id} ${attack.name}: ${end}${text.slice(0, 2000)}`);
  }
}

let workers = 1;
let stage = await Stage.open();
const fatal = chosen.filter(({ isFatal }) => isFatal === true);
try {
  await runAll();
} finally {
  await stage.close();
}
if (fatal.length > 0) await runWithWorkers(fatal);
const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0);
const mounted = chosen.length + fatal.length;
console.log(`\n${mounted - failed} of ${mounted} attacks ended as promised, in ${seconds} s`);
process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;

/** Where one worker dies another takes its place, and only the process ids tell. */
async function runWithWorkers(attacks: readonly Attack[]): Promise<void> {
  console.log('\nwith two workers:');
  workers = 2;
  stage = await Stage.open(workers);
  try {
    for (const attack of attacks) await run(attack);
  } finally {
    await stage.close();
  }
}

async function runAll(): Promise<void> {
  printRow(['', 'attack', 'slowdown', 'worst', 'memory', 'kept', 'same pid', 'took', 'reaction [rule]']);
  const slow = chosen.filter(({ isSlow }) => isSlow === true);
  const saturating = chosen.filter(({ isSaturating }) => isSaturating === true);
  for (const attack of chosen) {
    if (!slow.includes(attack) && !saturating.includes(attack)) await run(attack);
  }
  if (slow.length > 0) await runTogether(slow);
  for (const attack of saturating) await run(attack);
  const last = stage.residentMiB;
  console.log(
    `\nmemory of the proxy: ${stage.coldMiB.toFixed(0)} MiB at first, ${last.toFixed(0)} MiB in the end`,
  );
}

/** Time limits of half a minute pass for all of them at once. */
async function runTogether(attacks: readonly Attack[]): Promise<void> {
  const reactions: string[] = [];
  const all: Attack = {
    id: '',
    name: `${attacks.length} attacks at the same time, by time:`,
    rule: attacks.map(({ rule }) => rule).join(', '),
    async mount(at) {
      const outcomes = await Promise.allSettled(
        attacks.map(async (attack) => {
          reactions.push(
            `${attack.id.padEnd(4)}  ${attack.name}: ${await attack.mount(at)} [${attack.rule}]`,
          );
        }),
      );
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') continue;
        failed++;
        console.log(`FAILED ${attacks[index].id} ${attacks[index].name}: ${String(outcome.reason)}`);
      }
      return 'together';
    },
  };
  await run(all, MOST_GROWTH_TOGETHER_MIB);
  for (const line of reactions) console.log(line);
}
