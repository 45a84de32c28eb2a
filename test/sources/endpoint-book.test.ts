// What the book keeps of what sources say, and what it tells: by cases, and beside a model that knows only who spoke last.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import * as fc from 'fast-check';
import type { Config } from '../../src/config/config.ts';
import type { EndpointUpdate } from '../../src/config/endpoint-update.ts';
import { endpointAt, MOST_ENDPOINTS } from '../../src/config/endpoint-update.ts';
import { EndpointBook } from '../../src/sources/endpoint-book.ts';
import { addressOf } from '../support/object-source.ts';
import { configOf } from '../support/proxy-under-test.ts';

const GATHERED_MS = 10;

/** Upstreams by their names, each with the ports that the configuration names. */
type Upstreams = Readonly<Record<string, readonly number[]>>;

function configWith(upstreams: Upstreams): Config {
  const [base] = [
    configOf(
      JSON.stringify({
        listeners: [{ address: '127.0.0.1:8080' }],
        routes: [{ match: { path: '/*' }, upstream: 'base' }],
        upstreams: { base: { endpoints: ['127.0.0.1:1'] } },
      }),
    ),
  ];
  const [like] = base.upstreams;
  return {
    ...base,
    upstreams: Object.entries(upstreams).map(([name, ports]) => ({
      ...like,
      name,
      endpoints: ports.map((port) => endpointAt(addressOf(`127.0.0.1:${port}`))),
    })),
  };
}

function update(upstream: string, version: number, ...ports: readonly number[]): EndpointUpdate {
  return {
    upstream,
    version,
    endpoints: ports.map((port) => endpointAt(addressOf(`127.0.0.1:${port}`))),
  };
}

function portsOf({ endpoints }: EndpointUpdate): readonly number[] {
  return endpoints.map(({ address }) => Number(address.text.split(':')[1]));
}

/** The book, and what a plane that hears of it has. */
class Under {
  readonly book = new EndpointBook((told) => {
    this.told++;
    assert.ok(this.plane.has(told.upstream), 'only of upstreams in force');
    this.plane.set(told.upstream, portsOf(told));
  });
  readonly plane = new Map<string, readonly number[]>();
  told = 0;
  #coming:
    | { readonly upstreams: Upstreams; readonly change: ReturnType<EndpointBook['prepare']> }
    | undefined;

  prepare(upstreams: Upstreams): void {
    this.#coming = { upstreams, change: this.book.prepare(configWith(upstreams)) };
  }

  commit(): void {
    assert.ok(this.#coming !== undefined);
    const { upstreams, change } = this.#coming;
    void change.commit();
    this.plane.clear();
    const { known } = this.book;
    for (const [name, ports] of Object.entries(upstreams)) {
      const said = known.get(name);
      this.plane.set(name, said === undefined ? ports : portsOf(said));
    }
    for (const name of known.keys()) assert.ok(name in upstreams, 'what is gone is forgotten');
  }

  discard(): void {
    void this.#coming?.change.discard();
  }

  use(upstreams: Upstreams): void {
    this.prepare(upstreams);
    this.commit();
  }
}

const source = {};

function begin(t: TestContext, upstreams: Upstreams): Under {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const under = new Under();
  under.use(upstreams);
  return under;
}

test('what was said just before a commit is told all the same: workers that drain get no commit', (t) => {
  const under = begin(t, { voice: [1] });
  under.prepare({ voice: [1] });
  assert.equal(under.book.update(source, update('voice', 1, 20)), 'accepted');
  under.commit();
  t.mock.timers.tick(GATHERED_MS);
  assert.equal(under.told, 1);
  assert.deepEqual(under.plane.get('voice'), [20]);
});

test('what no worker could be told is refused, and changes nothing', () => {
  const under = new Under();
  const book = new EndpointBook(() => assert.fail('told'));
  void book.prepare(configWith({ a: [1] })).commit();
  for (const version of [1.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
    assert.equal(book.update(under, update('a', version, 2)), 'invalid');
  const address = { kind: 'tcp', host: 'x', port: 65_536, text: 'x:65536' } as const;
  assert.equal(
    book.update(under, { upstream: 'a', version: 1, endpoints: [endpointAt(address)] }),
    'invalid',
  );
  const fit = endpointAt({ ...address, port: 1 });
  for (const unfit of [
    { ...fit, weight: 0 },
    { ...fit, weight: 1001 },
    { ...fit, priority: 128 },
  ])
    assert.equal(book.update(under, { upstream: 'a', version: 1, endpoints: [unfit] }), 'invalid');
  assert.equal(book.known.size, 0);
  assert.equal(book.counts.invalid, 9);
});

test('an update is told after a moment, and of those within the moment the last one', (t) => {
  const under = begin(t, { voice: [1], chat: [2] });
  for (let version = 1; version <= 100; version++)
    under.book.update(source, update('voice', version, version));
  assert.equal(under.told, 0);
  t.mock.timers.tick(GATHERED_MS);
  assert.equal(under.told, 1);
  assert.deepEqual([...under.plane], [['voice', [100]], ['chat', [2]]]); // biome-ignore format: pairs
  assert.equal(under.book.counts.accepted, 100);
});

test('an older word than the last of the same source is ignored, and each source counts for itself', (t) => {
  const under = begin(t, { voice: [1] });
  assert.equal(under.book.update(source, update('voice', 5, 50)), 'accepted');
  assert.equal(under.book.update(source, update('voice', 4, 40)), 'stale');
  assert.equal(under.book.update(source, update('voice', 5, 40)), 'stale');
  assert.equal(under.book.update({}, update('voice', 1, 10)), 'accepted');
  assert.equal(under.book.update(source, update('voice', 5, 40)), 'stale');
  t.mock.timers.tick(GATHERED_MS);
  assert.deepEqual(under.plane.get('voice'), [10]);
});

test('what says the same again is not told, and its version counts', (t) => {
  const under = begin(t, { voice: [1] });
  under.book.update(source, update('voice', 1, 7, 8));
  t.mock.timers.tick(GATHERED_MS);
  assert.equal(under.book.update(source, update('voice', 2, 7, 8)), 'unchanged');
  t.mock.timers.tick(GATHERED_MS);
  assert.equal(under.told, 1);
  assert.equal(under.book.update(source, update('voice', 2, 9)), 'stale');
});

test('an upstream that no configuration has is not remembered, nor one with too many endpoints', (t) => {
  const under = begin(t, { voice: [1] });
  assert.equal(under.book.update(source, update('nobody', 1, 7)), 'unknown');
  const many = Array.from({ length: MOST_ENDPOINTS + 1 }, (_, index) => index + 1);
  assert.equal(under.book.update(source, update('voice', 1, ...many)), 'too_many');
  assert.equal(under.book.update(source, update('voice', 1)), 'accepted', 'none is not too many');
  t.mock.timers.tick(GATHERED_MS);
  assert.deepEqual([...under.plane], [['voice', []]]);
});

test('a reload keeps what a source said, unless it names other endpoints itself', (t) => {
  const under = begin(t, { voice: [1], chat: [2] });
  under.book.update(source, update('voice', 1, 10));
  under.book.update(source, update('chat', 1, 20));
  under.use({ voice: [1], chat: [3] });
  assert.deepEqual([...under.plane], [['voice', [10]], ['chat', [3]]]); // biome-ignore format: pairs
  assert.equal(under.book.update(source, update('chat', 1, 20)), 'stale');
  under.book.update(source, update('chat', 2, 21));
  t.mock.timers.tick(GATHERED_MS);
  assert.deepEqual(under.plane.get('chat'), [21]);
});

test('an upstream that a reload removes is forgotten, and begins anew when it comes back', (t) => {
  const under = begin(t, { voice: [1], chat: [2] });
  under.book.update(source, update('chat', 9, 20));
  under.use({ voice: [1] });
  t.mock.timers.tick(GATHERED_MS);
  assert.equal(under.told, 0);
  under.use({ voice: [1], chat: [2] });
  assert.deepEqual(under.plane.get('chat'), [2]);
  assert.equal(under.book.update(source, update('chat', 1, 21)), 'accepted');
});

test('while a change is prepared, updates hold for what is in force and for what comes', (t) => {
  const under = begin(t, { voice: [1], old: [2] });
  under.prepare({ voice: [5], fresh: [3] });
  under.book.update(source, update('voice', 1, 10));
  under.book.update(source, update('old', 1, 20));
  under.book.update(source, update('fresh', 1, 30));
  t.mock.timers.tick(GATHERED_MS);
  assert.deepEqual([...under.plane], [['voice', [10]], ['old', [20]]]); // biome-ignore format: pairs
  under.commit();
  // Newer than the configuration, which was read before.
  assert.deepEqual([...under.plane], [['voice', [10]], ['fresh', [30]]]); // biome-ignore format: pairs
});

test('what was said of an upstream that did not come is forgotten', (t) => {
  const under = begin(t, { voice: [1] });
  under.prepare({ voice: [1], fresh: [3] });
  assert.equal(under.book.update(source, update('fresh', 7, 30)), 'accepted');
  under.book.update(source, update('voice', 1, 10));
  under.discard();
  t.mock.timers.tick(GATHERED_MS);
  assert.deepEqual([...under.plane], [['voice', [10]]]);
  assert.equal(under.book.update(source, update('fresh', 8, 30)), 'unknown');
  under.use({ voice: [1], fresh: [3] });
  assert.deepEqual(under.plane.get('fresh'), [3]);
});

test('a closed book tells nothing', (t) => {
  const under = begin(t, { voice: [1] });
  under.book.update(source, update('voice', 1, 10));
  under.book.close();
  t.mock.timers.tick(GATHERED_MS);
  assert.equal(under.told, 0);
});

type Step =
  | {
      readonly type: 'update';
      readonly by: number;
      readonly name: string;
      readonly version: number;
      readonly port: number;
    }
  | { readonly type: 'prepare'; readonly upstreams: Upstreams }
  | { readonly type: 'commit' | 'discard' | 'wait' };

const NAMES = ['a', 'b', 'c'] as const;
const port = fc.integer({ min: 1, max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('update' as const),
      by: fc.nat(1),
      name: fc.constantFrom(...NAMES),
      version: fc.integer({ min: 1, max: 12 }),
      port,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('prepare' as const),
      upstreams: fc.dictionary(fc.constantFrom(...NAMES), fc.tuple(port)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('commit' as const, 'discard' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const) }) },
);

interface Word {
  readonly at: number;
  readonly port: number;
}

/** Knows of each upstream who spoke last: the configuration, which speaks when it is read, or a source. */
class Model {
  readonly #sources = new Map<string, Word & { readonly versions: Map<number, number> }>();
  readonly #configured = new Map<string, Word>();
  #coming: { readonly at: number; readonly upstreams: Upstreams } | undefined;
  #now = 0;

  get isPreparing(): boolean {
    return this.#coming !== undefined;
  }

  /** What the plane has to have, when all is told. */
  get expected(): ReadonlyMap<string, readonly number[]> {
    return new Map(
      Array.from(this.#configured, ([name, word]) => {
        const said = this.#sources.get(name);
        return [name, [said !== undefined && said.at > word.at ? said.port : word.port]];
      }),
    );
  }

  update(by: number, name: string, version: number, said: number): void {
    const exists =
      this.#configured.has(name) || (this.#coming !== undefined && name in this.#coming.upstreams);
    const versions = this.#sources.get(name)?.versions ?? new Map<number, number>();
    if (!exists || version <= (versions.get(by) ?? 0)) return;
    versions.set(by, version);
    this.#sources.set(name, { at: ++this.#now, port: said, versions });
  }

  prepare(upstreams: Upstreams): void {
    this.#coming = { at: ++this.#now, upstreams };
  }

  commit(): void {
    if (this.#coming === undefined) return;
    const { at, upstreams } = this.#coming;
    const before = new Map(this.#configured);
    this.#configured.clear();
    for (const [name, [now]] of Object.entries(upstreams)) {
      const word = before.get(name);
      this.#configured.set(name, word?.port === now ? word : { at, port: now });
    }
    this.discard();
  }

  discard(): void {
    this.#coming = undefined;
    for (const name of this.#sources.keys()) if (!this.#configured.has(name)) this.#sources.delete(name);
  }
}

test('whatever comes in whatever order, the plane has the newest word on each upstream', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const under = new Under();
      const model = new Model();
      const sources = [{}, {}];
      under.use({ a: [1] });
      model.prepare({ a: [1] });
      model.commit();
      for (const one of steps) {
        if (one.type === 'update') {
          under.book.update(sources[one.by], update(one.name, one.version, one.port));
          model.update(one.by, one.name, one.version, one.port);
        } else if (one.type === 'prepare') {
          if (model.isPreparing) continue;
          under.prepare(one.upstreams);
          model.prepare(one.upstreams);
        } else if (one.type === 'wait') {
          t.mock.timers.tick(GATHERED_MS);
        } else if (model.isPreparing) {
          under[one.type]();
          model[one.type]();
          if (one.type === 'commit') assert.deepEqual(under.plane, model.expected);
        }
      }
      t.mock.timers.tick(GATHERED_MS);
      assert.deepEqual(under.plane, model.expected);
    }),
    { seed: 9113, numRuns: 500 },
  );
});
