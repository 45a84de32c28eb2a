// The target of grpc_pass and proxy_pass: the protocol, and the name of an upstream or an address. Variables that `set` gives a
// constant value are replaced by it.

import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { parseCount } from './nginx-values.ts';
import type { Scope } from './scope.ts';

export interface PassTarget {
  readonly protocol: 'h2c' | 'h2' | 'http1' | 'https1';
  /** `name`, `host:port`, `[ipv6]:port` or `unix:/path`. */
  readonly authority: string;
  /** What proxy_pass puts in place of the location's path; undefined where the path stays as it is. */
  readonly path: string | undefined;
  /** Whether a variable was filled in, so that nginx asks DNS again and again. */
  readonly isAskedAgain: boolean;
}

/** Deeper chains of variables are circles. */
const MOST_VARIABLES = 8;

const PROTOCOLS: Readonly<Record<string, PassTarget['protocol']>> = {
  grpc: 'h2c',
  grpcs: 'h2',
  http: 'http1',
  https: 'https1',
};

/** @returns undefined if the target cannot be told. The directive is then judged. */
export function passTargetOf(directive: Directive, scope: Scope, ledger: Ledger): PassTarget | undefined {
  const written = directive.words[0] ?? '';
  // These are what nginx sends without them as well.
  const wanted = written.replace(/(\$request_uri|\$uri\$is_args\$args)$/, '');
  const text = fillIn(wanted, scope, ledger);
  if (text === undefined) {
    ledger.refuse(
      directive,
      'the target depends on a variable: write a route for each target, with match.headers or split where these decide',
    );
    return undefined;
  }
  const target = parseTarget(text, directive.name === 'grpc_pass' ? 'grpc' : 'http');
  if (target === undefined) {
    ledger.refuse(directive, 'this target cannot be read as NAME, HOST:PORT or unix:/PATH');
    return undefined;
  }
  return { ...target, isAskedAgain: text !== wanted };
}

function parseTarget(text: string, usual: 'grpc' | 'http'): Omit<PassTarget, 'isAskedAgain'> | undefined {
  const [, scheme = usual, rest] = /^(?:([a-z]+):\/\/)?(.*)$/is.exec(text) ?? [];
  const protocol = PROTOCOLS[scheme.toLowerCase()];
  if (protocol === undefined || rest === undefined) return undefined;
  const unix = /^unix:(\/[^:\s]+)(?::(\/\S*)?)?$/.exec(rest);
  if (unix !== null) return { protocol, authority: `unix:${unix[1]}`, path: unix[2] };
  const found = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:\d{1,5})?(\/[^\s?#]*)?$/i.exec(rest);
  if (found === null) return undefined;
  return { protocol, authority: `${found[1]}${found[2] ?? ''}`, path: found[3] };
}

/** @returns undefined if a variable of the text has no constant value here */
function fillIn(text: string, scope: Scope, ledger: Ledger, depth = 0): string | undefined {
  if (!text.includes('$')) return text;
  if (depth === MOST_VARIABLES) return undefined;
  let isKnown = true;
  const filled = text.replaceAll(/\$\{?(\w+)\}?/g, (_, name: string) => {
    const set = settingOf(name, scope);
    const value = set === undefined ? undefined : fillIn(set.words[1] ?? '', scope, ledger, depth + 1);
    if (set === undefined || value === undefined) {
      isKnown = false;
      return '';
    }
    ledger.carry(set, 'filled in where it is used');
    return value;
  });
  return isKnown ? filled : undefined;
}

function settingOf(name: string, scope: Scope | undefined): Directive | undefined {
  for (let at = scope; at !== undefined; at = at.parent) {
    const found = at.own('set').filter(({ words }) => words[0] === `$${name}`);
    if (found.length > 0) return found.length === 1 ? found[0] : undefined;
  }
  return undefined;
}

/** The port that an authority names, or the usual one of the protocol. */
export function portOf({ authority, protocol }: PassTarget): number {
  return parseCount(/:(\d+)$/.exec(authority)?.[1]) ?? (/^(h2|https1)$/.test(protocol) ? 443 : 80);
}
