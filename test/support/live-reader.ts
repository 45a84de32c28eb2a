// Reads GET /api/exchanges of a proxy process, as any client of the admin server would.

import assert from 'node:assert/strict';
import type { LiveExchange } from '../../src/calls/live-exchange.ts';
import type { LivePage } from '../../src/calls/live-query.ts';
import { eventually } from './eventually.ts';
import type { ReloadingProxy } from './reloading-proxy.ts';
import { standIn } from './stand-in.ts';

export class LiveReader {
  readonly #proxy: ReloadingProxy;

  constructor(proxy: ReloadingProxy) {
    this.#proxy = proxy;
  }

  async page(query = ''): Promise<LivePage> {
    const { status, body } = await this.#proxy.ask('GET', `/api/exchanges?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    const found: unknown = body;
    return standIn<LivePage>(found ?? {});
  }

  /** Reads one page after the other, to the last one. */
  async pages(query: string): Promise<readonly LivePage[]> {
    const pages = [await this.page(query)];
    for (let next = pages[0].next; next !== undefined; next = pages.at(-1)?.next)
      pages.push(await this.page(`${query}&after=${encodeURIComponent(next)}`));
    return pages;
  }

  /** Resolves to the only call with this path, once it is as `matches` says. */
  async call(method: string, matches: (call: LiveExchange) => boolean): Promise<LiveExchange> {
    let seen: readonly LiveExchange[] = [];
    return eventually(`${method} is as expected`, async () => {
      seen = (await this.page(`method=${encodeURIComponent(method)}`)).exchanges;
      return seen.length === 1 && matches(seen[0]) && seen[0];
    }).catch((error: unknown) => assert.fail(`${String(error)}; it is ${JSON.stringify(seen)}`));
  }

  /** Resolves to the call once it is blocked like this: 'client silent', 'service window'. */
  blocked(method: string, wanted: string): Promise<LiveExchange> {
    return this.call(method, ({ blocked: { by, how } }) => `${by} ${how}` === wanted);
  }
}
