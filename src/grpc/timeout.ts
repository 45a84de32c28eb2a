// Parses and formats the grpc-timeout field (gRPC over HTTP/2, section "Requests"): at most eight digits and a unit.
// Nothing here throws. The caller tells a malformed value from an absent one.

const CODE_ZERO = 0x30;
const MAX_DIGITS = 8;
const MAX_VALUE = 99_999_999;

const NANOSECONDS_PER_MS = 1e6;
const MICROSECONDS_PER_MS = 1e3;
const MS_PER_SECOND = 1000;
const MS_PER_MINUTE = 60_000;
const MS_PER_HOUR = 3_600_000;

const COARSE_UNITS: readonly (readonly [unitMs: number, unit: string])[] = [
  [1, 'm'],
  [MS_PER_SECOND, 'S'],
  [MS_PER_MINUTE, 'M'],
  [MS_PER_HOUR, 'H'],
];

/**
 * Zero is accepted and means "already expired": the gRPC document says positive, but grpc-go and grpc-java send `0n`.
 * @returns milliseconds, with a fraction for finer units, up to 99999999H, which is more than setTimeout takes; undefined if the
 * value is malformed
 */
export function parseGrpcTimeout(value: string): number | undefined {
  const digits = value.length - 1;
  if (digits < 1 || digits > MAX_DIGITS) return undefined;
  let amount = 0;
  for (let index = 0; index < digits; index += 1) {
    const digit = value.charCodeAt(index) - CODE_ZERO;
    if (digit < 0 || digit > 9) return undefined;
    amount = amount * 10 + digit;
  }
  switch (value[digits]) {
    case 'H':
      return amount * MS_PER_HOUR;
    case 'M':
      return amount * MS_PER_MINUTE;
    case 'S':
      return amount * MS_PER_SECOND;
    case 'm':
      return amount;
    // Division keeps 300 u at 0.3 ms; multiplication by 0.001 would give 0.30000000000000004.
    case 'u':
      return amount / MICROSECONDS_PER_MS;
    case 'n':
      return amount / NANOSECONDS_PER_MS;
    default:
      return undefined;
  }
}

/**
 * Formats a timeout in the finest unit from microseconds up that fits into eight digits. The value is rounded up, so that a
 * remaining time never becomes zero and the next hop never gives up first. If no time is left (or for NaN) the result is `1n`,
 * as in gRPC's C core: a service could refuse `0n` as malformed, because gRPC requires a positive integer.
 */
export function formatGrpcTimeout(timeoutMs: number): string {
  if (!(timeoutMs > 0)) return '1n';
  // Whole milliseconds are the common case of a configured timeout and are shorter this way.
  if (Number.isInteger(timeoutMs) && timeoutMs <= MAX_VALUE) return `${timeoutMs}m`;
  const microseconds = Math.ceil(timeoutMs * MICROSECONDS_PER_MS);
  if (microseconds <= MAX_VALUE) return `${microseconds}u`;
  for (const [unitMs, unit] of COARSE_UNITS) {
    const amount = Math.ceil(timeoutMs / unitMs);
    if (amount <= MAX_VALUE) return `${amount}${unit}`;
  }
  return `${MAX_VALUE}H`;
}
