// The flags of Node with which a process that carries calls is started: by the unit of systemd, the image, the single executable, and the
// process that starts workers. `main.ts` names them too, since it loads nothing before it has looked at the version of Node.

/** With this flag SIGUSR1 does not open Node's debugger, not even before the first line of the program runs. */
const DEBUGGER_FLAG = '--disable-sigusr1';

/** How far the space for young objects may grow, in MiB. Nothing can set it once Node runs (docs/decisions/0074). */
const YOUNG_SPACE_FLAG = '--max-semi-space-size=4';

export const NODE_FLAGS: readonly string[] = [DEBUGGER_FLAG, YOUNG_SPACE_FLAG];

/** @returns these flags, and those of NODE_FLAGS that they say nothing about */
export function withNodeFlags(own: readonly string[]): string[] {
  return [...own, ...NODE_FLAGS.filter((flag) => !own.some((one) => nameOf(one) === nameOf(flag)))];
}

/** Node takes both `_` and `-` in the names of V8's flags. */
function nameOf(flag: string): string {
  return flag.replace(/=.*/, '').replaceAll('_', '-');
}
