// The dashboard in a browser: opened at a width and in a theme, and watched for what a page must never do. What it shows is waited for.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';

export interface ShownPageOptions {
  readonly width?: 1440 | 390;
  readonly theme?: 'light' | 'dark';
}

/** For what depends on the speed of the machine. */
const WAIT_MS = 180_000;
const HEIGHTS_PX = { 1440: 900, 390: 844 } as const;
const AXE = readFileSync(join(import.meta.dirname, '../node_modules/axe-core/axe.min.js'), 'utf8');
/** What Chromium writes to the console about an answer that is no 200, and about a server that is gone. */
const EXPECTED_ERRORS =
  /Failed to load resource: (?:the server responded with a status of (?:401|503)|net::ERR_)/;

export class ShownPage {
  readonly page: Page;
  readonly #context: BrowserContext;
  readonly #origin: string;
  readonly #problems: string[] = [];

  private constructor(context: BrowserContext, page: Page, origin: string) {
    this.#context = context;
    this.page = page;
    this.#origin = origin;
    page.on('pageerror', (error) => this.#problems.push(`the page failed: ${error.stack ?? error.message}`));
    page.on('console', (message) => {
      const text = message.text();
      if (message.type() === 'error' && !EXPECTED_ERRORS.test(text)) this.#problems.push(`console: ${text}`);
    });
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${origin}/`) && !url.startsWith('data:'))
        this.#problems.push(`it asked for ${url}`);
    });
  }

  /** @param origin such as `http://127.0.0.1:9901` */
  static async open(browser: Browser, origin: string, options: ShownPageOptions = {}): Promise<ShownPage> {
    const { width = 1440, theme = 'light' } = options;
    const viewport = { width, height: HEIGHTS_PX[width] };
    const context = await browser.newContext({ viewport, colorScheme: theme, reducedMotion: 'reduce' });
    context.setDefaultTimeout(WAIT_MS);
    const shown = new ShownPage(context, await context.newPage(), origin);
    await shown.page.goto(`${origin}/`);
    return shown;
  }

  /** The part of the page with this heading. */
  section(title: string) {
    return this.page.getByRole('region', { name: title, exact: true });
  }

  /** By a link at the top of the page: what is not in view is not read. */
  async goTo(link: string): Promise<void> {
    await this.page.getByRole('navigation').getByRole('link', { name: link, exact: true }).click();
  }

  /** Waits for a text anywhere on the page. */
  async says(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  /** Waits until the probe, which runs in the page, is true. */
  async becomes(what: string, probe: () => boolean): Promise<void> {
    try {
      await this.page.waitForFunction(probe);
    } catch (error) {
      throw new Error(`this never happened: ${what}`, { cause: error });
    }
  }

  /** Rules of WCAG 2.2 A and AA and good practice; finds nothing on a good page. */
  async assertAccessible(): Promise<void> {
    await this.page.evaluate(AXE);
    const { violations }: AxeResults = await this.page.evaluate('axe.run()');
    const found = violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`,
    );
    assert.deepEqual(found, []);
  }

  /** No part of the page is wider than the screen. */
  async assertFits(): Promise<void> {
    const [wide, screen] = await this.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= screen, `the page is ${wide} pixels wide on a screen of ${screen}`);
  }

  /** No heading of a table is wider than its column, and what fits into a table needs no scrollbar, on a screen of each of these widths. */
  async assertTablesFit(widths: readonly number[]): Promise<void> {
    const before = this.page.viewportSize();
    for (const width of widths) {
      await this.page.setViewportSize({ width, height: HEIGHTS_PX[1440] });
      assert.deepEqual(await this.page.evaluate(misfits), [], `on a screen of ${width}`);
    }
    if (before !== null) await this.page.setViewportSize(before);
  }

  async close(): Promise<void> {
    await this.#context.close();
    assert.deepEqual(this.#problems, [], `the page of ${this.#origin} must not`);
  }
}

/** Runs in the page. @returns what does not fit */
function misfits(): readonly string[] {
  const found: string[] = [];
  for (const box of document.querySelectorAll<HTMLElement>('.table-box')) {
    const label = box.ariaLabel ?? '';
    if (box.scrollWidth > box.clientWidth) found.push(`${label} scrolls sideways`);
    const isShort = box.querySelectorAll('tbody tr').length <= 5;
    if (isShort && box.scrollHeight > box.clientHeight)
      found.push(`${label} scrolls: ${box.scrollHeight} pixels in ${box.clientHeight}`);
  }
  for (const heading of document.querySelectorAll('thead th')) {
    const content = document.createRange();
    content.selectNodeContents(heading);
    const [text, cell] = [content.getBoundingClientRect(), heading.getBoundingClientRect()];
    const beyond = Math.max(cell.left - text.left, text.right - cell.right);
    if (text.width > 0 && beyond > 0.5)
      found.push(`the heading ${heading.textContent} is ${beyond.toFixed(1)} pixels too wide`);
  }
  return found;
}
