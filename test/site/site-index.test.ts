import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isExternal, linksIn } from '../../scripts/site/markdown-links.ts';
import { indexSections, type SidebarItem } from '../../scripts/site/site-index.ts';
import { projectAt, sidebarAt } from '../../scripts/site/staged-site.ts';

const root = join(import.meta.dirname, '../..');
const project = projectAt(root);

function flat(items: readonly SidebarItem[]): readonly SidebarItem[] {
  return items.flatMap((item) => [item, ...flat(item.items ?? [])]);
}

test('a page is in the section that leads to it as a whole, or else in the first that leads to a part of it', () => {
  const sections = indexSections(
    '# Docs\n\n[a](a.md)\n\n## One\n\n[b](b.md#x) [c](c.md#x) [r](../README.md)\n\n## Two\n\n[b](b.md) [c](c.md#y) [web](https://example.com)\n',
  );
  assert.deepEqual(sections, [
    { title: 'Overview', files: ['docs/a.md'] },
    { title: 'One', files: ['docs/c.md', 'README.md'] },
    { title: 'Two', files: ['docs/b.md'] },
  ]);
});

test('the sidebar has every page that docs/README.md leads to, once, and nothing else but the pages of its folders', () => {
  const links = linksIn(project.read('docs/README.md')).filter(({ target }) => !isExternal(target));
  const wanted = new Set(links.map(({ target }) => join('docs', target.split('#')[0])));
  const files = indexSections(project.read('docs/README.md')).flatMap((section) => section.files);
  assert.deepEqual(files.toSorted(), [...wanted].toSorted());
  for (const file of files) assert.ok(existsSync(join(root, file)), file);

  const addresses = flat(sidebarAt(project)).flatMap(({ link }) => link ?? []);
  assert.equal(new Set(addresses).size, addresses.length);
  for (const one of [
    '/configuration',
    '/configuration-reference',
    '/project/readme',
    '/files/config.example.yaml',
  ]) {
    assert.ok(addresses.includes(one), one);
  }
  const diagnoses = project.files.filter((file) => /^docs\/diagnoses\/FG\d+\.md$/.test(file));
  assert.ok(diagnoses.length > 40);
  assert.equal(addresses.filter((one) => one.startsWith('/diagnoses/FG')).length, diagnoses.length);
});

test('each entry of the sidebar has a text of its own', () => {
  for (const { text } of flat(sidebarAt(project))) assert.match(text, /^\S.*\S$/);
});
