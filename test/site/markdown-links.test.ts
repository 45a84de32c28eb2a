import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anchorsIn, linksIn, titleIn } from '../../scripts/site/markdown-links.ts';

const targets = (text: string) => linksIn(text).map(({ target }) => target);

test('links of Markdown, references and HTML are found, each where it stands', () => {
  const text = '[a](x.md#y) ![b](c.svg)\n\n[d]: e.md\n\n<source srcset="f.svg"><a href="g.md">g</a>';
  assert.deepEqual(targets(text), ['x.md#y', 'c.svg', 'e.md', 'f.svg', 'g.md']);
  for (const { target, start } of linksIn(text))
    assert.equal(text.slice(start, start + target.length), target);
});

test('what is shown as code is no link and no heading', () => {
  assert.deepEqual(targets('`[a](b.md)` and\n\n```md\n[c](d.md)\n# e\n```\n\n[f](g.md)'), ['g.md']);
  assert.deepEqual(
    [...anchorsIn('# One\n\n```sh\n# two\n```\n\n~~~\n# three\n~~~\n\n## Four')],
    ['one', 'four'],
  );
  assert.deepEqual(targets('a ` alone [b](c.md)'), ['c.md']);
});

test('a link around code is a link', () => {
  assert.deepEqual(targets('[`a.b`](c.md#d)'), ['c.md#d']);
});

test('anchors are those of Git hosts', () => {
  const text =
    '# `listeners[].tls`\n\n## Upstreams that speak HTTP/1.1\n\n## A [link](x.md), and *more*\n\n## Twice\n\n## Twice';
  assert.deepEqual(
    [...anchorsIn(text)],
    ['listenerstls', 'upstreams-that-speak-http11', 'a-link-and-more', 'twice', 'twice-1'],
  );
});

test('the title is the first heading, as text', () => {
  assert.equal(titleIn('text\n\n# The `key` of [all](a.md)\n\n# Other'), 'The key of all');
  assert.equal(titleIn('none'), undefined);
});
