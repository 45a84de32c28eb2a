// What is said of a key that the schema does not know: that a later version has it, what others call so, where else in this
// configuration it stands, what it is a misspelling of.

import type { ConfigPath } from './config-path.ts';
import { foreignKey } from './foreign-keys.ts';
import { laterKey } from './later-version.ts';
import type { Finding } from './problem.ts';
import { type JsonSchema, jsonSchema } from './schema.ts';
import { suggest } from './suggestion.ts';

export interface UnknownKey {
  readonly finding: Finding;
  /** The key of the same map that is meant. */
  readonly meant: string | undefined;
}

export function unknownKey(parent: ConfigPath, key: string): UnknownKey {
  const place = { severity: 'error', path: [...parent, key], at: 'key' } as const;
  const later = laterKey(parent, key);
  if (later !== undefined) return { finding: { ...place, ...later }, meant: undefined };
  const { hint, meant } = explain(parent, key);
  return { finding: { ...place, message: 'unknown key', hint }, meant };
}

interface Explanation {
  readonly hint: string;
  readonly meant?: string | undefined;
}

function explain(parent: ConfigPath, key: string): Explanation {
  const allowed = allowedKeys(parent);
  const meant = suggest(key, allowed);
  const didYouMean = { hint: `did you mean '${meant}'?`, meant };
  // `strip_prefix` is a key of ours, whoever else has it.
  if (meant !== undefined && plain(meant) === plain(key)) return didYouMean;
  if (key.startsWith('x-')) return { hint: 'keys that begin with x- stand at the top of the file' };
  if (/^(\/\/|\/\*|;|--)/.test(key)) return { hint: "comments begin with '#'" };
  if (/[^\P{Zs} ]/u.test(key)) return { hint: 'a no-break space stands in it; indent with ordinary ones' };
  const elsewhere = placesOf(key);
  const prefix = prefixOf(parent);
  const deeper = prefix === '' ? undefined : elsewhere.find((path) => path.startsWith(prefix));
  if (deeper !== undefined) {
    return { hint: `write it as ${deeper}`, meant: deeper.slice(prefix.length).split(/[.[]/)[0] };
  }
  const foreign = foreignKey(parent, key);
  if (foreign !== undefined) return foreign;
  if (elsewhere.length > 0) return { hint: `it belongs elsewhere: ${elsewhere.slice(0, 3).join(', ')}` };
  if (meant !== undefined) return didYouMean;
  return { hint: `allowed here: ${allowed.join(', ')}` };
}

function plain(key: string): string {
  return key.toLowerCase().replaceAll(/[-_]/g, '');
}

/** `routes[].` for what stands in a route. */
function prefixOf(parent: ConfigPath): string {
  const text = parent.map((step, index) => {
    if (typeof step === 'number') return '[]';
    const shown = index === 1 && parent[0] === 'upstreams' ? 'NAME' : step;
    return index === 0 ? shown : `.${shown}`;
  });
  return text.length === 0 ? '' : `${text.join('')}.`;
}

/** Made when the first unknown key asks for it. */
let knownKeys: JsonSchema | undefined;
let places: ReadonlyMap<string, readonly string[]> | undefined;

function schemaOfAll(): JsonSchema {
  knownKeys ??= jsonSchema();
  return knownKeys;
}

/** Where a key of this name stands, as docs/configuration.md writes it. */
function placesOf(key: string): readonly string[] {
  places ??= Map.groupBy(namesIn(schemaOfAll(), ''), (path) => path.slice(path.lastIndexOf('.') + 1));
  return places.get(key) ?? [];
}

function namesIn(schema: JsonSchema, prefix: string): readonly string[] {
  return alternatives(schema).flatMap(({ properties = {}, items, additionalProperties }) => [
    ...Object.entries(properties).flatMap(([key, inner]) => {
      const path = `${prefix}${prefix === '' || prefix.endsWith('.') ? '' : '.'}${key}`;
      return [path, ...(typeof inner === 'object' ? namesIn(inner, path) : [])];
    }),
    ...(isSchema(items) ? namesIn(items, `${prefix}[]`) : []),
    ...(isSchema(additionalProperties) ? namesIn(additionalProperties, `${prefix}.NAME`) : []),
  ]);
}

function allowedKeys(path: ConfigPath): readonly string[] {
  let schemas: readonly JsonSchema[] = [schemaOfAll()];
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
  return isSchema(child) ? [child] : [];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
