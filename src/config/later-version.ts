// Keys that a later version of Framegate has but this one does not. A user who follows the later documentation is told
// so, instead of being offered a similarly spelt word.

import type { ConfigPath } from './config-path.ts';

const notSupported = 'not supported by this version';

/** Maps the path of a map (`*` for a name or an index) to its later keys, and each key to what to do instead. */
const laterKeys: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map([
  [
    'listeners.*.tls',
    { acme: 'remove it; let a program such as certbot get certificates, and name them in certificates' },
  ],
]);

export interface LaterVersionFault {
  readonly message: string;
  readonly hint: string;
}

export function laterKey(parent: ConfigPath, key: string): LaterVersionFault | undefined {
  const keys = laterKeys.get(patternOf(parent));
  if (keys === undefined || !Object.hasOwn(keys, key)) return undefined;
  return { message: notSupported, hint: keys[key] };
}

/** Replaces the second step of a path by `*`. In the sections that the tables name, that step is a name or an index. */
function patternOf(path: ConfigPath): string {
  const isNamed = path[0] !== 'limits' && path.length > 1;
  return path.map((step, index) => (isNamed && index === 1 ? '*' : step)).join('.');
}
