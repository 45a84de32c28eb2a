// Mounts an attack and measures what it does to others: the bystander's calls, and the memory of the proxy.

import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import type { Attack } from './attack.ts';
import { pause, type Stage } from './stage.ts';

/** Garbage included, which V8 does not collect yet (docs/decisions/0014). */
const MOST_GROWTH_MIB = 64;
/** Of attacks that are mounted at the same time, and of those that saturate the proxy: the garbage of much work is there at once. */
export const MOST_GROWTH_TOGETHER_MIB = 96;
const MOST_KEPT_MIB = 8;
/** By the median of calls, where there were enough of them to speak of one. */
const MOST_SLOWDOWN = 20;
const FEWEST_CALLS = 20;
/** A median below this is no harm, however fast calls were before. */
const BEARABLE_MS = 100;
const MOST_WAIT_MS = 2000;
const SAMPLE_MS = 20;
const QUIET_MS = 250;
/** For what the attackers left to be cleared away. */
const RECOVERY_MS = 30_000;
const ASK_EVERY_MS = 500;

export interface Measurement {
  readonly reaction: string;
  readonly calls: number;
  /** Median of the bystander's calls during the attack by that before; NaN where there were too few. */
  readonly slowdown: number;
  readonly medianMs: number;
  readonly worstMs: number;
  /** Of the resident memory, at most. */
  readonly growthMiB: number;
  /** Of the memory in use, afterwards. */
  readonly keptMiB: number;
  /** No process of the proxy has ended. */
  readonly hasSamePids: boolean;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export async function measure(stage: Stage, attack: Pick<Attack, 'mount' | 'rule'>): Promise<Measurement> {
  const tokens = tokensIn(attack.rule);
  const countedBefore = await stage.counted(tokens);
  const heldBefore = await stage.heldMiB();
  await stage.bystanderReport();
  await pause(QUIET_MS);
  const before = await stage.bystanderReport();
  const residentBefore = stage.residentMiB;
  const cpuBefore = stage.cpuSeconds;
  const startedAtMs = performance.now();
  let mostResident = residentBefore;
  const sampling = setInterval(() => {
    mostResident = Math.max(mostResident, stage.residentMiB);
  }, SAMPLE_MS);
  let reaction: string;
  try {
    reaction = await attack.mount(stage);
    assert.ok(stage.hasSamePids, 'a process of the proxy has ended');
  } finally {
    clearInterval(sampling);
  }
  mostResident = Math.max(mostResident, stage.residentMiB);
  const seconds = (performance.now() - startedAtMs) / 1000;
  const during = await reportWithCalls(stage);
  await wantCounted(stage, tokens, countedBefore);
  assertServed(stage, during);
  return {
    reaction,
    calls: during.calls,
    slowdown: during.calls < FEWEST_CALLS ? Number.NaN : during.medianMs / before.medianMs,
    medianMs: during.medianMs,
    worstMs: during.worstMs,
    growthMiB: mostResident - residentBefore,
    keptMiB: (await leastHeld(stage, heldBefore)) - heldBefore,
    hasSamePids: stage.hasSamePids,
    seconds,
    cpuSeconds: stage.cpuSeconds - cpuBefore,
  };
}

/** Rules name their tokens, beside limits and other words. */
function tokensIn(rule: string): readonly string[] {
  return rule.match(/\b[a-z0-9]+(?:_[a-z0-9]+)+\b/g) ?? [];
}

/** Whoever watches the proxy's metrics sees the attack by the tokens of its rule. */
async function wantCounted(
  stage: Stage,
  tokens: readonly string[],
  before: readonly number[],
): Promise<void> {
  let silent: readonly string[] = tokens;
  await eventually('each token of the rule is counted', async () => {
    const counted = await stage.counted(tokens);
    silent = tokens.filter((_token, index) => counted[index] <= before[index]);
    return silent.length === 0;
  }).catch(() => assert.deepEqual(silent, [], 'tokens that /metrics does not count'));
}

/** An attack may be over before the bystander's next call is: then that call counts. */
async function reportWithCalls(stage: Stage): ReturnType<Stage['bystanderReport']> {
  const untilMs = performance.now() + RECOVERY_MS;
  let report = await stage.bystanderReport();
  while (report.calls === 0 && report.failures.length === 0 && performance.now() < untilMs) {
    await pause(QUIET_MS);
    report = await stage.bystanderReport();
  }
  return report;
}

function assertServed(
  stage: Stage,
  during: { readonly failures: readonly string[]; readonly calls: number },
): void {
  assert.equal(stage.hasExited, false, 'the proxy lives');
  assert.deepEqual(during.failures, [], 'the bystander');
  assert.ok(during.calls > 0, 'the bystander made no call');
}

/** What is promised to everybody else, whatever the attack. */
export function assertHarmless(measurement: Measurement, mostGrowthMiB = MOST_GROWTH_MIB): void {
  const { slowdown, medianMs, worstMs, growthMiB, keptMiB, hasSamePids } = measurement;
  assert.ok(hasSamePids, 'a process of the proxy has ended');
  assert.ok(worstMs < MOST_WAIT_MS, `a call of the bystander took ${worstMs.toFixed(0)} ms`);
  const isBearable = medianMs < BEARABLE_MS || !(slowdown > MOST_SLOWDOWN);
  assert.ok(isBearable, `the bystander was slowed down ${slowdown.toFixed(1)} times`);
  assert.ok(growthMiB <= mostGrowthMiB, `memory grew by ${growthMiB.toFixed(1)} MiB`);
  assert.ok(keptMiB <= MOST_KEPT_MIB, `${keptMiB.toFixed(1)} MiB were kept`);
}

/** Memory in use when it has come back, or after some time. */
async function leastHeld(stage: Stage, before: number): Promise<number> {
  const untilMs = performance.now() + RECOVERY_MS;
  let least = await stage.heldMiB();
  while (least > before + MOST_KEPT_MIB && performance.now() < untilMs) {
    await pause(ASK_EVERY_MS);
    least = Math.min(least, await stage.heldMiB());
  }
  return least;
}
