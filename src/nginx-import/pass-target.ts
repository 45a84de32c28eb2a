// The target of grpc_pass and proxy_pass: the protocol, and the name of an upstream or an address. Variables that `set` gives a
// constant value are replaced by it.

import { assignmentsOf } from './assignments.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { parseCount } from './nginx-values.ts';
import type { Scope } from './scope.ts';
import { type Case, type Choice, choiceOf } from './variable-choice.ts';

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
/** No target is longer, in characters. A few variables that name each other twice would make a text without end. */
const LONGEST_TARGET = 1000;

const PROTOCOLS: Readonly<Record<string, PassTarget['protocol']>> = {
  grpc: 'h2c',
  grpcs: 'h2',
  http: 'http1',
  https: 'https1',
};

/** One of the targets of a pass directive, and which calls go there. */
export interface ChosenTarget {
  readonly target: PassTarget;
  /** Undefined without a variable that decides. */
  readonly by: Case | undefined;
}

export interface PassTargets {
  readonly targets: readonly ChosenTarget[];
  /** Judges the directives that the targets come from, once routes lead to all of them. */
  readonly accept: (ledger: Ledger) => void;
}

/** @returns undefined if the targets cannot be told. The directive is then judged. */
export function passTargetsOf(directive: Directive, scope: Scope, ledger: Ledger): PassTargets | undefined {
  const written = directive.words[0] ?? '';
  // These are what nginx sends without them as well.
  const wanted = written.replace(/(\$request_uri|\$uri\$is_args\$args)$/, '');
  const filled = textsOf(wanted, scope);
  if (filled === undefined) {
    ledger.refuse(
      directive,
      'the target depends on a variable: write a route for each target, with match.headers or split where these decide',
    );
    return undefined;
  }
  const { texts, accept } = filled;
  const targets = texts.flatMap(({ text, by }) => {
    const target = parseTarget(text, directive.name === 'grpc_pass' ? 'grpc' : 'http');
    return target === undefined ? [] : [{ by, target: { ...target, isAskedAgain: text !== wanted } }];
  });
  if (targets.length === texts.length) return { targets, accept };
  ledger.refuse(directive, 'this target cannot be read as NAME, HOST:PORT or unix:/PATH');
  return undefined;
}

interface FilledText {
  readonly text: string;
  readonly by: Case | undefined;
}

interface FilledTexts {
  /** One for each value of the one variable that has several. */
  readonly texts: readonly FilledText[];
  readonly accept: PassTargets['accept'];
}

/** @returns undefined if several variables have several values, or if one has none that can be told */
function textsOf(wanted: string, scope: Scope): FilledTexts | undefined {
  const choosing = new Map<string, Choice>();
  const used = new Set<Directive>();
  const values = new Map<string, string | undefined>();
  const plain = fillIn(wanted, { scope, used, choosing, values });
  const [chosen, ...others] = choosing;
  if (plain === undefined || others.length > 0) return undefined;
  const texts: FilledText[] = [];
  if (chosen === undefined) texts.push({ text: plain, by: undefined });
  else {
    const [name, { cases }] = chosen;
    for (const by of cases) {
      const nested = new Map<string, Choice>();
      const value = fillIn(by.text, { scope, used, choosing: nested, values: new Map() });
      // Two that decide together are no routes.
      if (value === undefined || nested.size > 0) return undefined;
      const text = fillIn(wanted, { scope, used, choosing, values: new Map([[name, value]]) });
      if (text === undefined) return undefined;
      texts.push({ text, by });
    }
  }
  return {
    texts,
    accept: (ledger) => {
      for (const set of used) ledger.carry(set, 'filled in where it is used');
      chosen?.[1].accept(ledger);
    },
  };
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

interface Filling {
  readonly scope: Scope;
  /** Variables that have been given values; undefined if a value cannot be told. Those that are looked up are added. */
  readonly values: Map<string, string | undefined>;
  /** The `set` directives that were used are added. */
  readonly used: Set<Directive>;
  /** Variables that have one of several values, and none here, are added. They are filled in as nothing. */
  readonly choosing: Map<string, Choice>;
}

/** @returns undefined if a variable of the text has no value that can be told */
function fillIn(text: string, filling: Filling, depth = 0): string | undefined {
  if (!text.includes('$')) return text;
  if (depth === MOST_VARIABLES) return undefined;
  let filled = '';
  let at = 0;
  for (const found of text.matchAll(/\$\{?(\w+)\}?/g)) {
    const value = valueOf(found[1], filling, depth);
    filled += text.slice(at, found.index) + (value ?? '');
    if (value === undefined || filled.length > LONGEST_TARGET) return undefined;
    at = found.index + found[0].length;
  }
  return filled + text.slice(at);
}

function valueOf(name: string, filling: Filling, depth: number): string | undefined {
  const { scope, values, choosing } = filling;
  if (values.has(name)) return values.get(name);
  if (choosing.has(name)) return '';
  const choice = choiceOf(name, scope);
  if (choice !== undefined) {
    choosing.set(name, choice);
    return '';
  }
  // Until it is known: a variable that leads back to itself has no value.
  values.set(name, undefined);
  const value = setValueOf(name, filling, depth);
  values.set(name, value);
  return value;
}

function setValueOf(name: string, filling: Filling, depth: number): string | undefined {
  const { base, conditions } = assignmentsOf(name, filling.scope);
  if (base === undefined || conditions.length > 0) return undefined;
  const value = fillIn(base.words[1] ?? '', filling, depth + 1);
  if (value !== undefined) filling.used.add(base);
  return value;
}

/** The port that an authority names, or the usual one of the protocol. */
export function portOf({ authority, protocol }: PassTarget): number {
  return parseCount(/:(\d+)$/.exec(authority)?.[1]) ?? (/^(h2|https1)$/.test(protocol) ? 443 : 80);
}
