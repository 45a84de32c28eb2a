// Every link between the project's own documents leads somewhere: to a file that is there, and to a heading of it.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');
/** Of Markdown, and of the pictures that are HTML. */
const LINK = /\]\(([^)\s]+)\)|\bsrc(?:set)?="([^"\s]+)"/g;
const HEADING = /^#+ (.*)$/gm;

function documents(): string[] {
  const below = (folder: string) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file));
  const places = [...readdirSync(root), ...below('docs'), 'bench/README.md', 'certs/README.md'];
  return places.filter((file) => file.endsWith('.md'));
}

/** As GitHub makes them of headings. */
function anchorsOf(file: string): ReadonlySet<string> {
  const headings = readFileSync(join(root, file), 'utf8').matchAll(HEADING);
  return new Set(
    Array.from(headings, ([, heading]) =>
      heading
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function isBroken(from: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return false;
  const [path, anchor] = link.split('#');
  const target = path === '' ? from : normalize(join(dirname(from), path));
  if (!existsSync(join(root, target))) return true;
  return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor);
}

test('links between documents lead to files and headings that are there', () => {
  const files = documents();
  assert.ok(files.length > 50, 'the documents were found');
  const broken = files.flatMap((file) => {
    const links = readFileSync(join(root, file), 'utf8').matchAll(LINK);
    return Array.from(links, ([, link, picture]) => link ?? picture)
      .filter((link) => isBroken(file, link))
      .map((link) => `${file}: ${link}`);
  });
  assert.deepEqual(broken, []);
});

test('the index of docs leads to every page there', () => {
  const pages = readdirSync(join(root, 'docs')).filter(
    (file) => file.endsWith('.md') && file !== 'README.md',
  );
  const index = readFileSync(join(root, 'docs/README.md'), 'utf8');
  assert.ok(pages.length > 10, 'the pages were found');
  assert.deepEqual(
    pages.filter((page) => !new RegExp(`\\]\\(${page}[)#]`).test(index)),
    [],
  );
});
