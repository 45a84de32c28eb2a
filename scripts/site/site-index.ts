// The navigation of the site: the sections of docs/README.md, each with the pages that its rows lead to. So the site and a Git host
// have the same index.

import { posix } from 'node:path';
import { isExternal, linksIn, titleIn } from './markdown-links.ts';

export interface IndexSection {
  readonly title: string;
  /** Files of the project, each once in the whole index. */
  readonly files: readonly string[];
}

const INDEX = 'docs/README.md';

/** @param text of docs/README.md */
export function indexSections(text: string): readonly IndexSection[] {
  const parts = text.split(/^## +/m);
  const sections = parts.map((part, number) => ({
    title: number === 0 ? 'Overview' : part.slice(0, part.indexOf('\n')).trim(),
    links: linksIn(part).flatMap(({ target }) => (isExternal(target) ? [] : [linkTo(target)])),
  }));
  const homes = homesOf(sections);
  return sections.map(({ title }) => ({
    title,
    files: [...homes].filter(([, home]) => home === title).map(([file]) => file),
  }));
}

interface IndexLink {
  readonly file: string;
  readonly isToPart: boolean;
}

function linkTo(target: string): IndexLink {
  const [path, anchor] = target.split('#');
  return { file: posix.join(posix.dirname(INDEX), path), isToPart: anchor !== undefined };
}

/** A page belongs to the first section that leads to it as a whole, or else to the first that leads to a part of it. */
function homesOf(
  sections: readonly { title: string; links: readonly IndexLink[] }[],
): ReadonlyMap<string, string> {
  const homes = new Map<string, string>();
  const all = sections.flatMap(({ title, links }) => links.map((link) => ({ title, ...link })));
  const wholes = new Set(all.filter(({ isToPart }) => !isToPart).map(({ file }) => file));
  for (const { file, title, isToPart } of all) {
    if (homes.has(file) || (isToPart && wholes.has(file))) continue;
    homes.set(file, title);
  }
  return homes;
}

/** One entry of the sidebar, as Rspress takes it. */
export interface SidebarItem {
  readonly text: string;
  readonly link?: string;
  readonly collapsible?: boolean;
  readonly collapsed?: boolean;
  readonly items?: readonly SidebarItem[];
}

export interface SidebarSources {
  readonly read: (file: string) => string;
  /** The address of the page that a file has become, without its ending. */
  readonly addressOf: (file: string) => string;
  /** The pages below that of a folder, such as all diagnoses. */
  readonly filesBelow: (file: string) => readonly string[];
}

export function sidebarOf(
  sections: readonly IndexSection[],
  sources: SidebarSources,
): readonly SidebarItem[] {
  return sections.map(({ title, files }) => ({
    text: title,
    items: files.map((file) => itemOf(file, sources)),
  }));
}

function itemOf(file: string, sources: SidebarSources): SidebarItem {
  const item = { text: labelOf(file, sources), link: sources.addressOf(file) };
  const below = sources.filesBelow(file);
  if (below.length === 0) return item;
  return {
    ...item,
    collapsible: true,
    collapsed: true,
    items: below.map((one) => ({ text: labelOf(one, sources), link: sources.addressOf(one) })),
  };
}

function labelOf(file: string, { read }: SidebarSources): string {
  if (file === 'README.md') return 'README';
  if (file.endsWith('.md')) return titleIn(read(file)) ?? file;
  const name = posix.basename(file);
  return name.includes('.') ? name : name.charAt(0).toUpperCase() + name.slice(1);
}
