// What differs between two configurations is shown in the words of the file: for each key of the example, one readable line with both values.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Document, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { shownChange } from '../../dashboard/model/shown-change.ts';
import { keysOf } from '../../scripts/configuration-reference.ts';
import type { ConfigurationChange } from '../../src/admin/dashboard-figures.ts';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { jsonSchema } from '../../src/config/schema.ts';
import { configDifferences } from '../../src/control/config-differences.ts';
import { wholeExample } from '../support/whole-example.ts';

type Steps = readonly (string | number)[];
type Value = string | number | boolean | readonly string[];

/** Entries are known by these values: another value is another entry. */
const NAMES =
  /^(?:listeners|routes)\.\d+\.name$|\.endpoints\.\d+$|\.endpoints\.\d+\.address$|\.split\.\d+\.upstream$/;
/** What services are sent, and what requests must have. Variables alone are shown. */
const SECRETS =
  /^trace\.headers\.|\.match\.headers\.|\.headers\.request\.(?:set|add)\.|\.authorize\.context\.|\.descriptors\./;
const SHOWN = /^(?:\$\{[^}]*\})+$|^(?:client|identity|route|method|header:.*)$/;
/** The defaults of other keys follow from it. */
const FOLLOWED = /\.protocol$|\.health\.type$/;
/** A list in place of a word takes several lines. */
const BLOCKS = /^upstreams\.pushed\.endpoints$/;

/** What has to be otherwise so that another value of the key is accepted, or makes a difference. Undefined: it is left out. */
const CONDITIONS: Readonly<Record<string, readonly (readonly [where: Steps, value: unknown])[]>> = {
  'listeners.0.name': [[['routes', 0, 'match', 'listener'], undefined]],
  'upstreams.voice-assistant.health.type': [
    [['upstreams', 'voice-assistant', 'health', 'service'], undefined],
  ],
  'upstreams.website.protocol': [[['upstreams', 'website', 'health'], undefined]],
  'stores.fleet.cluster': [[['stores', 'fleet', 'sentinel'], undefined]],
  zone: [[['upstreams', 'voice-assistant', 'zone'], 'prefer']],
};
/** Values of some keys, and what others may name. */
const OTHER_TEXTS =
  '12s 12 12% INTERNAL both ES384 /x header:x-other client internal pushed named website partners other'.split(
    ' ',
  );

/** The values of keys that take only some. */
const choices = Map.groupBy(keysOf(jsonSchema()), ({ path }) => path.replaceAll('[]', ''));

function configOf(text: string): Config | undefined {
  const result = parseConfig(text, '/etc/framegate/config.yaml');
  return 'config' in result ? result.config : undefined;
}

/** Every key with a value, or with a list of values. */
function leavesOf(document: Document): readonly Steps[] {
  const leaves: Steps[] = [];
  const walk = (node: unknown, steps: Steps): void => {
    if (isMap(node))
      for (const { key, value } of node.items)
        walk(value, [...steps, String(isScalar(key) ? key.value : key)]);
    else if (isSeq(node)) node.items.forEach((item, index) => walk(item, [...steps, index]));
    else if (isScalar(node) && node.value !== null) leaves.push(steps);
  };
  walk(document.contents, []);
  return leaves;
}

/** Values that the key may take as well, the best first. */
function othersOf(value: string | number | boolean, steps: Steps): readonly Value[] {
  if (typeof value === 'boolean') return [!value];
  if (typeof value === 'number') return [value + 1, value - 1];
  const [, number = '', unit = ''] = /^(\d+)([A-Za-z%/].*)$/.exec(value) ?? [];
  return [
    ...(number === '' ? [] : [`${Number(number) + 1}${unit}`]),
    ...chosenFrom(steps),
    `${value}x`,
    value.replace(/\d+(?=\D*$)/, (digits) => String(Number(digits) + 1)),
    ...OTHER_TEXTS,
    value.startsWith('/') ? `${value.replace(/\*$/, '')}x/*` : 'https',
    12,
    ['127.0.0.1:1'],
  ];
}

function chosenFrom(steps: Steps): readonly Value[] {
  const names = steps.filter((step) => typeof step === 'string');
  const fits = (path: string): boolean => {
    const parts = path.split('.');
    return parts.length === names.length && parts.every((part, at) => part === 'NAME' || part === names[at]);
  };
  return [...choices.entries()]
    .filter(([path]) => fits(path))
    .flatMap(([, keys]) => keys.flatMap(({ schema }) => textsIn(schema)));
}

/** The values that a schema names. */
function textsIn(schema: unknown): readonly Value[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([name, part]: [string, unknown]) => {
    if (name === 'const') return typeof part === 'string' ? [part] : [];
    if (name === 'enum' && Array.isArray(part)) return part.filter((one) => typeof one === 'string');
    return name === 'anyOf' || name === 'items' || /^\d+$/.test(name) ? textsIn(part) : [];
  });
}

interface Mutation {
  readonly value: unknown;
  readonly other: Value;
  readonly entries: readonly ConfigurationChange[];
}

/** The first other value of the key that is accepted and makes a difference. */
function mutate(text: string, usual: Config, steps: Steps): Mutation | undefined {
  const document = parseDocument(text);
  const conditions = CONDITIONS[steps.join('.')];
  for (const [where, wanted] of conditions ?? [])
    if (wanted === undefined) document.deleteIn(where);
    else document.setIn(where, wanted);
  const before = conditions === undefined ? usual : configOf(String(document));
  assert.ok(before !== undefined, steps.join('.'));
  const value = document.getIn(steps);
  assert.ok(typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean');
  for (const other of othersOf(value, steps)) {
    document.setIn(steps, other);
    const after = configOf(String(document));
    const { entries } = after === undefined ? { entries: [] } : configDifferences(before, after);
    if (entries.length > 0) return { value, other, entries };
  }
  return undefined;
}

test('each single change of a key of the example is one readable line with the old and the new value', () => {
  const text = wholeExample().replace(/^stores:$/m, 'stores:\n  other: { redis: "redis://127.0.0.1:1" }');
  const usual = configOf(text);
  assert.ok(usual !== undefined);
  const leaves = leavesOf(parseDocument(text));
  assert.ok(leaves.length > 240, String(leaves.length));
  const problems: string[] = [];
  for (const steps of leaves) {
    const path = steps.join('.');
    const mutation = mutate(text, usual, steps);
    if (mutation === undefined) problems.push(`${path}: no other value makes a difference`);
    else problems.push(...problemsOf(path, mutation).map((problem) => `${path}: ${problem}`));
  }
  assert.equal(problems.join('\n'), '');
});

function problemsOf(path: string, { value, other, entries }: Mutation): readonly string[] {
  const lines = entries.map((entry) => JSON.stringify(shownChange(entry)));
  if (entries.length !== (NAMES.test(path) ? 2 : 1) && !FOLLOWED.test(path))
    return [`${String(other)}: ${lines.join(' ')}`];
  if (NAMES.test(path)) return [];
  const { before, after, kind } = shownChange(entries[0]);
  const [old, now] = [String(value), String(other)].map((text) =>
    SECRETS.test(path) && !SHOWN.test(text) ? '[redacted]' : text,
  );
  const isLine = shows(before, left(path, old)) && (shows(after, left(path, now)) || BLOCKS.test(path));
  const isReadable = kind === 'changed' && isLine;
  return isReadable ? [] : [`${String(value)} to ${String(other)}: ${lines.join(' ')}`];
}

/** A limit that is not only tried does not say so. */
function left(path: string, value: string): string {
  return path.endsWith('.dryRun') && value === 'false' ? '' : value;
}

function shows(shown: string | undefined, value: string): boolean {
  // Limits of routes and rules of access are written in one line.
  const isPlain = !/[\n{"]/.test((shown ?? '').replace(/^\{ .* \}$/, '').replaceAll('${', ''));
  return isPlain && shown?.includes(value) === true;
}
