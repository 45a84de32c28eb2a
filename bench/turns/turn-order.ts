// The order in which processes are loaded. What a turn costs depends on the process before it. So each process begins a round in its turn, and
// follows each of its two neighbours in as many rounds.

/**
 * @param round counted from 0
 * @returns all of them, in the order of this round. Each round begins with the next one. When all have begun, they begin again, each in the
 * other direction
 */
export function turnOrder<Runner>(runners: readonly Runner[], round: number): readonly Runner[] {
  const count = runners.length;
  const first = round % count;
  const step = (first + Math.floor(round / count)) % 2 === 0 ? 1 : count - 1;
  return runners.map((_, place) => runners[(first + place * step) % count]);
}
