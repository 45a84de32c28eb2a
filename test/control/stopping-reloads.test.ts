// The proxy is told to stop while a configuration is being prepared: the reload ends without a complaint, and the calls drain.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { eventually } from '../support/eventually.ts';
import { ObjectSource } from '../support/object-source.ts';
import {
  configOf,
  type ProxyUnderTest,
  proxyConfigText,
  startProxy,
  startProxyOf,
} from '../support/proxy-under-test.ts';

const STOPPING = /the proxy is (?:draining|stopped)$/;

interface Held {
  readonly proxy: ProxyUnderTest;
  /** The number of changes that the plane was asked to prepare. */
  readonly begun: () => number;
  /** Ends the preparation. */
  readonly end: (error?: Error) => void;
}

/** A proxy whose plane is slow to prepare a change. Its configuration is in a file. */
async function startSlowProxy(t: TestContext): Promise<Held> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-stopping-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'config.yaml');
  const text = await proxyConfigText({});
  writeFileSync(file, text);
  const loaded = parseConfig(text, file);
  assert.ok('config' in loaded);
  const proxy = await startProxyOf(t, loaded.config);
  const held = Promise.withResolvers<void>();
  let begun = 0;
  const { plane } = proxy;
  const prepare = plane.prepare.bind(plane);
  plane.prepare = async (...change) => {
    begun++;
    await held.promise;
    return prepare(...change);
  };
  return {
    proxy,
    begun: () => begun,
    end: (error) => (error === undefined ? held.resolve() : held.reject(error)),
  };
}

describe('a proxy that is told to stop during a reload', () => {
  for (const [what, error] of [
    ['could be used', undefined],
    // Workers that drain do not vote any more, for example.
    ['cannot be prepared any more', new Error('no worker is there to try it')],
  ] as const) {
    test(`it drains, and a configuration that ${what} is ignored without a complaint`, async (t) => {
      const { proxy, begun, end } = await startSlowProxy(t);
      const reloaded = proxy.proxy.reload('SIGHUP');
      await eventually('the change is being prepared', () => begun() === 1);
      const drained = proxy.proxy.drain();
      end(error);
      const result = await reloaded;
      assert.equal(result.result, 'ignored');
      assert.match(result.problems[0], STOPPING);
      await drained;
      await proxy.line(({ msg }) => msg === `reload ignored: ${result.problems[0]}`);
      assert.deepEqual(
        proxy.lines().filter(({ level }) => Number(level) > 40),
        [],
      );
    });
  }

  test('a change that waits for another one is not prepared any more', async (t) => {
    const { proxy, begun, end } = await startSlowProxy(t);
    const first = proxy.proxy.reload('SIGHUP');
    await eventually('the change is being prepared', () => begun() === 1);
    const second = proxy.proxy.apply(configOf(await proxyConfigText({})));
    const drained = proxy.proxy.drain();
    end();
    await assert.rejects(second, { message: STOPPING });
    await Promise.all([first, drained]);
    assert.equal(begun(), 1);
  });
});

test('a source that offers a configuration to a proxy that drains is told that it is abandoned', async (t) => {
  const source = new ObjectSource();
  const proxy = await startProxy(t, { sources: [source] });
  const drained = proxy.proxy.drain();
  source.change(await proxyConfigText({}));
  await eventually('the offer is judged', () => source.verdicts.length === 1);
  const [verdict] = source.verdicts;
  assert.equal(verdict.outcome, 'abandoned');
  assert.match(verdict.reason, STOPPING);
  await drained;
});
