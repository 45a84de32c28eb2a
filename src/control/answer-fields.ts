// Reads the answer of an admin server, which may have any form.

import { visibleText } from '../config/visible-text.ts';

/** @returns the value under a key of an answer, undefined for anything else */
export function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** @returns a text, number or boolean, harmless to print; it may have several lines. '' for anything else */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value).split('\n').map(visibleText).join('\n')
    : '';
}

/** @returns NaN for what is no number */
export function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}
