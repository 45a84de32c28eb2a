import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withPictures } from '../../scripts/site/diagrams.ts';
import { stagePages } from '../../scripts/site/staged-pages.ts';

function stage(files: Readonly<Record<string, string>>, roots: readonly string[]) {
  const project = { files: Object.keys(files), read: (file: string) => files[file] };
  return stagePages(project, roots, '/base/');
}

test('links lead to the pages that the files have become', () => {
  const { pages } = stage(
    {
      'README.md': '[docs](docs/README.md) [reference](docs/a.md#key)',
      'docs/README.md': '[a](a.md) [readme](../README.md#x) [here](#y) [web](https://example.com/a.md)',
      'docs/a.md': '[up](README.md) [deep](deep/README.md) `[no](link.md)`',
      'docs/deep/README.md': '[a](../a.md)',
    },
    ['docs/README.md'],
  );
  assert.deepEqual(Object.fromEntries(pages), {
    'index.md': '[a](./a.md) [readme](./project/readme.md#x) [here](#y) [web](https://example.com/a.md)',
    'a.md': '[up](./index.md) [deep](./deep/index.md) `[no](link.md)`',
    'deep/index.md': '[a](../a.md)',
    'project/readme.md': '[docs](../index.md) [reference](../a.md#key)',
  });
});

test('a file and a folder that are no Markdown get pages that show them', () => {
  const { pages } = stage(
    {
      'docs/README.md': '[one](../x.yaml) [two](../deploy)',
      'x.yaml': 'a: ```',
      'deploy/one': '1',
      'deploy/two': '2',
    },
    ['docs/README.md'],
  );
  assert.equal(pages.get('index.md'), '[one](./files/x.yaml.md) [two](./files/deploy.md)');
  assert.equal(pages.get('files/x.yaml.md'), '# x.yaml\n\n````yaml\na: ```\n````\n');
  assert.match(pages.get('files/deploy.md') ?? '', /## deploy\/one[^]*\n1\n[^]*## deploy\/two[^]*\n2\n/);
});

test('a folder of Markdown gets a page that lists its pages, or its README.md', () => {
  const { pages } = stage(
    {
      'docs/README.md': '[all](decisions) [two](two/)',
      'docs/decisions/1.md': '# One',
      'docs/two/README.md': '# Two',
    },
    ['docs/README.md'],
  );
  assert.equal(pages.get('index.md'), '[all](./decisions/index.md) [two](./two/index.md)');
  assert.equal(pages.get('decisions/index.md'), '# Decisions\n\n- [One](./1.md)\n');
  assert.equal(pages.get('decisions/1.md'), '# One');
});

test('images are copied, and named by those of HTML with the path at which the site is served', () => {
  const { pages, images } = stage(
    { 'README.md': '![a](docs/x/a.svg) <img src="docs/x/a.svg">', 'docs/x/a.svg': '' },
    ['README.md'],
  );
  assert.equal(pages.get('project/readme.md'), '![a](../x/a.svg) <img src="/base/x/a.svg">');
  assert.deepEqual([...images], [['docs/x/a.svg', 'x/a.svg']]);
});

test('a link to nothing is an error that names it', () => {
  assert.throws(() => stage({ 'README.md': '[a](gone.md)' }, ['README.md']), /gone\.md/);
});

test('a diagram becomes a picture, and text beside it stays', () => {
  const page = withPictures(
    'a\n\n```mermaid\nflowchart LR\n```\n\nb\n',
    (text) => `<svg width="900">${text}</svg>`,
    (svg) => {
      assert.equal(svg, '<svg width="900">flowchart LR\n</svg>');
      return '/p.svg';
    },
  );
  assert.equal(
    page,
    'a\n\n<div class="diagram"><img alt="Diagram" src="/p.svg" style="min-width: 640px" /></div>\n\n\nb\n',
  );
});
