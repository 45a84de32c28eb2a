// Reads YAML data that is not validated yet. A value of another kind than the one asked for counts as absent: the schema
// reports it, and the other checks ignore it.

export type RawMap = ReadonlyMap<string, unknown>;

export function mapOf(value: unknown): RawMap {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map();
  return new Map(Object.entries(value));
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
