// A counter whose labels are known only when an event happens: a refusal, a violation, a failure. It is not for every call,
// because it creates a string each time. Its labels must come from fixed sets or from the configuration.

import { counterFamily, type MetricFamily, type MetricLabels } from './metrics-snapshot.ts';

/** Neither names in the configuration nor tokens contain this character. */
const SEPARATOR = '\n';

interface Line {
  readonly labels: MetricLabels;
  value: number;
}

export class LabelledCounter<Label extends string> {
  readonly #name: string;
  readonly #help: string;
  readonly #labelNames: readonly Label[];
  readonly #lines = new Map<string, Line>();

  constructor(name: string, help: string, labelNames: readonly Label[]) {
    this.#name = name;
    this.#help = help;
    this.#labelNames = labelNames;
  }

  /** @param by 0 creates the line without counting */
  count(labels: Readonly<Record<Label, string>>, by = 1): void {
    this.#lineOf(labels).value += by;
  }

  /** @returns adds to one line, which exists from now on. It is for what happens often, since it creates no string */
  adderOf(labels: Readonly<Record<Label, string>>): (by: number) => void {
    const line = this.#lineOf(labels);
    return (by) => {
      line.value += by;
    };
  }

  #lineOf(labels: Readonly<Record<Label, string>>): Line {
    const key = this.#labelNames.map((name) => labels[name]).join(SEPARATOR);
    const line = this.#lines.get(key) ?? { labels: { ...labels }, value: 0 };
    this.#lines.set(key, line);
    return line;
  }

  get family(): MetricFamily {
    const values = Array.from(this.#lines.values(), ({ labels, value }) => ({ labels, value }));
    return counterFamily(this.#name, this.#help, values);
  }
}
