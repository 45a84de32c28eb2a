// What a sentence about an endpoint may need to know beyond its address. Every part may be missing.

export interface ConnectDetails {
  /** How long was waited, where waiting came to an end. */
  readonly timeoutMs?: number | undefined;
  /** Whether the upstream's configuration has TLS spoken to the endpoint. */
  readonly isTls?: boolean | undefined;
  /** OpenSSL's or the HTTP parser's own words (`error.reason`), never `error.message`: that may quote the endpoint. */
  readonly reason?: string | undefined;
}

/** 'in 5 s', 'in 300 ms', or 'in time' where the time is not known. */
export function describeWait(timeoutMs: number | undefined): string {
  if (timeoutMs === undefined) return 'in time';
  return timeoutMs % 1000 === 0 ? `in ${timeoutMs / 1000} s` : `in ${timeoutMs} ms`;
}

const MOST_CHARACTERS = 120;

/** The reason in brackets, and a space before it; nothing where there is none. */
export function describeReason(reason: string | undefined): string {
  const text = (reason ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, MOST_CHARACTERS);
  return text === '' ? '' : ` (${text})`;
}
