import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { type JsonSchema, jsonSchema } from '../../src/config/schema.ts';

const project = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(project, file), 'utf8');

interface Key {
  readonly path: string;
  readonly schema: JsonSchema;
}

/** Every key of the configuration: `listeners[].tls`, `upstreams.NAME.balance`. */
function keysOf(schema: JsonSchema, path = ''): readonly Key[] {
  const prefix = path === '' ? '' : `${path}.`;
  const { properties = {}, additionalProperties, items, anyOf = [] } = schema;
  const named = Object.entries(properties).flatMap(([name, child]) =>
    typeof child === 'object' ? [{ path: `${prefix}${name}`, schema: child }] : [],
  );
  return [
    ...named.flatMap((key) => [key, ...keysOf(key.schema, key.path)]),
    ...anyOf.flatMap((child) => (typeof child === 'object' ? keysOf(child, path) : [])),
    ...(typeof items === 'object' && !Array.isArray(items) ? keysOf(items, `${path}[]`) : []),
    ...(typeof additionalProperties === 'object' ? keysOf(additionalProperties, `${prefix}NAME`) : []),
  ];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const keys = keysOf(jsonSchema());

test('config.schema.json is what npm run schema would write', () => {
  assert.equal(read('config.schema.json'), `${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
});

test('every key is described', () => {
  assert.ok(keys.length > 30);
  for (const { path, schema } of keys) assert.ok(schema.description, `${path} has no description`);
});

test('docs/configuration.md has a row for every key, with its default', () => {
  const rows = new Map(
    [...read('docs/configuration.md').matchAll(/^\| `([a-zA-Z.[\]]+)` \| (.*?) ?\|/gm)].map((row) => [
      row[1],
      row[2],
    ]),
  );
  for (const { path, schema } of keys) {
    const value = schema.default;
    if (value === undefined) assert.ok(rows.has(path), `${path} has no row`);
    else assert.equal(rows.get(path), `\`${textOf(value)}\``, path);
  }
  const known = new Set(keys.map(({ path }) => path));
  assert.deepEqual(
    [...rows.keys()].filter((path) => !known.has(path)),
    [],
  );
});

test('descriptions tell the default', () => {
  for (const { path, schema } of keys) {
    if (schema.default === undefined || typeof schema.default === 'object') continue;
    assert.ok(schema.description?.includes(`Default: ${textOf(schema.default)}.`), path);
  }
});

test('config.example.yaml is accepted without a warning', () => {
  const result = parseConfig(read('config.example.yaml'), 'config.example.yaml');
  assert.ok('config' in result, JSON.stringify(result));
  assert.deepEqual(result.warnings, []);
});

test('config.example.yaml names every key, and its comments are valid too', () => {
  const text = read('config.example.yaml');
  assert.ok(text.startsWith('# yaml-language-server: $schema=./config.schema.json\n'));
  for (const { path } of keys) {
    const name = path.split('.').at(-1) ?? '';
    if (name !== 'NAME') assert.match(text, new RegExp(`\\b${name.replace('[]', '')}:`), path);
  }
  // Commented keys begin at the column where they would stand; prose has no colon after its first word.
  const uncommented = text
    .replaceAll(/^( *)# ( *(?:- )?[a-zA-Z]+:)(?= |$)/gm, '$1$2')
    .replaceAll(/^.*stripPrefix: \/grpc .*$/gm, '');
  assert.notEqual(uncommented, text);
  const result = parseConfig(uncommented, 'config.example.yaml');
  assert.ok('config' in result, JSON.stringify(result));
});

test('what the example shows as commented defaults are the defaults', () => {
  const example = parseConfig(read('config.example.yaml'), 'x');
  const spelledOut = parseConfig(
    read('config.example.yaml').replaceAll(
      /^# ( *(?:limits|connections|connectionsPerAddress|connectionAge|memory|drain|admin|log|concurrentStreams|streamWindow|connectionWindow|headerListSize|headerFields|timeout|address|level|access|syslogPrefix|format):)(?= |$)/gm,
      '$1',
    ),
    'x',
  );
  assert.ok('config' in example && 'config' in spelledOut, JSON.stringify(spelledOut));
  assert.deepEqual(spelledOut.config, example.config);
});
