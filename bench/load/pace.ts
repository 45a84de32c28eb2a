// Repeats an action at a fixed rate, whatever the result of earlier actions. If the event loop is late, the missed actions are done at
// once, so that the rate holds, and each action learns how late it is.

/** The resolution: Node's timers fire at most once per millisecond. */
const TICK_MS = 1;

/**
 * Calls `act(index, lateMs)` at the rate `perSecond` for `durationMs`, in order, and `afterTick` after each batch.
 * Resolves when the last action is done.
 */
export async function pace(
  perSecond: number,
  durationMs: number,
  act: (index: number, lateMs: number) => void,
  afterTick: () => void,
): Promise<void> {
  const startedMs = performance.now();
  const total = Math.floor((durationMs * perSecond) / 1000);
  let done = 0;
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const elapsedMs = performance.now() - startedMs;
      const due = Math.min(total, Math.floor((elapsedMs * perSecond) / 1000));
      for (; done < due; done++) act(done, elapsedMs - (done * 1000) / perSecond);
      afterTick();
      if (done >= total) resolve();
      else setTimeout(tick, TICK_MS);
    };
    tick();
  });
}
