// Chooses the worker for the next connection: the one with the fewest open streams; among equals, the one with the fewest connections;
// among equals, the next in turn.

export interface Candidate {
  readonly streams: number;
  readonly connections: number;
}

/**
 * @param turn breaks ties. The caller increments it with each call.
 * @returns the index of the chosen candidate, or -1 if there are no candidates
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
