// Which worker gets the next connection: the one with the fewest open streams, of those the one with the fewest
// connections, of those the next in turn.

export interface Candidate {
  readonly streams: number;
  readonly connections: number;
}

/**
 * @param turn where to begin where several are alike; one more each time
 * @returns the index of the chosen one; -1 where there is none
 */
export function chooseWorker(candidates: readonly Candidate[], turn: number): number {
  let chosen = -1;
  for (let step = 0; step < candidates.length; step++) {
    const index = (turn + step) % candidates.length;
    if (chosen === -1 || isLess(candidates[index], candidates[chosen])) chosen = index;
  }
  return chosen;
}

function isLess(one: Candidate, other: Candidate): boolean {
  if (one.streams !== other.streams) return one.streams < other.streams;
  return one.connections < other.connections;
}
