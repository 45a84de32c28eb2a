// Makes the descriptions that editors show: what a key does, its values, its default, and what it is like elsewhere, as plain text.

import { annotationsOf, likenessText, removeAnnotations } from './key-notes.ts';
import { defaultText, EACH_HAS_ONE, isSchema, valuesText } from './key-values.ts';
import type { JsonSchema } from './schema-values.ts';

/** @returns the schema without annotations, and with them in the descriptions */
export function describeKeys(schema: JsonSchema): JsonSchema {
  const described: JsonSchema = {};
  for (const [name, value] of Object.entries(schema)) described[name] = withDescribedKeys(name, value);
  if (schema.description !== undefined) described.description = describe(schema, schema.description);
  removeAnnotations(described);
  return described;
}

function withDescribedKeys(name: string, value: unknown): unknown {
  if (name === 'default' || name === 'examples') return value;
  if (name === 'properties' && isSchema(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, isSchema(inner) ? describeKeys(inner) : inner]),
    );
  }
  if (Array.isArray(value)) return value.map((one) => (isSchema(one) ? describeKeys(one) : one));
  return isSchema(value) && name !== 'patternProperties' ? describeKeys(value) : value;
}

function describe(schema: JsonSchema, text: string): string {
  const values = valuesText(schema);
  const unset = defaultText(schema);
  const { like, required } = annotationsOf(schema);
  const sentences = [
    text,
    ...(values === 'map' ? [] : [`Values: ${values}.`]),
    ...(required === undefined ? [] : [`Required ${required}.`]),
    ...(unset === undefined || unset === EACH_HAS_ONE ? [] : [`Default: ${unset}.`]),
    ...(like === undefined ? [] : [`Like ${likenessText(like)}.`]),
  ];
  return sentences.join(' ').replaceAll('`', '');
}
