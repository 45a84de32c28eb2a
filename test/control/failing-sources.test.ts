// A source that cannot start: the proxy does not either, and leaves nothing open. One that cannot take a verdict does no harm.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import type { Source, SourceSink } from '../../src/sources/source.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { configOf, proxyConfigText, startProxy } from '../support/proxy-under-test.ts';

test('a proxy whose source cannot start closes its listeners and its admin port', async (t) => {
  const ports = [await freePort(), await freePort()];
  const failing: Source = {
    start: () => assert.fail('the source is not there'),
    judged: () => undefined,
    close: () => undefined,
  };
  const sections = {
    listeners: [{ address: `127.0.0.1:${ports[0]}` }],
    admin: { address: `127.0.0.1:${ports[1]}` },
  };
  await assert.rejects(
    startProxy(t, { endpoints: ['127.0.0.1:1'], sections, sources: [failing] }),
    /the source is not there/,
  );
  for (const port of ports) {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
  }
});

/** A source that throws whatever it is told. */
class Deaf implements Source {
  judgedCount = 0;
  #sink: SourceSink | undefined = undefined;

  start(sink: SourceSink): void {
    this.#sink = sink;
  }

  judged(): void {
    this.judgedCount++;
    throw new TypeError('nobody there');
  }

  close(): void {
    this.#sink = undefined;
  }

  offer(version: number, config: Config): void {
    this.#sink?.resources({ version, config, warnings: [], originOf: () => ({ text: 'nowhere' }) });
  }
}

function listeners(...all: readonly string[]) {
  return { listeners: all.map((name) => ({ name, address: '127.0.0.1:0' })) };
}

test('what a source throws when it is told a verdict costs neither the proxy nor the configuration', async (t) => {
  const source = new Deaf();
  const proxy = await startProxy(t, { sources: [source] });
  const names = () => proxy.proxy.listeners.map(({ name }) => name).join();
  const offers = [
    [listeners('one'), 'one'],
    // Refused, since its certificate is not there.
    [
      {
        listeners: [
          { name: 'bad', address: '127.0.0.1:0', tls: { certificates: [{ cert: '/-', key: '/-' }] } },
        ],
      },
      'one',
    ],
    [listeners('one', 'two'), 'one,two'],
  ] as const;
  for (const [index, [sections, expected]] of offers.entries()) {
    source.offer(index + 1, configOf(await proxyConfigText({ sections })));
    await eventually('it is judged', () => source.judgedCount === index + 1);
    assert.equal(names(), expected);
  }
  const failed = () =>
    proxy.lines().filter(({ msg }) => String(msg).startsWith('internal error: a source failed'));
  await eventually('each is reported', () => failed().length === offers.length);
});
