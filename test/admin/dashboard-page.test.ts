// How the admin server serves the web dashboard: to whom, with which fields, and what it says where the page is not built.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DashboardPage, isOfDashboard } from '../../src/admin/dashboard-page.ts';

const built: ReadonlyMap<string, string> = new Map([
  ['/', '<!doctype html>'],
  ['/assets/index-a1.js', 'run()'],
  ['/assets/index-b2.css', 'p{}'],
]);

function missing(): Error {
  return Object.assign(new Error('there is no such folder'), { code: 'ENOENT' });
}

test('the page may load nothing from elsewhere, and its files are kept for as long as their name stays', async () => {
  const page = new DashboardPage(async () => built);
  const [html, script, style] = [
    await page.answer('/'),
    await page.answer('/assets/index-a1.js'),
    await page.answer('/assets/index-b2.css'),
  ];
  assert.deepEqual(
    [html, script, style].map((answer) => [answer?.status, answer?.text, answer?.contentType]),
    [
      [200, '<!doctype html>', 'text/html; charset=utf-8'],
      [200, 'run()', 'text/javascript; charset=utf-8'],
      [200, 'p{}', 'text/css; charset=utf-8'],
    ],
  );
  for (const answer of [html, script, style]) {
    assert.match(
      answer?.headers?.['content-security-policy'] ?? '',
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    );
    assert.equal(answer?.headers?.['referrer-policy'], 'same-origin');
  }
  assert.equal(html?.headers?.['cache-control'], undefined, 'the server says no-store');
  assert.match(script?.headers?.['cache-control'] ?? '', /immutable/);
});

test('there is nothing but the files that were found, whatever a request names', async () => {
  const page = new DashboardPage(async () => built);
  for (const path of [
    '/assets/',
    '/assets/index-c3.js',
    '/assets/../index.html',
    '/assets/%2e%2e/main.js',
    '/assets/__proto__',
  ])
    assert.equal(await page.answer(path), undefined, path);
});

test('files are read once, however often they are asked for', async () => {
  let read = 0;
  const page = new DashboardPage(async () => {
    read++;
    return built;
  });
  await Promise.all([page.answer('/'), page.answer('/'), page.answer('/assets/index-a1.js')]);
  await page.answer('/');
  assert.equal(read, 1);
});

test('a page that is not built says how to build it, and is there once it is', async () => {
  let isBuilt = false;
  const page = new DashboardPage(async () => {
    if (!isBuilt) throw missing();
    return built;
  });
  const answer = await page.answer('/');
  assert.equal(answer?.status, 503);
  assert.match(String(answer?.text), /npm run build:page/);
  isBuilt = true;
  assert.equal((await page.answer('/'))?.status, 200);
});

test('files that are there and cannot be read are a fault, and not a page that is missing', async () => {
  const page = new DashboardPage(async () => {
    throw Object.assign(new Error('denied'), { code: 'EACCES' });
  });
  await assert.rejects(page.answer('/'), /denied/);
});

test('a browser gets the page at /, and curl the list of pages', () => {
  assert.ok(isOfDashboard('/', 'text/html,application/xhtml+xml,*/*;q=0.8'));
  assert.ok(!isOfDashboard('/', '*/*'));
  assert.ok(!isOfDashboard('/live', 'text/html'));
  assert.ok(isOfDashboard('/assets/index-a1.js', '*/*'));
});
