// Finds the files of an `include` with wildcards, as nginx does it (glob(3)): `*`, `?` and `[…]` within one step of the path, no
// hidden files unless the pattern says so, in alphabetical order.

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export function hasWildcard(path: string): boolean {
  return /[*?[]/.test(path);
}

/** Finds the files on this machine of several patterns, whose steps are bounded together. */
export class FileSearch {
  /** How many names more may be found on the way. */
  #left: number;

  constructor(mostNames: number) {
    this.#left = mostNames;
  }

  /**
   * @param pattern an absolute path
   * @returns the files that are there, sorted; folders that cannot be read hold none. Undefined once there are too many
   */
  find(pattern: string): readonly string[] | undefined {
    const steps = stepsOf(pattern);
    let found: readonly string[] = ['/'];
    for (const step of steps) {
      const next = hasWildcard(step)
        ? this.#matching(found, step)
        : found.map((folder) => join(folder, step));
      if (next === undefined) return undefined;
      found = next;
    }
    return found.filter(isThere).toSorted();
  }

  #matching(folders: readonly string[], step: string): readonly string[] | undefined {
    const found: string[] = [];
    for (const folder of folders) {
      for (const name of matchingNames(folder, step)) found.push(join(folder, name));
      if (found.length > this.#left) return undefined;
    }
    this.#left -= found.length;
    return found;
  }
}

/** Whether a path, whose files need not exist, fits a pattern. Both are absolute. */
export function fitsPattern(path: string, pattern: string): boolean {
  const steps = stepsOf(path);
  const patterns = stepsOf(pattern);
  return steps.length === patterns.length && patterns.every((one, index) => fits(steps[index], one));
}

function stepsOf(path: string): readonly string[] {
  return path.split('/').filter((step) => step !== '' && step !== '.');
}

/** A link without its file, and what may not be looked at, is there. The fault of reading it says more. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

function matchingNames(folder: string, step: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => fits(name, step));
  } catch {
    return [];
  }
}

/** Names of files have at most 255 bytes; the time to read a pattern full of open brackets grows with its square. */
const LONGEST_PATTERN = 1024;

/** Goes through both texts with one way back, to the last star: no pattern takes more than their product. */
function fits(name: string, pattern: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  if (pattern.length > LONGEST_PATTERN) return false;
  const parts = partsOf(pattern);
  let at = 0;
  let part = 0;
  let starAt = -1;
  let starPart = -1;
  while (at < name.length) {
    const wanted = parts[part];
    if (wanted === '*') {
      starPart = part++;
      starAt = at;
    } else if (wanted !== undefined && fitsCharacter(name[at], wanted)) {
      part++;
      at++;
    } else if (starPart >= 0) {
      part = starPart + 1;
      at = ++starAt;
    } else return false;
  }
  while (parts[part] === '*') part++;
  return part === parts.length;
}

/** Each part is `*`, `?`, a set in brackets, or a character. */
function partsOf(pattern: string): readonly string[] {
  return pattern.match(/\[[!^]?\]?[^\]]*\]|[^]/g) ?? [];
}

function fitsCharacter(character: string, part: string): boolean {
  if (part === '?') return true;
  if (part.length === 1) return part === character;
  const isNegated = /^\[[!^]/.test(part);
  const set = part.slice(isNegated ? 2 : 1, -1);
  const ranges = set.match(/[^]-[^]|[^]/g) ?? [];
  const isIn = ranges.some((range) =>
    range.length === 3 ? character >= range[0] && character <= range[2] : character === range,
  );
  return isIn !== isNegated;
}
