import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { SEARCH_GROUP } from '../../scripts/site/page-search.ts';
import { checkSite } from '../../scripts/site/site-check.ts';
import { fileAt } from '../../scripts/site/site-server.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const index = JSON.stringify(Array.from({ length: 60 }, () => ({})));
const good: Readonly<Record<string, string>> = {
  'index.html': '<script src="/base/static/a.js"></script><a href="/base/one.html#h">one</a>',
  'one.html':
    '<h2 id="h">h</h2><a href="#h">h</a><a href="./index.html">home</a><a href="https://example.com">web</a>',
  '404.html': '',
  'static/a.js': `"${SEARCH_GROUP}"`,
  'static/a.css': 'a{background:url(data:image/png;base64,AA)}',
  'static/search_index.en.1.json': index,
};

function built(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-site-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

function problems(changed: Readonly<Record<string, string>>): readonly string[] {
  return checkSite(built({ ...good, ...changed }), '/base/').problems;
}

test('a site without faults has none', () => {
  assert.deepEqual(problems({}), []);
});

test('links to pages and headings that are not there are found', () => {
  assert.deepEqual(
    problems({ 'one.html': '<p id="h"><a href="/base/two.html">x</a><a href="/one.html">outside</a>' }),
    ['one.html: /base/two.html is not there', 'one.html: /one.html is not there'],
  );
  assert.deepEqual(problems({ 'one.html': '<p id="other">' }), [
    'index.html: /base/one.html#h leads to no heading',
  ]);
});

test('what a page would load from another server, or from nowhere, is found', () => {
  const page = `${good['one.html']}<link rel="stylesheet" href="https://fonts.example/a.css"><img src="gone.svg">`;
  assert.deepEqual(problems({ 'one.html': page }), [
    'one.html: https://fonts.example/a.css is loaded from another server',
    'one.html: gone.svg is not there',
  ]);
  assert.deepEqual(
    problems({ 'static/a.css': '@import "https://fonts.example/b";a{background:url(//x.example/y)}' }),
    [
      'static/a.css: https://fonts.example/b is loaded from another server',
      'static/a.css: //x.example/y is loaded from another server',
    ],
  );
});

test('a page to which nothing leads is found', () => {
  assert.deepEqual(problems({ 'two.html': '' }), ['two.html: no link leads there from the home page']);
});

test('a search without index, or with another searcher, is found', () => {
  assert.deepEqual(problems({ 'static/search_index.en.1.json': '[]' }), [
    'the search index has 0 entries in 1 files',
  ]);
  assert.deepEqual(problems({ 'static/a.js': '' }), [
    'the search is not that of scripts/site/page-search.ts',
  ]);
});

test('the server gives nothing outside the site', () => {
  const folder = built({ 'site/index.html': 'x', 'site/a.html': 'x', secret: 'x' });
  const site = join(folder, 'site');
  assert.equal(fileAt(site, '/', '/'), join(site, 'index.html'));
  assert.equal(fileAt(site, '/', '/a?b#c'), join(site, 'a.html'));
  for (const url of ['/../secret', '/%2e%2e/secret', '/..%2fsecret', '/%', '/a.html%00', '//secret']) {
    assert.equal(fileAt(site, '/', url), undefined, url);
  }
  assert.equal(fileAt(site, '/base/', '/a.html'), undefined);
});
