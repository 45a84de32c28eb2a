// Reads YAML data that is not validated yet. A value of another kind than the one asked for counts as absent: the schema
// reports it, and the other checks ignore it.

export type RawMap = ReadonlyMap<string, unknown>;

export function mapOf(value: unknown): RawMap {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map();
  return new Map(Object.entries(value));
}

/** The value of one key, without the work for the others. */
export function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** @returns where each of the texts stands first */
export function firstIndexes(
  texts: readonly (string | undefined)[],
): ReadonlyMap<string | undefined, number> {
  const firsts = new Map<string | undefined, number>();
  for (const [index, text] of texts.entries()) if (!firsts.has(text)) firsts.set(text, index);
  return firsts;
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
