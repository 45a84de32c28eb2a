// A difference between two configurations in the words of whoever has written them: what it is about, and its key within that.

import type { ConfigurationChange } from '../../src/admin/dashboard-figures.ts';

export interface ShownChange {
  /** What it is about, such as `route voice`. Empty for what the configuration has once. */
  readonly subject: string;
  /** The key within it, such as `retry.attempts`. Empty if the subject as a whole has come or gone. */
  readonly key: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** Undefined if there was nothing. In several lines if it has keys of its own. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Lists of the configuration whose entries have names, and what one of them is called. */
const ENTRIES: Readonly<Record<string, string>> = {
  listeners: 'listener',
  routes: 'route',
  upstreams: 'upstream',
  identities: 'identity',
  stores: 'store',
};

export function shownChange({ path, before, after }: ConfigurationChange): ShownChange {
  const [first = '', ...rest] = stepsOf(path);
  const entry = ENTRIES[first];
  const [subject, keys] =
    entry === undefined || rest.length === 0
      ? ['', [first, ...rest]]
      : [`${entry} ${rest[0]}`, rest.slice(1)];
  return {
    subject,
    key: keys.join('.'),
    kind: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
    before,
    after,
  };
}

/** `routes["GET /a"].match` becomes `routes`, `GET /a`, `match`. */
function stepsOf(path: string): readonly string[] {
  const steps: string[] = [];
  for (const [, plain, quoted] of path.matchAll(/\.?([^.[\]"]+)|\[("(?:[^"\\]|\\.)*"|\d+)\]/g))
    steps.push(plain ?? textOf(quoted));
  return steps.length === 0 ? [path] : steps;
}

function textOf(json: string): string {
  if (!json.startsWith('"')) return json;
  try {
    return String(JSON.parse(json));
  } catch {
    return json;
  }
}
