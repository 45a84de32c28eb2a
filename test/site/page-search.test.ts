import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SearchedPage, searchPages } from '../../scripts/site/page-search.ts';

/** @param sections heading and text of each */
function page(
  routePath: string,
  title: string,
  sections: readonly (readonly [string, string])[],
): SearchedPage {
  let content = 'Introduction.\n\n';
  const toc = sections.map(([text, body]) => {
    const heading = { id: text.toLowerCase(), text: `\`${text}\``, charIndex: content.length };
    content += `${text}\n\n${body}\n\n`;
    return heading;
  });
  return { title, content, routePath, toc };
}

const reference = page('/reference', 'Reference', [
  ['limits.floods.resets', 'Streams that a client resets with RST_STREAM.'],
  ['connections.connectTimeoutOfOthers', 'Nothing.'],
  ['connections.connectTimeout', 'How long a connection may take.'],
  ['limits', 'Limits of a connection. See connectTimeout.'],
]);
const guide = page('/guide', 'Guide', [
  ['Retries', 'The first burst of a stream: a café, and 100 % — of the retry budget.'],
]);
const pages = [guide, reference];
const links = (query: string) => searchPages(pages, query).map(({ link }) => link);

test('a name with an underscore is found as it is, and not its parts within other words', () => {
  assert.deepEqual(links('RST_STREAM'), ['/reference#limits.floods.resets']);
});

test('a heading counts more than a text, and the last part of a key as the whole of it', () => {
  assert.deepEqual(links('connectTimeout'), [
    '/reference#connections.connecttimeout',
    '/reference#connections.connecttimeoutofothers',
    '/reference#limits',
  ]);
});

test('every word has to be there, in any order', () => {
  assert.deepEqual(links('budget retries'), ['/guide#retries']);
  assert.deepEqual(links('budget nowhere'), []);
  assert.deepEqual(links('   '), []);
});

test('what was found is marked in the excerpt, in the units of Rspress', () => {
  const [{ statement, highlightInfoList }] = searchPages(pages, 'retry budget');
  assert.equal(
    statement.slice(highlightInfoList[0].start).slice(0, highlightInfoList[0].length),
    'retry budget',
  );
  const [wide] = searchPages(pages, '% — of');
  assert.equal(wide.highlightInfoList[0].length, '% — of'.length + 2);
});

test('decisions come after pages for users', () => {
  const decision = page('/decisions/0001', 'Decision', [['Context', 'A retry budget.']]);
  assert.deepEqual(
    searchPages([decision, guide], 'retry budget').map(({ link }) => link),
    ['/guide#retries', '/decisions/0001#context'],
  );
});

test('one page does not crowd out the others', () => {
  const many = page(
    '/many',
    'Many',
    Array.from({ length: 40 }, (_, number) => [`Retry ${number}`, 'budget'] as const),
  );
  const found = searchPages([many, guide], 'retry budget').map(({ link }) => link.split('#')[0]);
  assert.equal(found.filter((link) => link === '/many').length, 4);
  assert.ok(found.includes('/guide'));
});

test('a table that names everything comes after each section that explains what is wanted', () => {
  const table = page('/configuration-reference', 'Reference', [
    ['Settings of other programs', 'nginx: rate limit'],
  ]);
  const guides = page('/features', 'Features', [['What is missing', 'A limit of the rate of calls.']]);
  const found = searchPages([table, guides], 'rate limit').map(({ link }) => link.split('#')[0]);
  assert.deepEqual(found, ['/features', '/configuration-reference']);
});
