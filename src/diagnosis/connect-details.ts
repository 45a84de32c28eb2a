// What a sentence about an endpoint can say besides the endpoint's address. Every part is optional.

export interface ConnectDetails {
  /** The time limit that expired, in milliseconds, if one did. */
  readonly timeoutMs?: number | undefined;
  /** Whether the upstream is configured to use TLS. */
  readonly isTls?: boolean | undefined;
  /** Whether the endpoint has begun HTTP/2 before, in this process. */
  readonly hasWorked?: boolean | undefined;
  /** The reason in the words of OpenSSL or the HTTP parser (`error.reason`). Never `error.message`, which can quote the endpoint. */
  readonly reason?: string | undefined;
}

/** @returns 'in 5 s', 'in 300 ms', or 'in time' if the time limit is not known */
export function describeWait(timeoutMs: number | undefined): string {
  if (timeoutMs === undefined) return 'in time';
  return timeoutMs % 1000 === 0 ? `in ${timeoutMs / 1000} s` : `in ${timeoutMs} ms`;
}

const MOST_CHARACTERS = 120;

/** @returns the reason in brackets with a space before it, or '' if there is no reason */
export function describeReason(reason: string | undefined): string {
  const text = (reason ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, MOST_CHARACTERS);
  return text === '' ? '' : ` (${text})`;
}
