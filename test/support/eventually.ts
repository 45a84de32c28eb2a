// Waits for something to become true. Tests wait for conditions, never for an amount of time.

/** What happens in this process takes a few turns of the event loop; what takes longer is looked for less often. */
const EAGER_TURNS = 50;
const POLL_MS = 5;
const DEFAULT_TIMEOUT_MS = 15_000;
/** For a process that starts on a machine with many others: no test is about how long that takes. */
export const START_TIMEOUT_MS = 120_000;

/** Resolves to the first value of `probe` that is neither undefined nor false; rejects, naming `what`, when none comes. */
export async function eventually<Value>(
  what: string,
  probe: () => Value | undefined | false | Promise<Value | undefined | false>,
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
): Promise<Value> {
  const endMs = performance.now() + timeoutMs;
  for (let turn = 0; ; turn++) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > endMs) throw new Error(`this never happened: ${what}`);
    await new Promise((resolve) => {
      if (turn < EAGER_TURNS) setImmediate(resolve);
      else setTimeout(resolve, POLL_MS);
    });
  }
}
