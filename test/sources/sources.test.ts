// What holds for every source of configurations, and for every source of endpoints.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { EndpointUpdate } from '../../src/config/endpoint-update.ts';
import { formatProblem, locateFinding } from '../../src/config/problem.ts';
import { findingOf, problemsOf, UnusableConfig } from '../../src/config/unusable-config.ts';
import { FileSource } from '../../src/sources/file-source.ts';
import type { ResourceUpdate, Source, SourceSink, Verdict } from '../../src/sources/source.ts';
import { eventually } from '../support/eventually.ts';
import { nextTurns } from '../support/memory-socket.ts';
import { NamingSource } from '../support/naming-source.ts';
import { ObjectSource } from '../support/object-source.ts';
import { startDemo, startProxy } from '../support/proxy-under-test.ts';
import { silentLogger } from '../support/silent-logger.ts';

interface Made {
  readonly source: Source;
  /** Somebody has written another configuration, which the source notices. */
  readonly change: (text: string) => void;
}

interface Kind {
  readonly name: string;
  readonly make: (t: TestContext) => Made;
  /** Of the upstream `voice`. */
  readonly origin: RegExp;
}

const KINDS: readonly Kind[] = [
  {
    name: 'FileSource',
    origin: /^\/.*config\.yaml:4:3$/,
    make: (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'framegate-sources-'));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const file = join(folder, 'config.yaml');
      writeFileSync(file, '');
      const options = { file, logger: silentLogger, obstacle: ignore, onBegin: ignore, onEnd: ignore };
      const source = new FileSource({ ...options, obstacle: () => undefined });
      return {
        source,
        change(text) {
          writeFileSync(file, text);
          void source.reload('api');
        },
      };
    },
  },
  {
    name: 'ObjectSource',
    origin: /^Service shop\/voice$/,
    make: () => {
      const source = new ObjectSource();
      return { source, change: (text) => source.change(text) };
    },
  },
];

function configuration(headerFields: number): string {
  return [
    'listeners: [{ name: public, address: 127.0.0.1:8080 }]',
    'routes: [{ name: all, match: { path: /* }, upstream: voice }]',
    'upstreams:',
    '  voice: { endpoints: ["127.0.0.1:50051"] }',
    `limits: { headerFields: ${headerFields} }`,
    '',
  ].join('\n');
}

function ignore(): void {
  // Nobody asks.
}

class Listening implements SourceSink {
  readonly offered: ResourceUpdate[] = [];
  readonly named: EndpointUpdate[] = [];

  resources(update: ResourceUpdate): void {
    this.offered.push(update);
  }

  endpoints(update: EndpointUpdate): void {
    this.named.push(update);
  }
}

function accepted(epoch: number): Verdict {
  const none = { added: [], changed: [], removed: [] };
  const changes = { listeners: none, routes: none, upstreams: none, sections: [] };
  return { outcome: 'accepted', epoch, changes, findings: [] };
}

for (const { name, make, origin } of KINDS) {
  describe(name, () => {
    test('it offers a whole configuration, each of whose parts knows where it was written', async (t) => {
      const { source, change } = make(t);
      const listening = new Listening();
      source.start(listening);
      change(configuration(77));
      await nextTurns(2);
      const [update] = listening.offered;
      assert.equal(listening.named.length, 0);
      assert.equal(update.config.limits.headerFields, 77);
      assert.match(update.originOf(['upstreams', 'voice'], 'key').text, origin);
      const path = ['upstreams', 'voice'];
      const problem = locateFinding(
        { severity: 'error', at: 'key', path, message: 'is out of order' },
        update,
      );
      assert.equal(
        formatProblem(problem),
        `${update.originOf(path, 'key').text} upstreams.voice – is out of order`,
      );
      source.judged(accepted(2), update.version);
    });

    test('the next one is offered when the one before was judged, with a higher version', async (t) => {
      const { source, change } = make(t);
      const listening = new Listening();
      source.start(listening);
      change(configuration(71));
      await nextTurns(2);
      change(configuration(72));
      await nextTurns(2);
      assert.equal(listening.offered.length, 1);
      source.judged(accepted(2), listening.offered[0].version);
      await nextTurns(4);
      assert.deepEqual(
        listening.offered.map(({ config }) => config.limits.headerFields),
        [71, 72],
      );
      assert.ok(listening.offered[1].version > listening.offered[0].version);
      source.judged(accepted(3), listening.offered[1].version);
    });

    for (const outcome of ['refused', 'failed'] as const) {
      test(`it goes on when what it offered is ${outcome}`, async (t) => {
        const { source, change } = make(t);
        const listening = new Listening();
        source.start(listening);
        change(configuration(71));
        await nextTurns(2);
        const [update] = listening.offered;
        const unusable = new UnusableConfig([findingOf(['listeners', 0], new Error('is taken'))]);
        const verdict: Verdict =
          outcome === 'refused'
            ? { outcome, findings: problemsOf(unusable, update) }
            : { outcome, error: new TypeError('a bug') };
        source.judged(verdict, update.version);
        await nextTurns(4);
        change(configuration(72));
        await nextTurns(4);
        assert.equal(listening.offered.at(-1)?.config.limits.headerFields, 72);
        source.judged(accepted(2), listening.offered[1].version);
      });
    }

    test('it says nothing before it is started, and nothing after it is closed', async (t) => {
      const { source, change } = make(t);
      const listening = new Listening();
      await nextTurns(2);
      assert.equal(listening.offered.length, 0);
      source.start(listening);
      source.close();
      change(configuration(71));
      await nextTurns(4);
      assert.equal(listening.offered.length, 0);
    });
  });
}

interface NamingKind {
  readonly name: string;
  /** @returns a source that is not started, and how somebody moves the endpoints of an upstream, which the source notices */
  readonly make: () => {
    readonly source: Source;
    readonly move: (upstream: string, addresses: readonly string[]) => void;
  };
}

const NAMING_KINDS: readonly NamingKind[] = [
  {
    name: 'ObjectSource',
    make: () => {
      const source = new ObjectSource();
      return { source, move: (upstream, addresses) => source.name(upstream, addresses) };
    },
  },
  {
    name: 'NamingSource',
    make: () => {
      const source = new NamingSource();
      return { source, move: (upstream, addresses) => source.name(upstream, addresses) };
    },
  },
];

function textOf({ upstream, endpoints }: EndpointUpdate): string {
  return `${upstream}: ${endpoints.map(({ address }) => address.text).join(' ')}`;
}

for (const { name, make } of NAMING_KINDS) {
  describe(`${name}, of endpoints`, () => {
    test('each time it names all endpoints of one upstream, with a higher version, and offers no configuration', async (t) => {
      const { source, move } = make();
      t.after(() => source.close());
      const listening = new Listening();
      source.start(listening);
      move('voice', ['127.0.0.1:1', '127.0.0.1:2']);
      move('web', ['127.0.0.1:3']);
      move('voice', ['127.0.0.1:2']);
      move('voice', []);
      await nextTurns(2);
      const { named } = listening;
      assert.deepEqual(named.map(textOf), [
        'voice: 127.0.0.1:1 127.0.0.1:2',
        'web: 127.0.0.1:3',
        'voice: 127.0.0.1:2',
        'voice: ',
      ]);
      for (let index = 1; index < named.length; index++)
        assert.ok(named[index].version > named[index - 1].version);
      assert.equal(listening.offered.length, 0);
    });

    test('it says nothing before it is started, and nothing after it is closed', async () => {
      const { source, move } = make();
      const listening = new Listening();
      move('voice', ['127.0.0.1:1']);
      await nextTurns(2);
      assert.equal(listening.named.length, 0);
      source.start(listening);
      const before = listening.named.length;
      source.close();
      source.close();
      move('voice', ['127.0.0.1:2']);
      await nextTurns(2);
      assert.equal(listening.named.length, before);
    });

    test('a proxy calls the endpoints that it names in place of those of the configuration', async (t) => {
      const [configured, named] = [await startDemo(t), await startDemo(t)];
      const { source, move } = make();
      const proxy = await startProxy(t, { endpoints: [configured.address], sources: [source] });
      const client = proxy.voiceClient('clear');
      move('voice', [named.address]);
      await eventually('a call comes to the endpoint that was named', async () => {
        await client.say({ text: 'a call' });
        return named.counters.Say.started > 0;
      });
    });
  });
}
