// Times of the admin server as a person on this machine reads them.

import { textOf } from '../control/answer-fields.ts';

/** @param value a time in ISO 8601 @returns '2026-01-31 18:00:00' in the time zone of this machine */
export function localTime(value: unknown): string {
  const time = new Date(textOf(value));
  return Number.isNaN(time.getTime()) ? 'at an unknown time' : time.toLocaleString('sv-SE');
}
