// Which page of the site a file of the project becomes. Paths are relative to the project and to the site.

import { posix } from 'node:path';

/**
 * @param file a file, or a folder that has no README.md
 * @returns the path of the page, which ends in .md
 */
export function pagePath(file: string): string {
  if (file.startsWith('docs/')) {
    const path = file.slice('docs/'.length);
    return file.endsWith('.md') ? withIndex(path) : `${path}/index.md`;
  }
  if (!file.endsWith('.md')) return `files/${file}.md`;
  const name = file.replace(/\/README\.md$/, '.md').replaceAll('/', '-');
  return `project/${name.toLowerCase()}`;
}

/** Git hosts show README.md for its folder, the site shows index.md. */
function withIndex(path: string): string {
  return path.replace(/(^|\/)README\.md$/, '$1index.md');
}

export function imagePath(file: string): string {
  return file.replace(/^docs\//, '');
}

/** @returns the link from one page of the site to another file of it */
export function relativeLink(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}
