// The two ways in which nginx removes a prefix from the path: `rewrite ^/grpc/(.*) /$1 break`, and proxy_pass with a path of its own.

import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { Location } from './locations.ts';
import type { PassTarget } from './pass-target.ts';

/** What becomes of the path of a location's calls; 'other' where Framegate cannot do the same. */
export type Rewriting = { readonly stripPrefix: string | undefined } | 'other';

const SAME: Rewriting = { stripPrefix: undefined };

export function rewritingOf(
  location: Location,
  target: PassTarget,
  pass: Directive,
  ledger: Ledger,
): Rewriting {
  const rewrites = location.scope.own('rewrite');
  if (rewrites.length === 0) return byTarget(location, target, pass, ledger);
  const [rewrite] = rewrites;
  const prefix = strippedBy(rewrite);
  const isFitting =
    prefix !== undefined && location.pattern.paths?.every((path) => path.startsWith(prefix)) === true;
  if (rewrites.length > 1 || !isFitting || rewrite.words[2] !== 'break' || target.path !== undefined) {
    for (const one of rewrites) {
      ledger.refuse(
        one,
        'of rewriting this version has stripPrefix, which takes a whole prefix away: the route is left out',
      );
    }
    return 'other';
  }
  ledger.carry(rewrite, `stripPrefix: ${prefix}`);
  return { stripPrefix: prefix };
}

/** @returns the prefix if the directive takes one away and does nothing else */
export function strippedBy({ words }: Directive): string | undefined {
  const [expression = '', replacement] = words;
  const found =
    /^\^((?:\/(?:[\w.~-]|\\[.-])+)+)(?:\/\(\.\*\)|(\(\/\.\*\))|\/\?\(\.\*\)|\(\/\|\$\)\(\.\*\))\$?$/.exec(
      expression,
    );
  if (found === null) return undefined;
  const wanted = found[2] !== undefined ? '$1' : expression.includes('(/|$)') ? '/$2' : '/$1';
  return replacement === wanted ? found[1].replaceAll('\\', '') : undefined;
}

/** proxy_pass with a path puts it in the place of the location's. */
function byTarget({ pattern }: Location, { path }: PassTarget, pass: Directive, ledger: Ledger): Rewriting {
  if (path === undefined || path === pattern.text) return SAME;
  const base = pattern.text.replace(/\/$/, '');
  if (path === '/' && pattern.kind.endsWith('prefix') && base !== '') {
    if (pattern.text.endsWith('/')) ledger.carry(pass, `stripPrefix: ${base}`);
    else
      ledger.change(
        pass,
        `stripPrefix: ${base}, which takes whole segments away: nginx made //x of ${base}/x`,
      );
    return { stripPrefix: base };
  }
  ledger.refuse(
    pass,
    'puts another path in the place of the location, which this version cannot: the route is left out',
  );
  return 'other';
}
