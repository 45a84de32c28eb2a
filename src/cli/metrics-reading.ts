// One reading of GET /metrics of a running proxy, and what has changed since the one before. The text may come from any program, so what is
// not understood is left out.

/** The labels of a sample, by name. */
export type Labels = ReadonlyMap<string, string>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Increase extends Sample {
  /** How much a counter has grown. After a restart of the proxy, how much it has counted since. */
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
// Sticky: a label is looked for only where the one before has ended, so that no text takes longer than its length.
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)/y;
/** Longer lines are no samples of Framegate. */
const LONGEST_LINE = 64 * 1024;
const ESCAPES: Readonly<Record<string, string>> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

export class MetricsReading {
  readonly atMs: number;
  readonly #samples = new Map<string, Map<string, Sample>>();

  /** @param text in the text format of Prometheus. @param atMs when it was read, by a monotonic clock */
  constructor(text: string, atMs: number) {
    this.atMs = atMs;
    for (const line of text.split('\n')) this.#read(line);
  }

  /** All samples of a metric. */
  of(name: string): readonly Sample[] {
    return [...(this.#samples.get(name)?.values() ?? [])];
  }

  /** The sum of all samples of a metric. */
  sum(name: string): number {
    return this.of(name).reduce((sum, { value }) => sum + value, 0);
  }

  /** How much each counter of a metric has grown since an earlier reading. */
  since(earlier: MetricsReading, name: string): readonly Increase[] {
    const before = earlier.#samples.get(name);
    return Array.from(this.#samples.get(name) ?? [], ([key, { labels, value }]) => {
      const was = before?.get(key)?.value ?? 0;
      return { labels, value: value < was ? value : value - was };
    });
  }

  #read(line: string): void {
    if (line.length > LONGEST_LINE) return;
    const [, name, labels = '', digits] = SAMPLE.exec(line) ?? [];
    const value = Number(digits);
    if (name === undefined || Number.isNaN(value)) return;
    const named = this.#samples.get(name) ?? new Map<string, Sample>();
    this.#samples.set(name, named);
    named.set(labels, { labels: labelsOf(labels), value });
  }
}

function labelsOf(text: string): Labels {
  const found = new Map<string, string>();
  LABEL.lastIndex = 0;
  for (let label = LABEL.exec(text); label !== null; label = LABEL.exec(text))
    found.set(label[1], unescaped(label[2]));
  return found;
}

function unescaped(value: string): string {
  return value.replaceAll(/\\./g, (escape) => ESCAPES[escape] ?? escape);
}
