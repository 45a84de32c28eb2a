// Numbers as ASCII digits straight into a buffer, for what is written once per exchange.
// Must never allocate, and never write more than `mostDigits` octets (`mostDigits + 4` with the fraction).

/** Digits of Number.MAX_SAFE_INTEGER. */
export const mostDigits = 16;

const zero = 48;
const point = 46;
const smallIntegers = 2 ** 31;

/** Writes a whole number and returns the offset after it. What is no number from 0 to 2^53 - 1 is moved there. */
export function writeDecimal(target: Buffer, offset: number, value: number): number {
  if (value >= 0 && value < 10) {
    target[offset] = zero + (value | 0);
    return offset + 1;
  }
  if (value >= 0 && value < smallIntegers) return writeSmall(target, offset, value | 0);
  return writeLarge(target, offset, value);
}

/** Writes milliseconds with exactly three decimals, rounded to the microsecond, without formatting a float. */
export function writeMilliseconds(target: Buffer, offset: number, durationMs: number): number {
  const microseconds = clamp(durationMs * 1000 + 0.5);
  const whole = Math.floor(microseconds / 1000);
  const fraction = microseconds - whole * 1000;
  const end = writeDecimal(target, offset, whole);
  target[end] = point;
  writeThreeDigits(target, end + 1, fraction);
  return end + 4;
}

/** Exactly three digits, for a whole number below 1,000. */
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
