// What the page says when it is refused, and when the proxy drains, ends and comes back.

import assert from 'node:assert/strict';
import type { DashboardCase, DashboardContext } from './dashboard-case.ts';
import { LiveProxy } from './live-proxy.ts';
import { ShownPage } from './shown-page.ts';

const TOKEN = 'a-token-that-is-long-enough';

export const tokenAndDrainCases: readonly DashboardCase[] = [
  {
    name: 'a proxy with a token asks for it, refuses a wrong one, and is sent it as a header only',
    run: giveToken,
  },
  {
    name: 'draining needs the word, and the page says that the proxy drains, has ended, and is back',
    run: drain,
  },
];

async function giveToken({ browser, folder, certificates, after }: DashboardContext): Promise<void> {
  const proxy = await LiveProxy.start({ folder, certificates, token: TOKEN });
  after(() => proxy.stop());
  const shown = await ShownPage.open(browser, proxy.adminOrigin);
  const { page } = shown;
  const urls: string[] = [];
  page.on('request', (request) => urls.push(request.url()));
  await shown.says('This needs a token');
  await shown.assertAccessible();
  const field = page.getByLabel('Token of the admin server');
  await field.fill('a-wrong-token-of-some-length');
  await page.keyboard.press('Enter');
  await shown.says('The proxy does not accept this token');
  await field.fill(TOKEN);
  await page.getByRole('button', { name: 'Connect' }).click();
  await shown.says('Takes calls');
  await shown.goTo('Calls');
  await shown.says('There are no calls now');
  // The tab keeps it, another one does not.
  await page.reload();
  await shown.says('Takes calls');
  assert.ok(urls.every((url) => !url.includes(TOKEN)));
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  await shown.close();
  const other = await ShownPage.open(browser, proxy.adminOrigin);
  await other.says('This needs a token');
  await other.close();
}

async function drain({ browser, folder, certificates, after }: DashboardContext): Promise<void> {
  const proxy = await LiveProxy.start({ folder, certificates });
  after(() => proxy.stop());
  const shown = await ShownPage.open(browser, proxy.adminOrigin);
  const { page } = shown;
  await shown.says('Takes calls');
  await page.getByRole('button', { name: 'Drain…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Drain the proxy' });
  const confirm = dialog.getByRole('button', { name: 'Drain', exact: true });
  assert.ok(await confirm.isDisabled());
  await dialog.getByRole('textbox').fill('Drain it');
  assert.ok(await confirm.isDisabled());
  await shown.assertAccessible();
  // Escape closes it, and nothing has happened.
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Drain…' }).click();
  await dialog.getByRole('textbox').fill('drain');
  await page.keyboard.press('Enter');
  await proxy.ended();
  await shown.says(/The proxy has drained and has ended|The connection to the proxy is lost/);
  await shown.says('Not connected');
  await shown.assertAccessible();
  await proxy.startAgain();
  await shown.says(/The proxy was started anew at/);
  await shown.says('Takes calls');
  await shown.close();
}
