// How short memory is, as a level, from how much is used of how much there is. A level is left only well below where it
// begins, so that a process at the border does not change its mind with every sample. Knows neither clock nor process.

/** 0: plenty; 1: caches are given back; 2: no new calls; 3: no new connections either. */
export type MemoryLevel = 0 | 1 | 2 | 3;

const LEVELS = [0, 1, 2, 3] as const;
/** The part of the limit at which each level begins. */
const BEGINS = [0, 0.8, 0.9, 0.97] as const;
/** By how much less of it a level ends. */
const HYSTERESIS = 0.05;

/** @param usedBytes now, with `before` as the level until now */
export function memoryLevel(before: MemoryLevel, usedBytes: number, limitBytes: number): MemoryLevel {
  const used = usedBytes / limitBytes;
  let level: MemoryLevel = 0;
  for (const candidate of LEVELS) {
    const begins = candidate <= before ? BEGINS[candidate] - HYSTERESIS : BEGINS[candidate];
    if (used >= begins) level = candidate;
  }
  return level;
}
