import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { configurationReference, keysOf } from '../../scripts/configuration-reference.ts';
import { parseConfig } from '../../src/config/load-config.ts';
import { annotatedSchema, jsonSchema } from '../../src/config/schema.ts';
import { wholeExample } from '../support/whole-example.ts';

const project = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(project, file), 'utf8');

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const keys = keysOf(jsonSchema());

/** What editors show. */
function descriptionOf(wanted: string): string {
  return keys.find(({ path }) => path === wanted)?.schema.description ?? '';
}

test('config.schema.json is what npm run schema would write', () => {
  assert.equal(read('config.schema.json'), `${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
});

test('every key is described', () => {
  assert.ok(keys.length > 30);
  for (const { path, schema } of keys) assert.ok(schema.description, `${path} has no description`);
});

test('docs/configuration-reference.md is what npm run schema would write', () => {
  assert.equal(read('docs/configuration-reference.md'), configurationReference(annotatedSchema()));
});

test('the reference has each key once, with its default and its values', () => {
  const sections = read('docs/configuration-reference.md').split(/^#{2,3} (?=`)/m);
  const texts = new Map(sections.slice(1).map((text) => [text.slice(1, text.indexOf('`', 1)), text]));
  assert.equal(texts.size, sections.length - 1);
  assert.deepEqual(
    [...texts.keys()],
    keys.map(({ path }) => path),
  );
  for (const { path, schema, isRequired } of keys) {
    const text = texts.get(path) ?? '';
    assert.match(text, /^- Values: (?!undefined|.*\[object)\S/m, path);
    assert.equal(/^- Required: yes$/m.test(text), isRequired && schema.default === undefined, path);
    assert.ok(
      isRequired || /^- (?:Default|Required): \S/m.test(text),
      `${path} says neither a default nor when it is required`,
    );
    if (schema.default === undefined || typeof schema.default === 'object') continue;
    assert.ok(text.includes(`- Default: \`${textOf(schema.default)}\``), path);
  }
});

test('texts of keys are sentences that leave values, defaults and likenesses to their own fields', () => {
  for (const { path, schema } of keysOf(annotatedSchema())) {
    assert.match(schema.description ?? '', /^[A-Z`][^]*\.$/, path);
    assert.doesNotMatch(schema.description ?? '', /Default: |\bLike |\]\(/, path);
  }
});

test('editors are told the range of a duration, a size and a number', () => {
  assert.match(
    descriptionOf('drain.timeout'),
    /Values: duration, 0s to 24h; or off\. Default: 30s\. Like nginx/,
  );
  assert.match(descriptionOf('limits.memory'), /Values: size, 64MiB to 1023GiB; or auto, off\./);
  assert.match(descriptionOf('limits.headerFields'), /Values: whole number, 16 to 10000\./);
  assert.doesNotMatch(read('config.schema.json'), /x-framegate-/);
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
  const uncommented = wholeExample();
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
