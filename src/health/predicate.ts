// Words for what an endpoint has done, to be put behind its address: 'refused the connection: is the service running there?'.

import type { Address } from '../config/config.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';

export function predicateOf({ text }: Address, { sentence }: Diagnosis): string {
  return sentence.startsWith(`${text} `)
    ? sentence.slice(text.length + 1)
    : `could not be reached: ${sentence}`;
}

/** The beginning of a text of the endpoint, without control characters. */
export function plain(text: string): string {
  return text.slice(0, 100).replaceAll(/[^\x20-\x7e]/g, '?');
}
