// Makes docs/configuration-reference.md of the schema: every key with its values, its default and its names in other programs.

import { annotationsOf, settingText } from '../src/config/key-notes.ts';
import { defaultText, isSchema, valuesText } from '../src/config/key-values.ts';
import type { JsonSchema } from '../src/config/schema.ts';

/** A key of the configuration: `listeners[].tls`, `upstreams.NAME.balance`. */
export interface Key {
  readonly path: string;
  readonly schema: JsonSchema;
  /** The map that has this key cannot be without it. */
  readonly isRequired: boolean;
}

const INTRODUCTION = `<!-- Written by \`npm run schema\` from src/config/*-schema.ts. Change the texts there. -->

# Configuration reference

This page has every key of the configuration, in the order of the file. [Configuration](configuration.md) explains how the file is
written and how the keys work together, and [config.example.yaml](../config.example.yaml) shows all of them in place.

In the names of keys, \`[]\` stands for each item of a list, and \`NAME\` for a name that you choose. A key that is required must be given where
the map around it is given. Paths of files are relative to the folder of the configuration. If you know the setting of another program, look it up
[at the end](#settings-of-other-programs).

## Values

| kind | written as |
|---|---|
| duration | a whole number and \`ms\`, \`s\`, \`m\` or \`h\`: \`250ms\`, \`5s\`, \`10m\`, \`1h\` |
| percentage | a whole number and \`%\`: \`20%\` |
| size | bytes, alone or with \`B\`, \`KB\` (1000), \`KiB\` (1024), \`MB\`, \`MiB\`, \`GB\` or \`GiB\`: \`512\`, \`64KiB\`, \`1MB\` |
| address | \`host:port\`, \`[ipv6]:port\` or \`unix:/path\` |
| path of a file | absolute, or relative to the folder of the configuration |
| network | an address and the length of its prefix (CIDR), or one address: \`10.0.0.0/8\`, \`2001:db8::/32\`, \`192.0.2.1\` |
| name | 1 to 200 characters, no control characters |
| map | further keys, which follow below |
`;

export function configurationReference(schema: JsonSchema): string {
  const keys = keysOf(schema);
  const sections = Object.keys(schema.properties ?? {}).map((name) => sectionText(name, keys));
  return [INTRODUCTION, ...sections, likenessSection(keys)].join('\n');
}

/** @returns every key, each followed by the keys in it */
export function keysOf(schema: JsonSchema, path = ''): readonly Key[] {
  const prefix = path === '' ? '' : `${path}.`;
  const { properties = {}, required = [], additionalProperties, items, anyOf = [] } = schema;
  const named = Object.entries(properties).flatMap(([name, child]) =>
    isSchema(child) ? [{ path: `${prefix}${name}`, schema: child, isRequired: required.includes(name) }] : [],
  );
  return [
    ...named.flatMap((key) => [key, ...keysOf(key.schema, key.path)]),
    ...anyOf.flatMap((child) => (isSchema(child) ? keysOf(child, path) : [])),
    ...(isSchema(items) ? keysOf(items, `${path}[]`) : []),
    ...(isSchema(additionalProperties) ? keysOf(additionalProperties, `${prefix}NAME`) : []),
  ];
}

function sectionText(name: string, keys: readonly Key[]): string {
  const inside = keys.filter(({ path }) => new RegExp(`^${name}\\b`).test(path));
  const [section, ...keysInIt] = inside;
  const contents = keysInIt.length > 4 ? [`The keys below it:\n\n${contentsText(keysInIt)}`] : [];
  return [`## \`${name}\`\n`, keyText(section), ...contents, ...keysInIt.map(headedKeyText)].join('\n');
}

/** The keys of each map in one line, with links. */
function contentsText(keys: readonly Key[]): string {
  const maps = Map.groupBy(keys, ({ path }) => path.slice(0, path.lastIndexOf('.')));
  return `${Array.from(maps, ([map, children]) => {
    const links = children.map(
      ({ path }) => `[${path.slice(path.lastIndexOf('.') + 1)}](#${anchorOf(path)})`,
    );
    return `- \`${map}\`: ${links.join(', ')}`;
  }).join('\n')}\n`;
}

function keyText({ schema, isRequired }: Key): string {
  const { like = {}, more, required } = annotationsOf(schema);
  const unset = defaultText(schema);
  const likeness = Object.entries(like).map(([program, setting]) => `${program} ${settingText(setting)}`);
  const rows = [
    ['Values', valuesText(schema)],
    ['Required', isRequired && unset === undefined ? 'yes' : required],
    ['Default', unset],
    ['Like', likeness.length === 0 ? undefined : likeness.join(', ')],
    ['More', more],
  ].filter(([, text]) => text !== undefined);
  const list = rows.map(([title, text]) => `- ${title}: ${text}`).join('\n');
  return `${schema.description ?? ''}\n\n${list}\n`;
}

function headedKeyText(key: Key): string {
  return `### \`${key.path}\`\n\n${keyText(key)}`;
}

/** As Git hosts and the site make it of the heading of the key. */
function anchorOf(path: string): string {
  return path.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** Most people come from nginx. */
function sortKey(row: string): string {
  return `${row.startsWith('| nginx |') ? 0 : 1}${row.toLowerCase()}`;
}

function likenessSection(keys: readonly Key[]): string {
  const likenesses = keys.flatMap(({ path, schema }) =>
    Object.entries(annotationsOf(schema).like ?? {}).map(([program, setting]) => ({
      program,
      setting: settingText(setting),
      link: `[\`${path}\`](#${anchorOf(path)})`,
    })),
  );
  const rows = Map.groupBy(likenesses, ({ program, setting }) => `| ${program} | ${setting} |`);
  const sorted = [...rows].toSorted(([a], [b]) => (sortKey(a) < sortKey(b) ? -1 : 1));
  return [
    '## Settings of other programs',
    '',
    'What a setting of another program is called here. A similar key need not behave the same in every detail: the text of the key says what it does. For nginx, `framegate import`',
    '[translates whole configurations](from-nginx.md), and its page lists the settings that need no key here.',
    '',
    '| program | setting | key |',
    '|---|---|---|',
    ...sorted.map(([row, likes]) => `${row} ${likes.map(({ link }) => link).join(', ')} |`),
    '',
  ].join('\n');
}
