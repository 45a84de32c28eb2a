// XXH64, a fast hash of 64 bits that is the same on every machine (xxHash specification, "XXH64 Algorithm Description"), with seed 0.
// Without BigInt, which would allocate for each step: a number of 64 bits is two of 32.

// The five primes of the algorithm, by their upper and lower halves.
const [P1H, P1L] = [0x9e3779b1, 0x85ebca87];
const [P2H, P2L] = [0xc2b2ae3d, 0x27d4eb4f];
const [P3H, P3L] = [0x165667b1, 0x9e3779f9];
const [P4H, P4L] = [0x85ebca77, 0xc2b2ae63];
const [P5H, P5L] = [0x27d4eb2f, 0x165667c5];

/** The number that is being computed. Variables of the module, since a function cannot return two numbers without allocating. */
let high = 0;
let low = 0;
/** The upper and lower halves of the four accumulators. */
const highs = new Int32Array(4);
const lows = new Int32Array(4);
const ROTATIONS = [1, 7, 12, 18] as const;

function set(newHigh: number, newLow: number): void {
  high = newHigh | 0;
  low = newLow | 0;
}

function add(otherHigh: number, otherLow: number): void {
  const sum = (low + otherLow) | 0;
  // The lower half has overflowed if it is now less than what was added.
  high = (high + otherHigh + (sum >>> 0 < otherLow >>> 0 ? 1 : 0)) | 0;
  low = sum;
}

function multiply(otherHigh: number, otherLow: number): void {
  const a = low & 0xffff;
  const b = low >>> 16;
  const c = otherLow & 0xffff;
  const d = otherLow >>> 16;
  const middle = Math.imul(b, c) + (Math.imul(a, c) >>> 16);
  const cross = Math.imul(a, d) + (middle & 0xffff);
  const carried = Math.imul(b, d) + (middle >>> 16) + (cross >>> 16);
  high = (Math.imul(high, otherLow) + Math.imul(low, otherHigh) + carried) | 0;
  low = Math.imul(low, otherLow);
}

/** @param bits from 1 to 31 */
function rotate(bits: number): void {
  const upper = high;
  high = (upper << bits) | (low >>> (32 - bits));
  low = (low << bits) | (upper >>> (32 - bits));
}

/** One step of an accumulator: takes in eight bytes. */
function takeIn(inputHigh: number, inputLow: number): void {
  const accHigh = high;
  const accLow = low;
  set(inputHigh, inputLow);
  multiply(P2H, P2L);
  add(accHigh, accLow);
  rotate(31);
  multiply(P1H, P1L);
}

/** Four bytes, the lowest first. */
function read(text: string, at: number): number {
  return (
    (text.charCodeAt(at) & 0xff) |
    ((text.charCodeAt(at + 1) & 0xff) << 8) |
    ((text.charCodeAt(at + 2) & 0xff) << 16) |
    ((text.charCodeAt(at + 3) & 0xff) << 24)
  );
}

function keep(lane: number): void {
  highs[lane] = high;
  lows[lane] = low;
}

/** Takes in pieces of 32 bytes. @returns how many bytes were taken in */
function takePieces(text: string): number {
  set(P1H, P1L);
  add(P2H, P2L);
  keep(0);
  set(P2H, P2L);
  keep(1);
  set(0, 0);
  keep(2);
  set(~P1H, ~P1L);
  add(0, 1);
  keep(3);
  let at = 0;
  for (; at + 32 <= text.length; at += 32) {
    for (let lane = 0; lane < 4; lane++) {
      set(highs[lane], lows[lane]);
      takeIn(read(text, at + 8 * lane + 4), read(text, at + 8 * lane));
      keep(lane);
    }
  }
  converge();
  return at;
}

function converge(): void {
  let sumHigh = 0;
  let sumLow = 0;
  for (let lane = 0; lane < 4; lane++) {
    set(highs[lane], lows[lane]);
    rotate(ROTATIONS[lane]);
    add(sumHigh, sumLow);
    sumHigh = high;
    sumLow = low;
  }
  for (let lane = 0; lane < 4; lane++) {
    sumHigh = high;
    sumLow = low;
    set(0, 0);
    takeIn(highs[lane], lows[lane]);
    set(high ^ sumHigh, low ^ sumLow);
    multiply(P1H, P1L);
    add(P4H, P4L);
  }
}

/** Takes in what is left after pieces of 32 bytes. */
function takeRest(text: string, from: number): void {
  let at = from;
  for (; at + 8 <= text.length; at += 8) {
    const accHigh = high;
    const accLow = low;
    set(0, 0);
    takeIn(read(text, at + 4), read(text, at));
    set(high ^ accHigh, low ^ accLow);
    rotate(27);
    multiply(P1H, P1L);
    add(P4H, P4L);
  }
  if (at + 4 <= text.length) {
    const accHigh = high;
    const accLow = low;
    set(0, read(text, at));
    multiply(P1H, P1L);
    set(high ^ accHigh, low ^ accLow);
    rotate(23);
    multiply(P2H, P2L);
    add(P3H, P3L);
    at += 4;
  }
  for (; at < text.length; at++) {
    const accHigh = high;
    const accLow = low;
    set(0, text.charCodeAt(at) & 0xff);
    multiply(P5H, P5L);
    set(high ^ accHigh, low ^ accLow);
    rotate(11);
    multiply(P1H, P1L);
  }
}

function compute(text: string): void {
  let at = 0;
  if (text.length >= 32) at = takePieces(text);
  else set(P5H, P5L);
  add(0, text.length);
  takeRest(text, at);
  low ^= high >>> 1;
  multiply(P2H, P2L);
  set(high ^ (high >>> 29), low ^ ((low >>> 29) | (high << 3)));
  multiply(P3H, P3L);
  low ^= high;
}

/** @param text each of its characters is a byte. @returns the upper half of its hash, from 0 to 2^32 - 1 */
export function upperHash(text: string): number {
  compute(text);
  return high >>> 0;
}

/** @param text each of its characters is a byte. @returns the upper and the lower half of its hash */
export function wholeHash(text: string): readonly [high: number, low: number] {
  compute(text);
  return [high >>> 0, low >>> 0];
}
