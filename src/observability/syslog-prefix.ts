// The priority at the start of a line (sd-daemon(3)): journald removes it and stores the line with it. systemd interprets it
// unless the unit has SyslogLevelPrefix=no. The function is pure.

/** Maps the highest of pino's levels that has a prefix to that prefix, in rising order. Higher levels (`fatal`, 60) have <2>. */
const PREFIXES: readonly (readonly [level: number, prefix: string])[] = [
  [20, '<7>'],
  [30, '<6>'],
  [40, '<4>'],
  [50, '<3>'],
];

/** @param level the `level` of a line; none of them corresponds to the priority `notice` (5) */
export function syslogPrefixOf(level: number): string {
  for (const [highest, prefix] of PREFIXES) if (level <= highest) return prefix;
  return '<2>';
}
