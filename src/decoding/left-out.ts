// What is said of a message of which bytes are missing, so that nothing is left to decode.

import type { MessageBytes } from './message-content.ts';

/**
 * Why a proxy sends fewer bytes of a message than it was asked for.
 * - rate: there is more content of messages than one subscriber gets in a second.
 * - memory: unfinished messages already keep as much as they may, or the message had begun before anybody wanted so much of it.
 */
export const LEFT_OUT = ['rate', 'memory'] as const;
export type LeftOut = (typeof LEFT_OUT)[number];

export interface SentBytes extends Pick<MessageBytes, 'bytes' | 'isTruncated'> {
  /** Why the proxy sends fewer bytes than it was asked for. Undefined if it does not. */
  readonly leftOut?: LeftOut | undefined;
}

const WHY: Readonly<Record<LeftOut, string>> = {
  rate: 'it sends a certain amount of content per second, and there is more; filters or a smaller --bytes help',
  memory:
    'it came in pieces, and such messages filled the memory for them, or it had begun before tap; filters or a smaller --bytes help',
};

/** @returns why nothing of the message can be decoded, whatever its descriptors are; undefined if something can */
export function whyNoBytes({ bytes, isTruncated, leftOut }: SentBytes): string | undefined {
  if (bytes.length > 0 || !isTruncated) return undefined;
  return `the proxy left out its bytes${leftOut === undefined ? '' : `: ${WHY[leftOut]}`}`;
}

/** @returns why nothing of a message can be decoded whose first bytes are there */
export function whyNoField({ bytes, leftOut }: SentBytes): string {
  const rest =
    leftOut === undefined ? '--bytes SIZE shows more' : `the proxy left out the rest: ${WHY[leftOut]}`;
  return `no field is complete in its first ${bytes.length} bytes; ${rest}`;
}
