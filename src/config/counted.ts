// A number with its noun, for people.

/** @returns '1 call', '2 calls', '3 processes', and '? calls' for what is no number */
export function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${Number.isFinite(count) ? count : '?'} ${noun}${noun.endsWith('s') ? 'es' : 's'}`;
}
