// Says in words which values a key takes and what its default is, by its JSON Schema.

import { annotationsOf } from './key-notes.ts';
import type { JsonSchema } from './schema-values.ts';

/** The default of a map. */
export const EACH_HAS_ONE = 'each of its keys has one';

/** Which values a key takes, in Markdown: "duration, `1ms` to `10m`; or `off`". */
export function valuesText(schema: JsonSchema): string {
  const { values, condition } = annotationsOf(schema);
  const text = values ?? valuesOf(schema);
  return condition === undefined ? text : `${text}; ${condition}`;
}

function valuesOf(schema: JsonSchema): string {
  const { anyOf, const: constant, enum: names, items } = schema;
  const { kind, between } = annotationsOf(schema);
  if (kind !== undefined) return `${kind}${between === undefined ? '' : `, ${rangeText(between)}`}`;
  if (constant !== undefined) return code(constant);
  if (names !== undefined) return names.map(code).join(', ');
  if (anyOf !== undefined) return alternativesText(anyOf.filter(isSchema));
  if (isSchema(items)) return `list of ${itemsText(items, schema)}`;
  return plainType(schema);
}

/** Words first, since "or `off`" reads better behind them. */
function alternativesText(schemas: readonly JsonSchema[]): string {
  const words = schemas.filter((schema) => !isWord(schema)).map(valuesOf);
  const constants = schemas.filter(isWord).map(valuesOf);
  const first = words.join(', or ');
  if (first === '') return constants.join(', ');
  return constants.length === 0 ? first : `${first}; or ${constants.join(', ')}`;
}

function isWord({ const: constant, enum: names }: JsonSchema): boolean {
  return constant !== undefined || names !== undefined;
}

function itemsText(items: JsonSchema, { minItems, maxItems }: JsonSchema): string {
  const count = maxItems === undefined ? (minItems === 1 ? ', one or more' : '') : `, 1 to ${maxItems}`;
  return `${itemText(items)}${count}`;
}

/** What the items of a list are, in the plural. */
function itemText(item: JsonSchema): string {
  const { kind } = annotationsOf(item);
  if (kind !== undefined) return plural(kind);
  if (item.anyOf !== undefined) return item.anyOf.filter(isSchema).map(itemText).join(', or of ');
  return item.enum === undefined ? 'maps' : valuesOf(item);
}

function plural(kind: string): string {
  return kind === 'address' ? 'addresses' : `${kind}s`;
}

function plainType({ type, minimum, maximum }: JsonSchema): string {
  if (type === 'integer' || type === 'number') {
    const words = type === 'integer' ? 'whole number' : 'number';
    return `${words}, ${minimum} to ${maximum}`;
  }
  if (type === 'boolean') return '`true`, `false`';
  return type === 'object' ? 'map' : 'text';
}

function rangeText([lowest, highest]: readonly [string, string]): string {
  return `\`${lowest}\` to \`${highest}\``;
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What holds without the key, in Markdown. Undefined where nothing does. */
export function defaultText(schema: JsonSchema): string | undefined {
  const { default: value } = schema;
  const { unset } = annotationsOf(schema);
  if (unset !== undefined || value === undefined) return unset;
  return isSchema(value) && Object.keys(value).length === 0 ? EACH_HAS_ONE : code(value);
}
