// Searches the pages of the site by section, in the browser. Rspress's own search takes RST_STREAM for "rst" and "stream" anywhere
// within words, finds "first" and "stream" on the first seven pages, and then shows none of them.

/** As Rspress writes a page to its search index. */
export interface SearchedPage {
  readonly title: string;
  readonly content: string;
  readonly routePath: string;
  readonly toc: readonly SearchedHeading[];
}

interface SearchedHeading {
  readonly id: string;
  readonly text: string;
  /** Where the heading stands in the content. */
  readonly charIndex: number;
}

/** As Rspress shows it. Places and lengths are in its units: a character beyond Latin-1 is three long. */
export interface SearchResult {
  readonly type: 'header' | 'content';
  readonly title: string;
  readonly header: string;
  readonly link: string;
  readonly query: string;
  readonly highlightInfoList: readonly { readonly start: number; readonly length: number }[];
  readonly statement: string;
}

interface Section {
  readonly page: SearchedPage;
  readonly heading: string;
  readonly link: string;
  readonly text: string;
}

interface Ranked {
  readonly section: Section;
  readonly rank: number;
}

/** Of the results in the panel. */
export const SEARCH_GROUP = 'Framegate by section';

const MOST_RESULTS = 30;
const MOST_OF_ONE_PAGE = 4;
const EXCERPT_LENGTH = 120;
/** What is read less often comes last. */
const LATER_PAGES = /^\/(?:files|decisions|project)\//;
/** Long tables that name everything: of what a person looks for they have a row, and another section explains it. */
const LATER_SECTIONS = /^(?:where the comparison comes from|settings of other programs)$/;
const LATER_RANK = 15;

/** @returns the sections that have every word of the query, the best first */
export function searchPages(pages: readonly SearchedPage[], query: string): readonly SearchResult[] {
  const wanted = query.trim().toLowerCase();
  const words = wanted.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return [];
  const ranked = pages
    .flatMap(sectionsOf)
    .map((section): Ranked => ({ section, rank: rankOf(section, wanted, words) }))
    .filter(({ rank }) => rank > 0)
    .toSorted((one, other) => other.rank - one.rank);
  return withFewOfEach(ranked)
    .slice(0, MOST_RESULTS)
    .map(({ section }) => resultOf(section, wanted, words));
}

function sectionsOf(page: SearchedPage): readonly Section[] {
  const { content, toc, title, routePath } = page;
  const first = { page, heading: title, link: routePath, text: content.slice(0, toc.at(0)?.charIndex) };
  return [
    first,
    ...toc.map(({ id, text, charIndex }, index) => ({
      page,
      heading: text.replaceAll('`', ''),
      link: `${routePath}#${id}`,
      text: content.slice(charIndex, toc.at(index + 1)?.charIndex),
    })),
  ];
}

/** @returns 0 if a word is missing */
function rankOf({ page, heading, text }: Section, wanted: string, words: readonly string[]): number {
  const head = heading.toLowerCase();
  const body = text.toLowerCase();
  const has = (place: string) => words.every((word) => place.includes(word));
  const later = LATER_PAGES.test(page.routePath) || LATER_SECTIONS.test(head) ? LATER_RANK : 0;
  // The last part of the name of a key counts as the whole of it.
  if (head === wanted || head.endsWith(`.${wanted}`)) return 100 - later;
  if (head.includes(wanted)) return 80 - later;
  if (has(head)) return 60 - later;
  // Below every section that has all words at all, but found.
  if (LATER_SECTIONS.test(head)) return has(body) ? 1 : 0;
  if (body.includes(wanted)) return 40 - later;
  return has(`${page.title.toLowerCase()} ${head} ${body}`) ? 20 - later : 0;
}

function withFewOfEach(ranked: readonly Ranked[]): readonly Ranked[] {
  const counts = new Map<SearchedPage, number>();
  return ranked.filter(({ section: { page } }) => {
    const count = (counts.get(page) ?? 0) + 1;
    counts.set(page, count);
    return count <= MOST_OF_ONE_PAGE;
  });
}

function resultOf(section: Section, wanted: string, words: readonly string[]): SearchResult {
  const { page, heading, link, text } = section;
  const isInHeading = words.every((word) => heading.toLowerCase().includes(word));
  const path = heading === page.title ? heading : `${page.title} > ${heading}`;
  const statement = isInHeading ? '' : excerpt(text, wanted, words);
  return {
    type: isInHeading ? 'header' : 'content',
    title: path,
    header: path,
    link,
    query: wanted,
    highlightInfoList: highlights(isInHeading ? path : statement, wanted, words),
    statement,
  };
}

/** The text around the first place that is found, in one line. */
function excerpt(text: string, wanted: string, words: readonly string[]): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const [place] = placesOf(line, wanted, words);
  const start = Math.max(0, (place?.start ?? 0) - EXCERPT_LENGTH / 3);
  const end = start + EXCERPT_LENGTH;
  return `${start > 0 ? '…' : ''}${line.slice(start, end)}${end < line.length ? '…' : ''}`;
}

function highlights(
  text: string,
  wanted: string,
  words: readonly string[],
): SearchResult['highlightInfoList'] {
  return placesOf(text, wanted, words).map(({ start, end }) => ({
    start,
    length: Array.from(text.slice(start, end)).reduce((sum, char) => sum + (char > '\u00ff' ? 3 : 1), 0),
  }));
}

/** Where the whole query stands, or else the first place of each word; they do not overlap. */
function placesOf(
  text: string,
  wanted: string,
  words: readonly string[],
): readonly { readonly start: number; readonly end: number }[] {
  const lower = text.toLowerCase();
  const looked = lower.includes(wanted) ? [wanted] : words;
  const places = looked
    .map((one) => ({ start: lower.indexOf(one), end: lower.indexOf(one) + one.length }))
    .filter(({ start }) => start >= 0)
    .toSorted((one, other) => one.start - other.start);
  return places.filter(({ start }, index) => index === 0 || start >= (places[index - 1]?.end ?? 0));
}
