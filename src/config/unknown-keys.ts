// Explains a key that the schema does not know: whether a later version has it, what it means in another program, where else in
// this configuration it belongs, or which key it misspells.

import type { ConfigPath } from './config-path.ts';
import { laterKey } from './later-version.ts';
import { otherProgramKey } from './other-program-keys.ts';
import type { Finding } from './problem.ts';
import { type JsonSchema, jsonSchema } from './schema.ts';
import { suggest } from './suggestion.ts';

export interface UnknownKey {
  readonly finding: Finding;
  /** The key of the same map that the user meant, if it can be told. */
  readonly meant: string | undefined;
}

/** @param written the value of the key */
export function unknownKey(parent: ConfigPath, key: string, written?: unknown): UnknownKey {
  const place = { severity: 'error', path: [...parent, key], at: 'key' } as const;
  const later = laterKey(parent, key);
  if (later !== undefined) return { finding: { ...place, ...later }, meant: undefined };
  const { hint, meant } = explain(parent, key, written);
  return { finding: { ...place, message: 'unknown key', hint }, meant };
}

interface Explanation {
  readonly hint: string;
  readonly meant?: string | undefined;
}

function explain(parent: ConfigPath, key: string, written: unknown): Explanation {
  const allowed = allowedKeys(parent);
  const meant = suggest(key, allowed);
  const didYouMean = { hint: `did you mean '${meant}'?`, meant };
  // `strip_prefix` is a key of Framegate in another spelling, even if another program has that key too.
  if (meant !== undefined && plain(meant) === plain(key)) return didYouMean;
  if (key.startsWith('x-') && parent[0] === 'routes' && parent[2] === 'headers')
    return { hint: `write headers: { request: { set: { ${key}: … } } }` };
  if (key.startsWith('x-')) return { hint: 'keys that begin with x- stand at the top of the file' };
  if (/^(\/\/|\/\*|;|--)/.test(key)) return { hint: "comments begin with '#'" };
  if (/[^\P{Zs} ]/u.test(key)) return { hint: 'a no-break space stands in it; indent with ordinary ones' };
  const elsewhere = placesOf(key);
  const prefix = prefixOf(parent);
  const inOtherProgram = otherProgramKey(parent, key, written);
  const isOthers = (path: string): boolean => inOtherProgram !== undefined && isSeldomMeant(path, written);
  const deeper =
    prefix === '' ? undefined : elsewhere.find((path) => path.startsWith(prefix) && !isOthers(path));
  if (deeper !== undefined) {
    return { hint: `write it as ${deeper}`, meant: deeper.slice(prefix.length).split(/[.[]/)[0] };
  }
  if (inOtherProgram !== undefined) return inOtherProgram;
  if (meant !== undefined && (plain(key) === `${plain(meant)}s` || plain(meant) === `${plain(key)}s`))
    return didYouMean;
  if (elsewhere.length > 0) return { hint: `it belongs elsewhere: ${elsewhere.slice(0, 3).join(', ')}` };
  if (meant !== undefined) return didYouMean;
  return { hint: `allowed here: ${allowed.join(', ')}` };
}

/**
 * `name`, `port`, `type` and `timeout` of an upstream are seldom meant for DNS, health or keepalive, as other programs have keys of these
 * names for calls. Their `retries` are a number, ours a share. So is `timeout` of a route seldom meant for its authorizer or
 * a rate limit service.
 */
function isSeldomMeant(path: string, written: unknown): boolean {
  if (path === 'upstreams.NAME.limits.retries') return typeof written === 'number';
  return /^(?:upstreams\.NAME\.(?:dns|health|keepalive)|routes\[\]\.authorize)\.|^routes\[\]\.limits\[\]\.timeout$/.test(
    path,
  );
}

function plain(key: string): string {
  return key.toLowerCase().replaceAll(/[-_]/g, '');
}

/** The prefix of the keys below `parent`, such as `routes[].` for the keys of a route. */
function prefixOf(parent: ConfigPath): string {
  const text = parent.map((step, index) => {
    if (typeof step === 'number') return '[]';
    const shown = index === 1 && parent[0] === 'upstreams' ? 'NAME' : step;
    return index === 0 ? shown : `.${shown}`;
  });
  return text.length === 0 ? '' : `${text.join('')}.`;
}

/** Both are built when an unknown key first needs them. */
let knownKeys: JsonSchema | undefined;
let places: ReadonlyMap<string, readonly string[]> | undefined;

function schemaOfAll(): JsonSchema {
  knownKeys ??= jsonSchema();
  return knownKeys;
}

/** @returns every place of a key with this name, in the notation of docs/configuration-reference.md */
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
