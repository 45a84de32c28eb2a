// Crawls the built site: every link leads to a file and an anchor that are there, nothing comes from another server, and the search
// finds something.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SEARCH_GROUP } from './page-search.ts';
import { fileAt } from './site-server.ts';

export interface SiteFindings {
  readonly problems: readonly string[];
  /** One line that says what was looked at. */
  readonly summary: string;
}

const LINK = /<a\b[^>]*?\shref="([^"]*)"/g;
/** What a browser loads by itself. */
const LOADED = /<(?:script|img|source|link|iframe)\b[^>]*?\s(?:src|srcset|href)="([^"]*)"/g;
const LOADED_BY_STYLE = /(?:url\(|@import\s+)["']?([^"')\s]+)/g;
const ID = /\sid="([^"]*)"/g;
const LEAST_INDEX_ENTRIES = 50;

export function checkSite(folder: string, base: string): SiteFindings {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const crawl = new Crawl(folder, base);
  crawl.visit(join(folder, 'index.html'));
  const orphans = files
    .filter((file) => file.endsWith('.html') && file !== '404.html' && !crawl.visited.has(join(folder, file)))
    .map((file) => `${file}: no link leads there from the home page`);
  const problems = [
    ...crawl.problems,
    ...orphans,
    ...files.filter((file) => file.endsWith('.css')).flatMap((file) => styleProblems(folder, file)),
    ...searchProblems(folder, files),
  ];
  return {
    problems,
    summary: `${crawl.visited.size} pages, ${crawl.links} links, ${problems.length} problems`,
  };
}

class Crawl {
  readonly #folder: string;
  readonly #base: string;
  readonly #anchors = new Map<string, ReadonlySet<string>>();
  readonly visited = new Set<string>();
  readonly problems: string[] = [];
  links = 0;

  constructor(folder: string, base: string) {
    this.#folder = folder;
    this.#base = base;
  }

  /** Visits a page and all pages that can be reached from it. */
  visit(first: string): void {
    this.visited.add(first);
    // Grows while it is walked.
    for (const page of this.visited) this.#look(page);
  }

  #look(page: string): void {
    const html = readFileSync(page, 'utf8');
    const name = page.slice(this.#folder.length + 1);
    for (const [, href] of html.matchAll(LOADED)) {
      this.links++;
      if (href.startsWith('data:')) continue;
      if (isElsewhere(href)) this.problems.push(`${name}: ${href} is loaded from another server`);
      else if (this.#resolve(href, name) === undefined) this.problems.push(`${name}: ${href} is not there`);
    }
    for (const [, href] of html.matchAll(LINK)) {
      this.links++;
      if (!isElsewhere(href)) this.#follow(unescaped(href), page, name);
    }
  }

  #follow(href: string, page: string, name: string): void {
    const [path, anchor] = href.split('#');
    const target = path === '' ? page : this.#resolve(path, name);
    if (target === undefined) {
      this.problems.push(`${name}: ${href} is not there`);
      return;
    }
    if (target.endsWith('.html')) this.visited.add(target);
    if (anchor === undefined || anchor === '' || this.#anchorsOf(target).has(decodeURIComponent(anchor)))
      return;
    this.problems.push(`${name}: ${href} leads to no heading`);
  }

  #resolve(href: string, name: string): string | undefined {
    const { pathname } = new URL(unescaped(href), `http://site${this.#base}${name}`);
    return fileAt(this.#folder, this.#base, pathname);
  }

  #anchorsOf(file: string): ReadonlySet<string> {
    const known = this.#anchors.get(file);
    if (known !== undefined) return known;
    const anchors = new Set(Array.from(readFileSync(file, 'utf8').matchAll(ID), ([, id]) => unescaped(id)));
    this.#anchors.set(file, anchors);
    return anchors;
  }
}

function isElsewhere(href: string): boolean {
  return /^(?:[a-z][a-z+.-]*:|\/\/)/i.test(href);
}

function unescaped(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#x27;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

function styleProblems(folder: string, file: string): readonly string[] {
  const style = readFileSync(join(folder, file), 'utf8');
  return Array.from(style.matchAll(LOADED_BY_STYLE), ([, url]) => url)
    .filter((url) => isElsewhere(url) && !url.startsWith('data:'))
    .map((url) => `${file}: ${url} is loaded from another server`);
}

function searchProblems(folder: string, files: readonly string[]): readonly string[] {
  const indexes = files.filter((file) => /search_index.*\.json$/.test(file));
  const entries = indexes.flatMap((file): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8')));
  const scripts = files.filter((file) => file.endsWith('.js'));
  const isOurs = scripts.some((file) => readFileSync(join(folder, file), 'utf8').includes(SEARCH_GROUP));
  return [
    ...(indexes.length === 1 && entries.length >= LEAST_INDEX_ENTRIES
      ? []
      : [`the search index has ${entries.length} entries in ${indexes.length} files`]),
    ...(isOurs ? [] : ['the search is not that of scripts/site/page-search.ts']),
  ];
}
