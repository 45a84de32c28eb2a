// What the fields of messages between processes may be. A check says of a received value whether it is of the kind.

export type Check = (value: unknown) => boolean;

export const isNumber: Check = (value) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
export const isWeight: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value > 0;
export const isText: Check = (value) => typeof value === 'string';
export const isNumbers: Check = (value) => value instanceof Float64Array;
export const isFiniteNumbers: Check = (value) =>
  value instanceof Float64Array && value.every((number) => Number.isFinite(number));
export const isBytes: Check = (value) => value instanceof Uint8Array;

export const isFinite: Check = (value) => typeof value === 'number' && Number.isFinite(value);
export const isBoolean: Check = (value) => typeof value === 'boolean';

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

export function isOneOf(...values: readonly string[]): Check {
  return (value) => typeof value === 'string' && values.includes(value);
}

export function isListOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

export function has(fields: Readonly<Record<string, Check>>): Check {
  return (value) => isRecord(value) && Object.entries(fields).every(([name, check]) => check(value[name]));
}

export function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}
