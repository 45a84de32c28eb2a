// Every link in the project's Markdown leads somewhere: to a file that is there, and to a heading of it. So does every page of the
// documentation that a source, a script or an example names.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { anchorsIn, isExternal, linksIn } from '../scripts/site/markdown-links.ts';
import { projectAt } from '../scripts/site/staged-site.ts';

const root = join(import.meta.dirname, '..');
const { files, read } = projectAt(root);
/** Inputs and expected outputs of tests name files that are not there on purpose. */
const isTold = (file: string) => !file.startsWith('test/golden/');
const NAMED_PAGE = /(?<![\w/.-])docs\/[\w./-]+\.md(?:#[\w-]+)?/g;
const NAMES_PAGES =
  /^(?:src|scripts|site|deploy|bench|certs)\/.*\.(?:ts|mjs|yaml|json|service)$|^[^/]+\.(?:yaml|json)$|^Dockerfile$/;

function isBroken(from: string, link: string): boolean {
  if (isExternal(link)) return false;
  const [path, anchor] = link.split('#');
  const target = path === '' ? from : normalize(join(dirname(from), path));
  if (target.startsWith('..') || !existsSync(join(root, target))) return true;
  return anchor !== undefined && !(target.endsWith('.md') && anchorsIn(read(target)).has(anchor));
}

test('links between documents lead to files and headings that are there', () => {
  const documents = files.filter((file) => file.endsWith('.md') && isTold(file));
  assert.ok(documents.length > 50, 'the documents were found');
  const links = documents.flatMap((file) => linksIn(read(file)).map(({ target }) => ({ file, target })));
  assert.ok(links.length > 500, 'the links were found');
  const broken = links.filter(({ file, target }) => isBroken(file, target));
  assert.deepEqual(broken, []);
});

test('pages that sources, scripts and examples name are there, with their headings', () => {
  const sources = files.filter((file) => NAMES_PAGES.test(file));
  const named = sources.flatMap((file) =>
    Array.from(read(file).matchAll(NAMED_PAGE), ([page]) => ({ file, page })),
  );
  assert.ok(named.length > 5, 'the names were found');
  assert.deepEqual(
    named.filter(({ page }) => isBroken('README.md', page)),
    [],
  );
});

test('the index of docs leads to every page there', () => {
  const pages = readdirSync(join(root, 'docs')).filter(
    (file) => file.endsWith('.md') && file !== 'README.md',
  );
  const index = read('docs/README.md');
  assert.ok(pages.length > 10, 'the pages were found');
  assert.deepEqual(
    pages.filter((page) => !new RegExp(`\\]\\(${page}[)#]`).test(index)),
    [],
  );
});
