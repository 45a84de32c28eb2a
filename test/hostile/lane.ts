// Mounts attacks one after the other on a stage of its own and prints what came of each. Lanes share no proxy and no bystander, so that
// each figure belongs to one attack, however many lanes there are.

import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import type { Attack } from './attack.ts';
import { assertHarmless, type Measurement, MOST_GROWTH_TOGETHER_MIB, measure } from './measured-attack.ts';
import { Stage } from './stage.ts';
import type { TimeLimits } from './stage-config.ts';

const ONE_ANSWER_MS = 10_000;

export function printRow(cells: readonly string[]): void {
  const widths = [4, 76, 10, 9, 9, 8, 8, 8];
  console.log(
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function printResult({ id, name, rule }: Attack, result: Measurement, workers: number): void {
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
    `${workers > 1 ? `with ${workers} workers: ` : ''}${reaction} [${rule}]`,
  ]);
}

/** Resolves once it is known whether a process has ended by now: one has, or the proxy has answered since, or it never answers again. */
async function wantKnownEnd(stage: Stage): Promise<void> {
  let answers = 0;
  const isKnown = async (): Promise<boolean> => {
    if (!stage.hasSamePids) return true;
    const signal = AbortSignal.timeout(ONE_ANSWER_MS);
    const response = await fetch(`http://${stage.adminAddress}/live`, { signal }).catch(() => undefined);
    if (response !== undefined) answers++;
    // Who answers a second request was told before of all that had happened before the first.
    return answers === 2;
  };
  await eventually('the proxy answers or has ended', isKnown, START_TIMEOUT_MS).catch(() => undefined);
}

export class Lane {
  readonly #workers: number;
  readonly #timeLimits: TimeLimits;
  #stage: Stage;
  #mounted = 0;
  /** No process has ended by these. */
  readonly #failed: Attack[] = [];
  #deaths = 0;

  private constructor(workers: number, timeLimits: TimeLimits, stage: Stage) {
    this.#workers = workers;
    this.#timeLimits = timeLimits;
    this.#stage = stage;
  }

  /**
   * @param workers processes that carry calls; 1: one process in all
   * @param timeLimits of the proxy
   */
  static async open(workers: number, timeLimits: TimeLimits): Promise<Lane> {
    return new Lane(workers, timeLimits, await Stage.open(workers, timeLimits));
  }

  /** Attacks that were mounted so far. */
  get mounted(): number {
    return this.#mounted;
  }

  /** Attacks that had another end than promised, though no process of the proxy ended. */
  get failed(): readonly Attack[] {
    return this.#failed;
  }

  /** Attacks that ended a process of the proxy. */
  get deaths(): number {
    return this.#deaths;
  }

  /** Processes that carry calls. */
  get workers(): number {
    return this.#workers;
  }

  /** Memory of the proxy when it had served hardly anything, and now. */
  get memoryMiB(): { readonly first: number; readonly last: number } {
    return { first: this.#stage.coldMiB, last: this.#stage.residentMiB };
  }

  /** Mounts attacks until `next` has none. */
  async runAll(next: () => Attack | undefined): Promise<void> {
    for (let attack = next(); attack !== undefined; attack = next()) {
      this.#mounted++;
      const mostGrowthMiB = attack.isSaturating === true ? MOST_GROWTH_TOGETHER_MIB : undefined;
      if (!(await this.#run(attack, mostGrowthMiB))) this.#failed.push(attack);
    }
  }

  /** Time limits of half a minute pass for all of them at once. */
  async runTogether(attacks: readonly Attack[]): Promise<void> {
    this.#mounted += attacks.length;
    const reactions: string[] = [];
    const all: Attack = {
      id: '',
      name: `${attacks.length} attacks at the same time, by time:`,
      rule: attacks.map(({ rule }) => rule).join(', '),
      mount: async (at) => {
        const outcomes = await Promise.allSettled(
          attacks.map(async (attack) => {
            reactions.push(
              `${attack.id.padEnd(4)}  ${attack.name}: ${await attack.mount(at)} [${attack.rule}]`,
            );
          }),
        );
        for (const [index, outcome] of outcomes.entries()) {
          if (outcome.status === 'fulfilled') continue;
          this.#failed.push(attacks[index]);
          console.log(`FAILED ${attacks[index].id} ${attacks[index].name}: ${String(outcome.reason)}`);
        }
        return 'together';
      },
    };
    // Where no single one is to blame, all of them are.
    if (!(await this.#run(all, MOST_GROWTH_TOGETHER_MIB))) this.#failed.push(...attacks);
    for (const line of reactions) console.log(line);
  }

  async close(): Promise<void> {
    await this.#stage.close();
  }

  /** @returns false when it failed and no process has ended by it */
  async #run(attack: Attack, mostGrowthMiB?: number): Promise<boolean> {
    if (!this.#stage.hasSamePids) {
      // Another process is not to be blamed for the death of the last one.
      await this.#stage.close();
      this.#stage = await Stage.open(this.#workers, this.#timeLimits);
    }
    try {
      const result = await measure(this.#stage, attack);
      printResult(attack, result, this.#workers);
      assertHarmless(result, mostGrowthMiB);
      return true;
    } catch (error) {
      // A refused connection is known earlier than the end of the process that refuses it.
      await wantKnownEnd(this.#stage);
      const isAlive = this.#stage.hasSamePids;
      const end = isAlive ? '' : 'A PROCESS OF THE PROXY HAS ENDED; ';
      const text = error instanceof Error ? error.message : String(error);
      console.log(
        `FAILED ${attack.id} ${attack.name} (workers: ${this.#workers}): ${end}${text.slice(0, 2000)}`,
      );
      if (!isAlive) this.#deaths++;
      return !isAlive;
    }
  }
}
