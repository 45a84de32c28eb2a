// The dashboard of a proxy that has more of everything than a test can make, and whose clients send texts that try to be markup.

import assert from 'node:assert/strict';
import type { DashboardCase, DashboardContext } from './dashboard-case.ts';
import { MadeUpProxy } from './made-up-proxy.ts';
import { ShownPage } from './shown-page.ts';

export const largeProxyCases: readonly DashboardCase[] = [
  {
    name: 'of 10,000 calls and 200 routes only the rows in view are elements, and all can be reached',
    run: scrollThrough,
  },
  {
    name: 'texts from the network are shown as text, fit on a phone, and axe finds nothing',
    run: showHostileTexts,
  },
];

const MOST_ROWS = 60;

async function scrollThrough({ browser, after }: DashboardContext): Promise<void> {
  const proxy = await MadeUpProxy.start();
  after(() => proxy.stop());
  const shown = await ShownPage.open(browser, proxy.origin);
  const { page } = shown;
  await shown.goTo('Calls');
  await shown.says('10,000 calls, the first');
  // More are read as often as the end comes into view.
  await page.waitForFunction(() => {
    const box = document.querySelector('#calls .table-box');
    box?.scrollTo(0, box.scrollHeight);
    return document.querySelector('#calls table')?.getAttribute('aria-rowcount') === '10001';
  });
  await shown.becomes(
    'the last call is in view',
    () => document.querySelector('#calls tr[aria-rowindex="10001"]') !== null,
  );
  assert.ok((await page.locator('#calls tbody tr').count()) <= MOST_ROWS);
  const routes = shown.section('Routes');
  assert.ok((await routes.locator('tbody tr').count()) <= MOST_ROWS);
  // By keyboard: the table is a stop, and End leads to its last row.
  await routes.locator('.table-box').focus();
  await page.keyboard.press('End');
  await shown.becomes(
    'the last route is in view',
    () => document.querySelector('#routes tr[aria-rowindex="201"]') !== null,
  );
  await shown.section('Live calls').getByLabel('Held up by').selectOption('client');
  await shown.says('2,500 of 10,000 calls');
  await shown.close();
}

async function showHostileTexts({ browser, after }: DashboardContext): Promise<void> {
  const proxy = await MadeUpProxy.start();
  after(() => proxy.stop());
  for (const look of [
    { width: 1440, theme: 'light' },
    { width: 390, theme: 'dark' },
  ] as const) {
    const shown = await ShownPage.open(browser, proxy.origin, look);
    const { page } = shown;
    await shown.goTo('Calls');
    await shown.says('10,000 calls, the first');
    await shown.becomes('the end of each method that has room is in view', () => {
      const ends = [...document.querySelectorAll('#calls .method-end')].filter(
        ({ textContent }) => textContent === '/StreamAudio',
      );
      return ends.length > 0 && ends.every((end) => end.scrollWidth <= end.clientWidth + 1);
    });
    await shown.says(/Panic since [\d:]+: so few endpoints can be used/);
    await page.getByText('gets calls in the panic').first().waitFor();
    // A phone has no room for the bars.
    if (look.width === 1440)
      await page
        .getByRole('img', { name: /^good for 5 min.*, not known before$/ })
        .first()
        .waitFor();
    const refused = shown.section('Refused clients');
    await refused.getByText('50 addresses').waitFor();
    const counts = refused.getByRole('list', { name: 'How often each diagnosis was given since the start' });
    // Nothing of diagnoses that are not in the list.
    assert.equal(await counts.innerText(), 'FG1001 1,300');
    const reasons = refused.getByRole('list', { name: 'Reasons of FG1001, the newest first' });
    await reasons.getByText('17 times').waitFor();
    await reasons.getByText('9 times').waitFor();
    await reasons.getByText('and 1,274 times for earlier reasons').waitFor();
    await refused.getByText('Addresses', { exact: true }).click();
    await refused.getByText('192.0.2.20:4219').waitFor();
    await refused.getByText('And 30 more entries.').waitFor();
    // What was added has its keys in lines.
    const added = shown.section('Configuration').locator('ins', { hasText: 'match:' });
    assert.match(
      await added.innerText(),
      /^match:\n {2}path: .*\nheaders:\n {2}request:\n {4}set:\n {6}x-note: /s,
    );
    await page.getByRole('button', { name: '10.0.6.3:50051' }).click();
    await page.getByText('became unreachable').first().waitFor();
    await page.getByText('What to do').first().click();
    await page.getByText('<img src=x onerror', { exact: false }).first().waitFor();
    const made = await page
      .locator('#page :is(img, script, iframe, object, form:not([class]), a[href^="javascript:"])')
      .count();
    assert.deepEqual([made, await page.title()], [0, 'Framegate']);
    await shown.assertFits();
    await shown.assertAccessible();
    await shown.close();
  }
}
