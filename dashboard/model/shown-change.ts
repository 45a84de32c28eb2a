// A difference between two configurations in the words of whoever has written them: keys as in the file, times and sizes with their units,
// and what has come or gone as a whole.

import type { ConfigurationChange } from '../../src/admin/dashboard-figures.ts';
import { formatBytes } from './format.ts';

export interface ShownChange {
  /** What it is about, such as `route voice`. Empty for what the configuration has once. */
  readonly subject: string;
  /** The key within it, such as `retry.attempts`. Empty if the subject as a whole has come or gone. */
  readonly key: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** Undefined if there was nothing. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Lists of the configuration whose entries have names, and what one of them is called. */
const ENTRIES: Readonly<Record<string, string>> = {
  listeners: 'listener',
  routes: 'route',
  upstreams: 'upstream',
  identities: 'identity',
};
const UNITS: readonly (readonly [ending: string, shown: (value: number) => string])[] = [
  ['Ms', shownDuration],
  ['Bytes', formatBytes],
];

export function shownChange({ path, before, after }: ConfigurationChange): ShownChange {
  const [first = '', ...rest] = stepsOf(path);
  const entry = ENTRIES[first];
  const [subject, keys] =
    entry === undefined || rest.length === 0
      ? ['', [first, ...rest]]
      : [`${entry} ${rest[0]}`, rest.slice(1)];
  const last = keys.at(-1) ?? '';
  const unit = UNITS.find(([ending]) => last.endsWith(ending) && last !== ending);
  return {
    subject,
    key:
      unit === undefined ? keys.join('.') : [...keys.slice(0, -1), last.slice(0, -unit[0].length)].join('.'),
    kind: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
    before: shownValue(before, unit?.[1]),
    after: shownValue(after, unit?.[1]),
  };
}

/** `routes["GET /a"].match` becomes `routes`, `GET /a`, `match`. */
function stepsOf(path: string): readonly string[] {
  const steps: string[] = [];
  for (const [, plain, quoted] of path.matchAll(/\.?([^.[\]"]+)|\[("(?:[^"\\]|\\.)*"|\d+)\]/g))
    steps.push(plain ?? textOf(quoted));
  return steps.length === 0 ? [path] : steps;
}

function shownValue(
  json: string | undefined,
  unit: ((value: number) => string) | undefined,
): string | undefined {
  if (json === undefined) return undefined;
  const number = unit === undefined ? Number.NaN : Number(json);
  return unit !== undefined && Number.isFinite(number) ? unit(number) : textOf(json);
}

/** At the end of what has been shortened. */
const CUT = '…';

/** A text without its quotation marks. Anything else stays JSON, which may have been shortened. */
function textOf(json: string): string {
  if (!json.startsWith('"')) return json;
  try {
    return json.endsWith(CUT) ? `${JSON.parse(`${json.slice(0, -1)}"`)}${CUT}` : String(JSON.parse(json));
  } catch {
    return json;
  }
}

/** As a duration is written in the configuration. */
function shownDuration(ms: number): string {
  for (const [unit, size] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const)
    if (ms !== 0 && ms % size === 0) return `${ms / size}${unit}`;
  return `${ms}ms`;
}
