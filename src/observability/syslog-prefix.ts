// The priority in front of a line, as sd-daemon(3) has it: journald takes it off and files the line by it. systemd reads it
// unless a unit says SyslogLevelPrefix=no. Pure.

/** Lowest level first; pino's numbers, of which `fatal` is 60. */
const PREFIXES: readonly (readonly [level: number, prefix: string])[] = [
  [20, '<7>'],
  [30, '<6>'],
  [40, '<4>'],
  [50, '<3>'],
];

/** @param level as in the `level` of a line; `notice` (5) has nothing that it would stand for here. */
export function syslogPrefixOf(level: number): string {
  for (const [highest, prefix] of PREFIXES) if (level <= highest) return prefix;
  return '<2>';
}
