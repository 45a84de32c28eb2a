// Loads proxies by turns: all are started first, and then each gets one run per round, with a different one first in each round.
// If something goes wrong with one proxy, its cell says so, and the others continue.

import { type Measurement, sentenceOf } from './measurement.ts';
import { progress } from './progress.ts';

export interface RunResult {
  /** The figures, by name of row. */
  readonly figures: Readonly<Record<string, number>>;
  /** What went wrong. The figures of a run with problems are dropped. */
  readonly problems: readonly string[];
  /** A note for the progress output. */
  readonly note: string;
}

export interface Contestant {
  readonly peerName: string;
  /** The rows that this contestant fills. A run returns its figures by row. */
  readonly rowNames: readonly string[];
  prepare(): Promise<void>;
  run(round: number): Promise<RunResult>;
  /** Stops everything, even after a failed prepare(). */
  stop(): Promise<void>;
}

class Standing {
  readonly contestant: Contestant;
  readonly problems: string[] = [];
  readonly #samples = new Map<string, number[]>();
  isPrepared = false;

  constructor(contestant: Contestant) {
    this.contestant = contestant;
  }

  async attempt(what: string, step: () => Promise<RunResult | undefined>): Promise<void> {
    const { peerName } = this.contestant;
    try {
      const result = await step();
      if (result !== undefined) this.#take(result);
      progress(`${what}: ${peerName}${result === undefined ? '' : `, ${result.note}`}`);
    } catch (error) {
      progress(`${what}: ${peerName}: ${sentenceOf(error)}`);
      this.problems.push(sentenceOf(error));
    }
  }

  #take({ figures, problems }: RunResult): void {
    this.problems.push(...problems);
    if (problems.length > 0) return;
    for (const [rowName, figure] of Object.entries(figures)) {
      const samples = this.#samples.get(rowName) ?? [];
      samples.push(figure);
      this.#samples.set(rowName, samples);
    }
  }

  measurements(): readonly Measurement[] {
    const { peerName, rowNames } = this.contestant;
    return rowNames.map((rowName) => ({
      rowName,
      peerName,
      samples: this.#samples.get(rowName) ?? [],
      problems: this.problems,
    }));
  }
}

export async function holdContest(
  title: string,
  contestants: readonly Contestant[],
  rounds: number,
): Promise<readonly Measurement[]> {
  const standings = contestants.map((contestant) => new Standing(contestant));
  try {
    for (const standing of standings) {
      await standing.attempt(`${title}, warm-up`, async () => {
        await standing.contestant.prepare();
        standing.isPrepared = true;
        return undefined;
      });
    }
    const able = standings.filter(({ isPrepared }) => isPrepared);
    for (let round = 0; round < rounds; round++) {
      // The order rotates, so that no proxy always runs after the same one and suffers from its noise.
      const first = able.length === 0 ? 0 : round % able.length;
      for (const standing of [...able.slice(first), ...able.slice(0, first)]) {
        await standing.attempt(
          `${title}, round ${round + 1} of ${rounds}`,
          async () => await standing.contestant.run(round),
        );
      }
    }
  } finally {
    for (const { contestant } of standings) await contestant.stop();
  }
  return standings.flatMap((standing) => standing.measurements());
}
