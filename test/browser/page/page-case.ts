// What a case of the page is, and what cases say things with. A case rejects when the behaviour is not as it should be.

export interface PageCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

export function check(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Error(what);
}

/** Compared as JSON: values here are texts, numbers and lists of them. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [is, shouldBe] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== shouldBe) throw new Error(`${what}: is ${is}, should be ${shouldBe}`);
}

/** What `work` is rejected with. */
export async function failureOf(work: Promise<unknown>, what: string): Promise<unknown> {
  let value: unknown;
  try {
    value = await work;
  } catch (error) {
    return error;
  }
  throw new Error(`${what} went well: ${JSON.stringify(value)}`);
}

/** Asks again and again until the answer is something else than undefined. */
export async function eventually<Value>(what: string, ask: () => Promise<Value | undefined>): Promise<Value> {
  const endsAt = performance.now() + 10_000;
  while (performance.now() < endsAt) {
    const value = await ask();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what}: not within 10 s`);
}

/** Bytes without a pattern that a mixed-up piece could hide in. */
export function sampleBytes(sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes);
  let state = 1;
  for (let index = 0; index < sizeBytes; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

export function sameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  same(actual.length, expected.length, `${what}, bytes`);
  const index = actual.findIndex((byte, at) => byte !== expected[at]);
  if (index >= 0) throw new Error(`${what}: differs at byte ${index}`);
}
