// Parses the values in the `descriptors` of a limit with `service`: what a rate limit service is told of a call.

import type { DescriptorValue } from './limits-config.ts';
import { parseHeaderName } from './match-criteria.ts';
import { type Fault, isFault } from './problem.ts';

const FIXED = ['client', 'identity', 'route', 'method'] as const;
const HEADER = 'header:';
const TEXT = 'text:';
const LONGEST_TEXT = 200;

/** No message repeats the value, which may be a secret. */
export function parseDescriptorValue(given: string): DescriptorValue | Fault {
  const fixed = FIXED.find((one) => one === given);
  if (fixed !== undefined) return { kind: fixed };
  if (given.startsWith(TEXT)) {
    const text = given.slice(TEXT.length);
    if (text.length > 0 && text.length <= LONGEST_TEXT) return { kind: 'text', text };
    return { message: `holds no text of 1 to ${LONGEST_TEXT} characters`, hint: 'such as text:gold' };
  }
  if (!given.startsWith(HEADER)) {
    return {
      message: 'is nothing that a call has',
      hint: 'client, identity, route, method, header:NAME, or text:ANYTHING for a text that is always the same',
    };
  }
  if (given.startsWith(':', HEADER.length))
    return { message: `'${given}' names a pseudo-header`, hint: 'method is the path without its query' };
  const name = parseHeaderName(given.slice(HEADER.length));
  return isFault(name) ? name : { kind: 'header', name };
}
