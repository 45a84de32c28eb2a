// Something done at a fixed rate, whatever became of the times before: what was missed while the event loop was late is done at
// once, so that the rate holds, and how late it was is told.

/** Timers of Node fire once a millisecond at most: that is how finely the times are met. */
const TICK_MS = 1;

/**
 * Calls `act(index, lateMs)` at `perSecond` for `durationMs`, in order, and `afterTick` behind each batch.
 * Resolves when the last was done.
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
