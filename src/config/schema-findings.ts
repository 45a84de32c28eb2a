// From what the schema does not accept to sentences about it: where, what is expected, what was probably meant.

import type { ConfigPath } from './config-path.ts';
import { laterKey, laterValue } from './later-version.ts';
import type { Finding } from './problem.ts';
import { listOf, mapOf } from './raw-value.ts';
import { type JsonSchema, jsonSchema, type RawIssue, type SchemaIssue } from './schema.ts';
import { suggest } from './suggestion.ts';

/** Words for the issues of which the schema says no more than their kind. */
export function describeIssue(issue: RawIssue): string {
  if (issue.input === undefined) return 'is missing';
  if (issue.input === null) return 'is empty';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${nameOfType(issue.expected)}`;
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`;
    case 'too_small':
      if (issue.origin === 'number') return `must be at least ${issue.minimum}`;
      return issue.origin === 'array' ? 'must not be an empty list' : 'must not be empty';
    case 'too_big':
      return `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters long' : ''}`;
    default:
      return 'is not valid';
  }
}

/** `value` is the whole document the issues are about. */
export function findingsOf(issues: readonly SchemaIssue[], value: unknown): readonly Finding[] {
  return issues.flatMap((issue) => findingsOfIssue(issue, [], value));
}

function findingsOfIssue(issue: SchemaIssue, parent: ConfigPath, value: unknown): readonly Finding[] {
  const path = [...parent, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(path, key));
    case 'invalid_key':
      return issue.issues
        .flatMap((inner) => findingsOfIssue(inner, path, value))
        .map((found) => ({ ...found, at: 'key' }));
    case 'invalid_union': {
      const inner = branchOf(issue.errors);
      if (inner !== undefined) return inner.flatMap((each) => findingsOfIssue(each, path, value));
      break;
    }
  }
  const given = valueAt(value, path);
  const later = laterValue(path, given);
  const hint = issue.code === 'custom' ? hintOf(issue.params) : hintFor(given);
  return [{ severity: 'error', path, at: 'value', message: issue.message, hint, ...later }];
}

/** The alternative the user meant: the one whose kind of value was given, so that it complains of something within. */
function branchOf(branches: readonly (readonly SchemaIssue[])[]): readonly SchemaIssue[] | undefined {
  return branches.find((issues) =>
    issues.some(
      (issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys' || issue.code === 'custom',
    ),
  );
}

function unknownKey(parent: ConfigPath, key: string): Finding {
  const place = { severity: 'error', path: [...parent, key], at: 'key' } as const;
  const later = laterKey(parent, key);
  if (later !== undefined) return { ...place, ...later };
  const allowed = allowedKeys(parent);
  const meant = suggest(key, allowed);
  const hint = meant === undefined ? `allowed here: ${allowed.join(', ')}` : `did you mean '${meant}'?`;
  return { ...place, message: 'unknown key', hint };
}

/** Made when the first unknown key asks for it. */
let knownKeys: JsonSchema | undefined;

function allowedKeys(path: ConfigPath): readonly string[] {
  knownKeys ??= jsonSchema();
  let schemas: readonly JsonSchema[] = [knownKeys];
  for (const step of path) {
    schemas = schemas.flatMap((schema) => alternatives(schema)).flatMap((schema) => childOf(schema, step));
  }
  return schemas
    .flatMap((schema) => alternatives(schema))
    .flatMap((schema) => Object.keys(schema.properties ?? {}));
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf?.filter((alternative) => typeof alternative === 'object') ?? [schema];
}

function childOf(schema: JsonSchema, step: string | number): readonly JsonSchema[] {
  const { items, properties = {}, additionalProperties } = schema;
  const named = Object.hasOwn(properties, step) ? properties[step] : additionalProperties;
  const child = typeof step === 'number' ? items : named;
  return typeof child === 'object' && !Array.isArray(child) ? [child] : [];
}

function valueAt(value: unknown, path: ConfigPath): unknown {
  let current = value;
  for (const step of path) {
    current = typeof step === 'number' ? listOf(current)[step] : mapOf(current).get(step);
  }
  return current;
}

function hintOf(parameters: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const hint = parameters?.['hint'];
  return typeof hint === 'string' ? hint : undefined;
}

function hintFor(given: unknown): string | undefined {
  return given === null ? 'fill it in, or remove the key' : undefined;
}

function nameOfType(expected: string): string {
  switch (expected) {
    case 'string':
      return 'text';
    case 'int':
    case 'number':
      return 'a whole number';
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    default:
      return 'a map of keys and values';
  }
}
