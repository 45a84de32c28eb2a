// What an imported configuration says it has not carried over, as remarks in its text: how they begin, and how many there are.

/** How each of these remarks begins. Those at the head of the file list lines of the configuration of nginx, those at routes name them. */
export const NOT_CARRIED_OVER = 'NOT CARRIED OVER';

const TITLE = new RegExp(`^\\s*# ${NOT_CARRIED_OVER}, [^:]*:(.*)$`);
/** A line below a title at the head: its place, or its places (see placesText of the report), then the directive. */
const LISTED = /^# {3}(\S.*?) {2}((\S+).*)$/;
/** A directive with its place, as a remark at a route names it. */
const NAMED = /([^\s,]+) \(([^()]+:\d+)\)/g;

export interface NotCarriedOver {
  readonly count: number;
  /** Of the first remark. */
  readonly line: number;
  /** The first part, with its place in the configuration of nginx. */
  readonly first: string;
}

/** @returns undefined if the text has no such remark: it was not imported, or everything is settled and its remarks are removed */
export function findNotCarriedOver(text: string): NotCarriedOver | undefined {
  const listed: string[] = [];
  const named = new Set<string>();
  let line = 0;
  let isListing = false;
  for (const [index, written] of text.split(/\r?\n/).entries()) {
    const [, rest] = TITLE.exec(written) ?? [];
    if (rest !== undefined) {
      if (line === 0) line = index + 1;
      isListing = true;
      for (const [, name, place] of rest.matchAll(NAMED)) {
        // The head lists it already, unless somebody has removed it there.
        const key = `${place}  ${name}`;
        if (!named.has(key)) listed.push(key);
        named.add(key);
      }
      continue;
    }
    const [, place, directive, name] = LISTED.exec(written) ?? [];
    isListing &&= place !== undefined;
    if (!isListing || place === undefined) continue;
    for (const each of placesIn(place)) {
      listed.push(`${each}  ${directive}`);
      named.add(`${each}  ${name}`);
    }
  }
  return line === 0 || listed.length === 0 ? undefined : { count: listed.length, line, first: listed[0] };
}

/** @param text `a.conf:3`, or `a.conf:3, 8, b.conf:1 (3 times)`, where a line alone is one of the file named before it */
function placesIn(text: string): readonly string[] {
  let file = '';
  return text
    .replace(/ \(\d+ times\)$/, '')
    .split(', ')
    .map((each) => {
      if (/^\d+$/.test(each)) return `${file}:${each}`;
      file = each.slice(0, each.lastIndexOf(':'));
      return each;
    });
}
