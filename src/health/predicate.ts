// Words for what an endpoint has done, to be put behind its address: 'refused the connection: is the service running there?'.

import type { Address } from '../config/address.ts';
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

/** @returns the words for a GET of this path. A query stays out: services may ask for a token in it. */
export function shownGet(path: string): string {
  const query = path.indexOf('?');
  return `GET ${query === -1 ? path : path.slice(0, query)}`;
}

/** @returns what to do about a health check by GET that was not answered 200. Undefined where the status is no hint */
export function remedyOfStatus(httpStatus: number): string | undefined {
  if (httpStatus === 404) return 'set health.path to a path that the service answers 200';
  if (httpStatus === 401 || httpStatus === 403)
    return 'let the service answer this path without credentials, or set health.path to another one';
  if (httpStatus >= 300 && httpStatus < 400)
    return 'redirects are not followed: set health.path to where it leads';
  return httpStatus >= 500 ? 'the service says that it is not well: see its own log' : undefined;
}
