// The dashboard of a running proxy with real calls and real faults.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DashboardCase, DashboardContext } from './dashboard-case.ts';
import { LiveProxy } from './live-proxy.ts';
import { writePicture } from './pictures.ts';
import { RealCalls } from './real-calls.ts';
import { ShownPage } from './shown-page.ts';

/** How long there are calls before a picture is taken. */
const BEFORE_PICTURE_MS = 200_000;
/** The page shows rates of ten seconds. */
const RATES_MS = 12_000;
const LOOKS = [
  { width: 1440, theme: 'light' },
  { width: 1440, theme: 'dark' },
  { width: 390, theme: 'light' },
  { width: 390, theme: 'dark' },
] as const;

export const liveProxyCases: readonly DashboardCase[] = [
  {
    name: 'calls, failures, a silent service, endpoints that are gone and a refused client are shown, and axe finds nothing',
    run: showEverything,
  },
  { name: 'every control does what it says, by mouse and by keyboard', run: useControls },
  { name: 'a reload is shown with what differs, and a refused one with its problems', run: reload },
];

async function showEverything(context: DashboardContext): Promise<void> {
  const { browser, pictures } = context;
  const { proxy } = await startScene(context, 2);
  const shown = await ShownPage.open(browser, proxy.adminOrigin);
  await shown.section('Endpoints').getByText('unreachable', { exact: true }).first().waitFor();
  if (pictures !== undefined) await sleep(BEFORE_PICTURE_MS);
  // An endpoint that comes and goes has a history.
  proxy.stopOneVoice();
  await shown.section('Endpoints').getByText('1 of 3 can be used').waitFor();
  await proxy.startOneVoice();
  await shown.section('Endpoints').getByText('2 of 3 can be used').waitFor();
  proxy.configure(4);
  proxy.reload();
  await shown.section('Configuration').getByText('What differs from epoch 1').waitFor();
  if (pictures !== undefined) await sleep(30_000);
  await shown.assertTablesFit([910, 1000, 1100, 1280, 1310, 1440, 1920]);
  await shown.close();
  const taken: (readonly [name: string, png: Buffer])[] = [];
  for (const look of LOOKS) {
    const page = await ShownPage.open(browser, proxy.adminOrigin, look);
    await assertEverything(page);
    await page.assertFits();
    // A page that has just opened has no rates of routes and endpoints yet.
    if (pictures !== undefined) await sleep(RATES_MS);
    if (pictures !== undefined) taken.push(...(await picturesOf(page, look)));
    await page.assertAccessible();
    await page.close();
  }
  // Not meanwhile: the calls come from this process, and wait while a picture is made small.
  if (pictures !== undefined) for (const [name, png] of taken) writePicture(pictures, name, png);
}

/** The whole page, and what a large screen shows of it. */
async function picturesOf(
  { page }: ShownPage,
  { width, theme }: (typeof LOOKS)[number],
): Promise<readonly (readonly [name: string, png: Buffer])[]> {
  await page.mouse.move(0, 0);
  await page.evaluate(() => scrollTo(0, 0));
  const whole = [`dashboard-${width}-${theme}.png`, await takePicture(page, true)] as const;
  return width === 1440 ? [whole, [`dashboard-${theme}.png`, await takePicture(page, false)]] : [whole];
}

function takePicture(page: ShownPage['page'], isWhole: boolean): Promise<Buffer> {
  return page.screenshot({ fullPage: isWhole, animations: 'disabled', caret: 'hide' });
}

/** What a reader has to find. */
async function assertEverything(shown: ShownPage): Promise<void> {
  await shown.says('Takes calls');
  await shown.becomes('calls per second are shown', () => {
    const tile = [...document.querySelectorAll('.tile')].find(({ textContent }) =>
      textContent.startsWith('Calls'),
    );
    return Number.parseFloat(tile?.querySelector('.value')?.textContent ?? '') > 0;
  });
  const endpoints = shown.section('Endpoints');
  await endpoints.getByText('in use', { exact: true }).first().waitFor();
  await endpoints
    .getByText(/refused the connection/)
    .first()
    .waitFor();
  const calls = shown.section('Live calls');
  await shown.goTo('Calls');
  await calls.getByText('The service has sent nothing', { exact: false }).first().waitFor();
  await calls.getByRole('button', { name: '/transcripts.Archive/Search' }).first().waitFor();
  await shown
    .section('Refused clients')
    .getByText(/without TLS/)
    .first()
    .waitFor();
  await shown
    .section('Certificates')
    .getByText(/days? left/)
    .first()
    .waitFor();
  await shown
    .section('Processes')
    .getByRole('row', { name: /worker 2/ })
    .waitFor();
  await shown.section('Routes').getByText('billing', { exact: true }).waitFor();
}

async function useControls(context: DashboardContext): Promise<void> {
  const { proxy } = await startScene(context, 1);
  const shown = await ShownPage.open(context.browser, proxy.adminOrigin);
  const { page } = shown;
  await shown.says('Takes calls');
  await useCharts(shown);
  await useCalls(shown);
  // A heading of a table puts it in order.
  const routes = shown.section('Routes');
  await routes.getByRole('button', { name: 'Route', exact: true }).click();
  await routes.locator('th[aria-sort=ascending]').waitFor();
  await routes.getByRole('button', { name: /^Route/ }).click();
  await routes.locator('th[aria-sort=descending]').waitFor();
  // A remedy and the diagnoses of endpoints.
  const refused = shown.section('Refused clients');
  await refused.getByText('What to do').first().click();
  await refused.locator('.remedy').first().waitFor();
  await refused.getByRole('button', { name: 'All diagnoses' }).click();
  await refused.getByText('FG2', { exact: false }).first().waitFor();
  // The theme goes from the system's to light to dark, and stays so.
  const theme = page.getByRole('button', { name: /^Theme/ });
  await theme.click();
  await theme.click();
  await page.locator('html[data-theme=dark]').waitFor();
  await shown.assertAccessible();
  await page.reload();
  await page.locator('html[data-theme=dark]').waitFor();
  await pauseAndGoOn(shown);
  // By keyboard: the first stop leads to the figures.
  await page.reload();
  await shown.says('Takes calls');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'content');
  await shown.close();
}

async function useCharts({ page }: ShownPage): Promise<void> {
  await page.getByRole('button', { name: 'Bytes' }).click();
  await page.getByText('from clients').waitFor();
  await page.getByRole('button', { name: 'First message' }).click();
  await page.getByText('The same as a table').click();
  await page.getByRole('columnheader', { name: 'Minute until' }).waitFor();
  await page.getByRole('img', { name: /^Heat map of durations\. p50/ }).hover();
}

async function useCalls(shown: ShownPage): Promise<void> {
  const calls = shown.section('Live calls');
  await shown.goTo('Calls');
  await calls.getByLabel('Held up by').selectOption('service');
  await shown.becomes('only calls that a service holds up are left', () => {
    const names = [...document.querySelectorAll('#calls .holder-name')].map(({ textContent }) =>
      textContent.trim(),
    );
    return names.length > 0 && names.every((name) => name === 'service');
  });
  await calls.getByLabel('Method').fill('/transcripts');
  await shown.becomes('only calls of that method are left', () => {
    const methods = [...document.querySelectorAll('#calls tbody .opener')].map(
      ({ textContent }) => textContent,
    );
    return methods.length > 0 && methods.every((method) => method.startsWith('/transcripts.'));
  });
  const opener = calls.getByRole('button', { name: '/transcripts.Archive/Search' }).first();
  await opener.focus();
  await shown.page.keyboard.press('Enter');
  const detail = calls.getByRole('complementary', { name: 'The call in full' });
  await detail.getByText('Request id').waitFor();
  await shown.assertAccessible();
  await detail.getByRole('button', { name: 'Close' }).click();
  await detail.waitFor({ state: 'detached' });
}

/** While it is paused nothing on the page changes, and afterwards the figures go on. */
async function pauseAndGoOn(shown: ShownPage): Promise<void> {
  const { page } = shown;
  await shown.says('Takes calls');
  const pause = page.getByRole('button', { name: 'Pause' });
  await pause.click();
  await page.locator('button[aria-pressed=true]:text("Pause")').waitFor();
  const summary = () => page.locator('.summary').textContent();
  const before = await summary();
  const answered = page.waitForResponse((response) => response.url().endsWith('/api/upstreams'));
  // Several messages of the feed come in the meantime.
  await page.evaluate(async () => {
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await fetch('api/upstreams');
  });
  await answered;
  assert.equal(await summary(), before);
  await pause.click();
  await page.waitForFunction((text) => document.querySelector('.summary')?.textContent !== text, before);
}

async function reload(context: DashboardContext): Promise<void> {
  const { proxy } = await startScene(context, 1);
  const shown = await ShownPage.open(context.browser, proxy.adminOrigin);
  const configuration = shown.section('Configuration');
  await configuration.getByText('epoch 1').waitFor();
  proxy.configure(4);
  proxy.reload();
  await configuration.getByText('What differs from epoch 1').waitFor();
  await configuration.getByRole('rowheader', { name: /^route \S+ retry\.attempts$/ }).waitFor();
  await configuration.locator('del', { hasText: '2' }).waitFor();
  await configuration.locator('ins', { hasText: '4' }).waitFor();
  proxy.configure(99);
  proxy.reload();
  // Also whoever does not look at this part of the page is told.
  await shown.page
    .getByRole('status')
    .getByText(
      /The reload at [\d:]+ was refused: .*config\.yaml:\d+:\d+.* The configuration of epoch 2 stays in use/,
    )
    .waitFor();
  await configuration.getByText(/The last reload, .*, was refused/).waitFor();
  await configuration
    .getByText(/config\.yaml:\d+:\d+/)
    .first()
    .waitFor();
  await shown.assertAccessible();
  await shown.close();
}

async function startScene(
  { folder, certificates, after }: DashboardContext,
  workers: number,
): Promise<{ readonly proxy: LiveProxy }> {
  const proxy = await LiveProxy.start({ folder, certificates, workers });
  after(() => proxy.stop());
  const calls = new RealCalls(proxy.tlsAddress, certificates.caFile);
  after(() => calls.stop());
  assert.match(await RealCalls.refused(proxy.tlsAddress), /speaks TLS/);
  return { proxy };
}
