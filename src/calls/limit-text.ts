// A limit of time in words for a person, who may look for the value in a configuration or a client.

const IN_SECONDS_FROM_MS = 10_000;

/** @returns '5000 ms', '3600 s', '59.998 s'. From 10 seconds on it is rounded to a millisecond */
export function limitText(limitMs: number): string {
  return limitMs < IN_SECONDS_FROM_MS ? `${limitMs} ms` : `${Math.round(limitMs) / 1000} s`;
}
