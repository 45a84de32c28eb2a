// `npm run test:hostile`: mounts every attack of docs/threat-model.md on a proxy process, and prints what came of it and
// what others noticed. Fails when any attack has another end than promised. An argument chooses attacks by their text.

import { allAttacks } from './all-attacks.ts';
import type { Attack } from './attack.ts';
import { assertHarmless, type Measurement, measure } from './measured-attack.ts';
import { Stage } from './stage.ts';

const wanted = process.argv[2]?.toLowerCase() ?? '';
const chosen = allAttacks.filter(({ id, name, rule }) =>
  `${id} ${name} ${rule}`.toLowerCase().includes(wanted),
);
const startedAtMs = performance.now();
let failed = 0;

function printRow(cells: readonly string[]): void {
  const widths = [4, 76, 10, 9, 9, 8, 8];
  console.log(
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function printResult({ id, name, rule }: Attack, result: Measurement): void {
  const { slowdown, worstMs, growthMiB, keptMiB, seconds, reaction } = result;
  printRow([
    id,
    name,
    Number.isNaN(slowdown) ? 'brief' : `${slowdown.toFixed(1)}x`,
    `${worstMs.toFixed(0)} ms`,
    `${growthMiB.toFixed(1)} MiB`,
    `${keptMiB.toFixed(1)} MiB`,
    `${seconds.toFixed(1)} s`,
    `${reaction} [${rule}]`,
  ]);
}

async function run(stage: Stage, attack: Attack): Promise<void> {
  try {
    const result = await measure(stage, attack);
    printResult(attack, result);
    assertHarmless(result);
  } catch (error) {
    failed++;
    const text = error instanceof Error ? error.message : String(error);
    console.log(`FAILED ${attack.id} ${attack.name}: ${text.slice(0, 2000)}`);
  }
}

const stage = await Stage.open();
try {
  await runAll(stage);
} finally {
  await stage.close();
}
const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0);
console.log(`\n${chosen.length - failed} of ${chosen.length} attacks ended as promised, in ${seconds} s`);
process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;

async function runAll(at: Stage): Promise<void> {
  printRow(['', 'attack', 'slowdown', 'worst', 'memory', 'kept', 'took', 'reaction [rule]']);
  const slow = chosen.filter(({ isSlow }) => isSlow === true);
  const saturating = chosen.filter(({ isSaturating }) => isSaturating === true);
  for (const attack of chosen) {
    if (!slow.includes(attack) && !saturating.includes(attack)) await run(at, attack);
  }
  if (slow.length > 0) await runTogether(at, slow);
  for (const attack of saturating) await run(at, attack);
  const last = at.residentMiB;
  console.log(
    `\nmemory of the proxy: ${at.coldMiB.toFixed(0)} MiB at first, ${last.toFixed(0)} MiB in the end`,
  );
}

/** Time limits of half a minute pass for all of them at once. */
async function runTogether(onStage: Stage, attacks: readonly Attack[]): Promise<void> {
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
  await run(onStage, all);
  for (const line of reactions) console.log(line);
}
