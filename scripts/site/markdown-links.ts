// Links and headings of a Markdown file, without those that are only shown in code.

/** Of Markdown, and of HTML within it. */
const LINK = /\]\(([^)\s]+)(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s+(\S+)|\b(?:src|srcset|href)="([^"\s]+)"/gm;
const HEADING = /^#{1,6} +(.*?)(?: +#+)?$/gm;
const FENCED = /^( *)(`{3,}|~{3,})[^\n]*\n[^]*?^\1\2`*~* *$/gm;
const INLINE_CODE = /(?<!`)(`+)(?!`)[^]*?(?<!`)\1(?!`)/g;
/** In place of code, so that all places stay the same. */
const BLANK = ' ';

export interface Link {
  /** As it is written: a path with an anchor, or a URL. */
  readonly target: string;
  /** Where the target begins in the file. */
  readonly start: number;
  readonly isHtml: boolean;
}

export function linksIn(text: string): readonly Link[] {
  return Array.from(withoutCode(text).matchAll(LINK), (match) => {
    const [whole, inline, reference, html] = match;
    const target = inline ?? reference ?? html ?? '';
    const start = match.index + whole.indexOf(target, inline === undefined ? 0 : 2);
    return { target, start, isHtml: html !== undefined };
  });
}

/** The anchors of the headings, as Git hosts and the site make them. The second of two equal ones ends in -1. */
export function anchorsIn(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const heading of headingsIn(text)) {
    const anchor = anchorOf(heading);
    let unused = anchor;
    for (let number = 1; anchors.has(unused); number++) unused = `${anchor}-${number}`;
    anchors.add(unused);
  }
  return anchors;
}

/** The first heading, as text. */
export function titleIn(text: string): string | undefined {
  const [first] = headingsIn(text);
  return first === undefined ? undefined : plainText(first);
}

export function isExternal(target: string): boolean {
  return /^(?:[a-z][a-z+.-]*:|\/\/)/i.test(target);
}

function headingsIn(text: string): readonly string[] {
  const withoutFenced = text.replaceAll(FENCED, blank);
  return Array.from(withoutFenced.matchAll(HEADING), ([, heading]) => heading);
}

function anchorOf(heading: string): string {
  return plainText(heading)
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
    .replaceAll(' ', '-');
}

function plainText(heading: string): string {
  return heading
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .trim();
}

function withoutCode(text: string): string {
  return text.replaceAll(FENCED, blank).replaceAll(INLINE_CODE, blank);
}

function blank(code: string): string {
  return code.replaceAll(/[^\n]/g, BLANK);
}
