// Writes metrics as the text that Prometheus reads: its own format (version 0.0.4), and OpenMetrics 1.0 for who asks for it. It gives the
// event loop its turn now and then, since there may be tens of thousands of lines.

import { type Exemplar, keysOf, type MetricFamily, type MetricsSnapshot } from './metrics-snapshot.ts';
import { Pace } from './pace.ts';

export interface MetricsFormat {
  readonly contentType: string;
  /** @returns the lines before the samples of a family, each with its newline */
  readonly head: (family: MetricFamily) => string;
  /** @returns a key as this format writes it */
  readonly key: (key: string, family: MetricFamily) => string;
  readonly hasExemplars: boolean;
  readonly end: string;
}

/** Version 0.0.4 of the format, which every Prometheus reads. */
export const PROMETHEUS_TEXT: MetricsFormat = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  head: ({ name, help, type }) => `# HELP ${name} ${escapedHelp(help)}\n# TYPE ${name} ${type}\n`,
  key: (key) => key,
  hasExemplars: false,
  end: '',
};

const UNIT = /_(seconds|bytes)$/;
/** The bound of a bucket, which OpenMetrics writes with a fraction. */
const WHOLE_BOUND = /^(_bucket\{le="\d+)"/;

export const OPEN_METRICS: MetricsFormat = {
  contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  head: ({ name, help, type }) => {
    // The family of a counter is named without the ending of its samples.
    const family = type === 'counter' ? name.replace(/_total$/, '') : name;
    const unit = UNIT.exec(family)?.[1];
    const unitLine = unit === undefined ? '' : `# UNIT ${family} ${unit}\n`;
    return `# TYPE ${family} ${type}\n${unitLine}# HELP ${family} ${escapedHelp(help).replaceAll('"', '\\"')}\n`;
  },
  key: (key, { type }) => (type === 'histogram' ? key.replace(WHOLE_BOUND, '$1.0"') : key),
  hasExemplars: true,
  end: '# EOF\n',
};

/** @param accept the Accept field of a request: OpenMetrics is sent only if it is wanted at least as much as plain text */
export function formatFor(accept: string): MetricsFormat {
  const open = qualityOf(accept, 'application/openmetrics-text');
  return open > 0 && open >= qualityOf(accept, 'text/plain') ? OPEN_METRICS : PROMETHEUS_TEXT;
}

/** @returns from 0 to 1; 0 if the type is not named */
function qualityOf(accept: string, type: string): number {
  let most = 0;
  for (const range of accept.toLowerCase().split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim());
    if (name !== type) continue;
    const quality = parameters.find((part) => part.startsWith('q='))?.slice(2) ?? '1';
    const version = parameters.find((part) => part.startsWith('version='))?.slice(8) ?? '1.0.0';
    if (type === OPEN_TYPE && !/^1\.0(?:\.0)?$/.test(version)) continue;
    most = Math.max(most, Number.parseFloat(quality) || 0);
  }
  return most;
}

const OPEN_TYPE = 'application/openmetrics-text';

/** How many lines are written before the clock is read. */
const LINES_AT_ONCE = 256;

export async function renderMetrics(
  snapshot: MetricsSnapshot,
  format: MetricsFormat = PROMETHEUS_TEXT,
  pace = new Pace(),
): Promise<string> {
  let text = '';
  for (const family of snapshot) {
    text += format.head(family);
    const { name, values } = family;
    const exemplars = format.hasExemplars ? exemplarsByKey(family) : undefined;
    let index = 0;
    for (const key of keysOf(family)) {
      const exemplar = exemplars?.get(key);
      const example = exemplar === undefined ? '' : exemplarText(exemplar);
      text += `${name}${format.key(key, family)} ${numberText(values[index])}${example}\n`;
      index++;
      if (index % LINES_AT_ONCE === 0) await pace.rest();
    }
  }
  return text + format.end;
}

function exemplarsByKey({ exemplars }: MetricFamily): ReadonlyMap<string, Exemplar> | undefined {
  return exemplars === undefined ? undefined : new Map(exemplars.map((one) => [one.key, one]));
}

function exemplarText({ traceId, value, atMs }: Exemplar): string {
  return ` # {trace_id="${traceId}"} ${numberText(value)} ${(atMs / 1000).toFixed(3)}`;
}

function escapedHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
