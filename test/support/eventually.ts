// Waits for something to become true. Tests wait for conditions, never for an amount of time.

/** Conditions within this process need a few event-loop turns, so the first probes come turn by turn, and later ones less often. */
const EAGER_TURNS = 50;
const POLL_MS = 5;
/**
 * The most that one wait between two probes counts. If it takes longer, the machine did not run this process, which has seen nothing
 * meanwhile: what it waits for may be there already, and is known only a turn later.
 */
const MOST_COUNTED_MS = 50;
/** The most that one probe counts, as a part of the timeout. A process that is not run during a probe cannot be told from a slow probe. */
const MOST_OF_ONE_PROBE = 1 / 4;
const DEFAULT_TIMEOUT_MS = 15_000;
/** The limit for a process to start on a busy machine. No test is about how long that takes. */
export const START_TIMEOUT_MS = 120_000;

/**
 * Resolves to the first value of `probe` that is neither undefined nor false. Rejects with `what` in the message if none comes.
 * @param timeoutMs of probing, and of waiting while this process is run
 * @param nowMs the time in milliseconds from any start
 */
export async function eventually<Value>(
  what: string,
  probe: () => Value | undefined | false | Promise<Value | undefined | false>,
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
  nowMs: () => number = () => performance.now(),
): Promise<Value> {
  let spentMs = 0;
  for (let turn = 0; ; turn++) {
    const probedAtMs = nowMs();
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (spentMs > timeoutMs) throw new Error(`this never happened: ${what}`);
    const waitsAtMs = nowMs();
    await new Promise((resolve) => {
      if (turn < EAGER_TURNS) setImmediate(resolve);
      else setTimeout(resolve, POLL_MS);
    });
    spentMs += Math.min(waitsAtMs - probedAtMs, timeoutMs * MOST_OF_ONE_PROBE);
    spentMs += Math.min(nowMs() - waitsAtMs, MOST_COUNTED_MS);
  }
}
