// A counter whose labels are known only when an event happens: a refusal, a violation, a failure. It is not for every call,
// because it creates a string each time. Its labels must come from fixed sets or from the configuration.

import { counterFamily, type MetricFamily, type MetricLabels } from './metrics-snapshot.ts';

/** Neither names in the configuration nor tokens contain this character. */
const SEPARATOR = '\n';

export class LabelledCounter<Label extends string> {
  readonly #name: string;
  readonly #help: string;
  readonly #labelNames: readonly Label[];
  readonly #values = new Map<string, { readonly labels: MetricLabels; value: number }>();

  constructor(name: string, help: string, labelNames: readonly Label[]) {
    this.#name = name;
    this.#help = help;
    this.#labelNames = labelNames;
  }

  /** @param by 0 creates the line without counting */
  count(labels: Readonly<Record<Label, string>>, by = 1): void {
    const key = this.#labelNames.map((name) => labels[name]).join(SEPARATOR);
    const known = this.#values.get(key);
    if (known !== undefined) known.value += by;
    else this.#values.set(key, { labels: { ...labels }, value: by });
  }

  get family(): MetricFamily {
    const values = Array.from(this.#values.values(), ({ labels, value }) => ({ labels, value }));
    return counterFamily(this.#name, this.#help, values);
  }
}
