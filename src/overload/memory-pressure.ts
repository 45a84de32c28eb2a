// Turns the used part of the available memory into a level of pressure. A level ends well below where it begins, so that a process
// at the border does not change its level with every sample. The function knows neither the clock nor the process.

/** 0: plenty of memory. 1: caches are freed. 2: new calls are refused. 3: new connections are refused too. */
export type MemoryLevel = 0 | 1 | 2 | 3;

const LEVELS = [0, 1, 2, 3] as const;
/** The fraction of the limit at which each level begins. */
const BEGINS = [0, 0.8, 0.9, 0.97] as const;
/** How far below its beginning a level ends, as a fraction of the limit. */
const HYSTERESIS = 0.05;

/** @param before the level until now */
export function memoryLevel(before: MemoryLevel, usedBytes: number, limitBytes: number): MemoryLevel {
  const used = usedBytes / limitBytes;
  let level: MemoryLevel = 0;
  for (const candidate of LEVELS) {
    const begins = candidate <= before ? BEGINS[candidate] - HYSTERESIS : BEGINS[candidate];
    if (used >= begins) level = candidate;
  }
  return level;
}
