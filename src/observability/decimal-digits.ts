// Writes numbers as ASCII digits directly into a buffer, for records that are written once per exchange.
// It must not allocate, nor write more than `mostDigits` bytes (`mostDigits + 4` with the fraction).

/** The number of digits of Number.MAX_SAFE_INTEGER. */
export const mostDigits = 16;

const zero = 48;
const point = 46;
const smallIntegers = 2 ** 31;

/**
 * Writes a whole number. A value outside 0 to 2^53 - 1 is clamped to that range; NaN becomes 0.
 * @returns the offset after the number
 */
export function writeDecimal(target: Buffer, offset: number, value: number): number {
  if (value >= 0 && value < 10) {
    target[offset] = zero + (value | 0);
    return offset + 1;
  }
  if (value >= 0 && value < smallIntegers) return writeSmall(target, offset, value | 0);
  return writeLarge(target, offset, value);
}

/** Writes milliseconds with exactly three decimals, rounded to the microsecond. It formats no float, which would be slow. */
export function writeMilliseconds(target: Buffer, offset: number, durationMs: number): number {
  const microseconds = clamp(durationMs * 1000 + 0.5);
  const whole = Math.floor(microseconds / 1000);
  const fraction = microseconds - whole * 1000;
  const end = writeDecimal(target, offset, whole);
  target[end] = point;
  writeThreeDigits(target, end + 1, fraction);
  return end + 4;
}

/** Writes a whole number below 1,000 as exactly three digits. */
export function writeThreeDigits(target: Buffer, offset: number, value: number): void {
  const tens = (value / 10) | 0;
  const hundreds = (value / 100) | 0;
  target[offset] = zero + hundreds;
  target[offset + 1] = zero + tens - hundreds * 10;
  target[offset + 2] = zero + value - tens * 10;
}

function writeSmall(target: Buffer, offset: number, value: number): number {
  let end = offset + 1;
  for (let bound = 10; bound <= value; bound *= 10) end += 1;
  let rest = value;
  for (let at = end - 1; at >= offset; at -= 1) {
    const next = (rest / 10) | 0;
    target[at] = zero + rest - next * 10;
    rest = next;
  }
  return end;
}

function writeLarge(target: Buffer, offset: number, value: number): number {
  const whole = clamp(value);
  if (whole < smallIntegers) return writeSmall(target, offset, whole);
  const thousands = Math.floor(whole / 1000);
  const end = writeDecimal(target, offset, thousands);
  writeThreeDigits(target, end, whole - thousands * 1000);
  return end + 3;
}

function clamp(value: number): number {
  if (!(value > 0)) return 0;
  return Math.floor(Math.min(value, Number.MAX_SAFE_INTEGER));
}
