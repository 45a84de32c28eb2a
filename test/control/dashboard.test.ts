// When the dashboard collects figures, and for whom: once for all readers, seldom while nobody looks, and never twice at a time.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { DashboardFrame, DashboardSubscription } from '../../src/admin/dashboard-stream.ts';
import type { Config } from '../../src/config/config.ts';
import { Dashboard, type DashboardParts } from '../../src/control/dashboard.ts';
import {
  ENDPOINT_LAYOUT,
  ROUTE_LAYOUT,
  TOTALS_LAYOUT,
  UPSTREAM_LAYOUT,
} from '../../src/observability/figure-layouts.ts';
import type { FigureLayout, FigureTable } from '../../src/observability/figure-table.ts';
import type { ChangesTold } from '../../src/plane/endpoint-changes.ts';
import type { DashboardReport } from '../../src/plane/plane.ts';
import type { ReloadReport } from '../../src/sources/file-source.ts';
import { configOf, proxyConfigText } from '../support/proxy-under-test.ts';
import { silentLogger } from '../support/silent-logger.ts';

const ENDPOINT = '127.0.0.1:1';
const NO_RELOADS: ReloadReport = {
  reloaded: 0,
  refused: 0,
  failed: 0,
  last: undefined,
  lastError: undefined,
};

function rowOf(layout: FigureLayout<string>, key: string): FigureTable {
  return { keys: [key], values: new Float64Array(layout.width) };
}

class Scene {
  asked: ('totals' | 'figures' | 'diagnoses')[] = [];
  diagnosed = 0;
  diagnosedByControl = 0;
  tell: ChangesTold = () => assert.fail('nobody watches');
  /** What happens to a question about diagnoses, besides that it is counted. */
  onDiagnoses: () => Promise<{ readonly unanswered?: readonly number[] }> = () => Promise.resolve({});
  reloads: () => ReloadReport = () => NO_RELOADS;
  readonly faults: unknown[] = [];
  /** Holds back the answers while it is not resolved. */
  hold: Promise<void> = Promise.resolve();
  readonly dashboard: Dashboard;
  readonly config: Config;

  constructor(config: Config) {
    this.config = config;
    this.dashboard = new Dashboard({
      plane: {
        tlsUsers: [],
        totals: async () => {
          this.asked.push('totals');
          await this.hold;
          return this.#totals();
        },
        figures: async () => {
          this.asked.push('figures');
          await this.hold;
          return this.#figures();
        },
        watchEndpoints: (tell) => {
          this.tell = tell;
        },
      },
      current: { epoch: 1, config, loadedAtEpochMs: 0 },
      warnings: () => [],
      reloads: () => this.reloads(),
      healthOf: () => new Map(),
      diagnoses: this.#diagnoses(),
      whyNotReady: () => undefined,
      logger: { ...silentLogger, error: (fields) => this.faults.push(fields) },
    });
  }

  #diagnoses(): DashboardParts['diagnoses'] {
    const countOfControl = (): number => this.diagnosedByControl;
    return {
      get countOfControl() {
        return countOfControl();
      },
      report: async () => {
        this.asked.push('diagnoses');
        return { counts: { FG1001: this.diagnosed }, recent: [], reasons: {}, ...(await this.onDiagnoses()) };
      },
    };
  }

  #totals(): FigureTable {
    const totals = rowOf(TOTALS_LAYOUT, '');
    totals.values[TOTALS_LAYOUT.at('diagnoses')] = this.diagnosed;
    return totals;
  }

  #figures(): DashboardReport {
    return {
      totals: this.#totals(),
      routes: rowOf(ROUTE_LAYOUT, 'of-an-older-configuration'),
      endpoints: rowOf(ENDPOINT_LAYOUT, `voice\n${ENDPOINT}`),
      upstreams: rowOf(UPSTREAM_LAYOUT, 'voice'),
      said: [],
      epochs: [
        { epoch: 1, calls: 3 },
        { epoch: 0, calls: 2 },
      ],
      processes: [],
      workerRestarts: 0,
    };
  }

  take(): readonly string[] {
    return this.asked.splice(0);
  }
}

interface Reader {
  readonly frames: DashboardFrame[];
  readonly subscription: DashboardSubscription;
}

function ignore(): void {}

function read(scene: Scene): Reader {
  const frames: DashboardFrame[] = [];
  const subscription = scene.dashboard.subscribe((frame) => frames.push(frame));
  assert.ok(subscription !== undefined);
  return { frames, subscription };
}

interface Clock {
  nowMs: number;
  /** Lets time pass, and what is due be done. */
  pass(ms: number): Promise<void>;
}

function clockOf(t: TestContext): Clock {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
  const clock: Clock = {
    nowMs: 0,
    async pass(ms) {
      for (let left = ms; left > 0; left -= 100) {
        const stepMs = Math.min(left, 100);
        clock.nowMs += stepMs;
        t.mock.timers.tick(stepMs);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
  t.mock.method(performance, 'now', () => clock.nowMs);
  return clock;
}

async function start(
  t: TestContext,
  sections = {},
): Promise<{ readonly scene: Scene; readonly clock: Clock }> {
  const config = configOf(
    await proxyConfigText({ sections: { admin: { address: '127.0.0.1:0' }, ...sections } }),
  );
  const clock = clockOf(t);
  const scene = new Scene(config);
  scene.dashboard.use({ epoch: 1, config, loadedAtEpochMs: 0 });
  t.after(() => scene.dashboard.close());
  return { scene, clock };
}

function parsed(text: string | undefined): Readonly<Record<string, unknown>> {
  assert.ok(text !== undefined);
  const value: unknown = JSON.parse(text);
  assert.ok(typeof value === 'object' && value !== null);
  return { ...value };
}

test('while nobody looks, the totals are asked for every five seconds, and nothing else', async (t) => {
  const { scene, clock } = await start(t);
  await clock.pass(20_500);
  assert.deepEqual(scene.take(), ['totals', 'totals', 'totals', 'totals', 'totals']);
});

test('without an admin server nothing is asked for', async (t) => {
  const { scene, clock } = await start(t, { admin: 'off' });
  await clock.pass(20_000);
  assert.deepEqual(scene.take(), []);
});

test('two readers get the same figures, once a second', async (t) => {
  const { scene, clock } = await start(t);
  await clock.pass(300);
  scene.take();
  const [one, other] = [read(scene), read(scene)];
  await clock.pass(3000);
  const figures = scene.take().filter((topic) => topic === 'figures');
  assert.equal(figures.length, 3);
  assert.equal(one.frames.length, 3);
  assert.deepEqual(one.frames, other.frames);
  assert.equal(one.frames[0].facts['configuration'], one.frames[2].facts['configuration']);
  one.subscription.close();
  other.subscription.close();
  await clock.pass(12_000);
  assert.ok(scene.take().every((topic) => topic === 'totals'));
  assert.equal(one.frames.length, 3);
});

test('a reader begins with the points of the last ten minutes, oldest first', async (t) => {
  const { scene, clock } = await start(t);
  await clock.pass(700_000);
  const { history } = parsed(read(scene).subscription.opening);
  assert.ok(Array.isArray(history));
  assert.ok(history.length >= 119 && history.length <= 121, `${history.length} points`);
  const times = history.map(({ atEpochMs }: { readonly atEpochMs: number }) => atEpochMs);
  assert.deepEqual(
    times,
    times.toSorted((one, other) => one - other),
  );
});

test('readers that come and go in quick succession begin no more than five collections a second', async (t) => {
  const { scene, clock } = await start(t);
  await clock.pass(300);
  scene.take();
  for (let round = 0; round < 100; round++) {
    const { subscription } = read(scene);
    await clock.pass(20);
    subscription.close();
  }
  const { length } = scene.take();
  assert.ok(length >= 5 && length <= 11, `${length} collections in two seconds`);
});

test('a collection that takes long is not joined by another, and readers that come and go begin none', async (t) => {
  const { scene, clock } = await start(t);
  await clock.pass(300);
  scene.take();
  const hold = Promise.withResolvers<void>();
  scene.hold = hold.promise;
  for (let round = 0; round < 20; round++) {
    const { subscription } = read(scene);
    await clock.pass(100);
    if (round < 19) subscription.close();
  }
  assert.equal(scene.take().length, 1);
  hold.resolve();
  await clock.pass(1000);
  assert.ok(scene.take().length >= 1);
  scene.dashboard.close();
  scene.take();
  await clock.pass(10_000);
  assert.deepEqual(scene.take(), []);
});

test('diagnoses are asked for only if there are others', async (t) => {
  const { scene, clock } = await start(t);
  read(scene);
  await clock.pass(5000);
  assert.equal(scene.take().filter((topic) => topic === 'diagnoses').length, 1);
  scene.diagnosed = 2;
  await clock.pass(5000);
  assert.equal(scene.take().filter((topic) => topic === 'diagnoses').length, 1);
  scene.diagnosedByControl = 1;
  await clock.pass(5000);
  assert.equal(scene.take().filter((topic) => topic === 'diagnoses').length, 1);
});

test('a question about diagnoses that fails is asked again, and the figures come meanwhile', async (t) => {
  const { scene, clock } = await start(t);
  const { frames } = read(scene);
  scene.diagnosed = 1;
  scene.onDiagnoses = () => Promise.reject(new Error('no answer'));
  await clock.pass(2500);
  assert.ok(frames.length >= 2, 'the figures come without the diagnoses');
  assert.equal(frames.at(-1)?.facts['diagnoses'], undefined);
  assert.ok(frames.at(-1)?.facts['configuration'] !== undefined);
  assert.equal(scene.faults.length, 1);
  scene.onDiagnoses = () => Promise.resolve({});
  await clock.pass(1500);
  assert.deepEqual(parsed(frames.at(-1)?.facts['diagnoses'])['counts'], { FG1001: 1 });
});

test('diagnoses are asked for again while a worker has not told its own', async (t) => {
  const { scene, clock } = await start(t);
  read(scene);
  scene.onDiagnoses = () => Promise.resolve({ unanswered: [2] });
  await clock.pass(3000);
  const asked = (): number => scene.take().filter((topic) => topic === 'diagnoses').length;
  assert.ok(asked() >= 2);
  scene.onDiagnoses = () => Promise.resolve({});
  await clock.pass(5000);
  assert.equal(asked(), 1);
});

test('a section that cannot be made keeps none of the others back', async (t) => {
  const { scene, clock } = await start(t);
  const { frames } = read(scene);
  scene.reloads = () => {
    throw new Error('no reloads');
  };
  await clock.pass(500);
  const { facts = {} } = frames.at(-1) ?? {};
  assert.deepEqual(Object.keys(facts).toSorted(), ['certificates', 'diagnoses', 'endpoints']);
});

test('there are eight readers at most, and a place is free when one goes', async (t) => {
  const { scene } = await start(t);
  const readers = Array.from({ length: 8 }, () => read(scene));
  assert.equal(scene.dashboard.subscribe(ignore), undefined);
  readers[3].subscription.close();
  assert.ok(scene.dashboard.subscribe(ignore) !== undefined);
});

test('routes without calls are shown, and those that only older calls have', async (t) => {
  const { scene, clock } = await start(t);
  const { frames } = read(scene);
  await clock.pass(500);
  const figures = parsed(frames.at(-1)?.figures);
  assert.ok(Array.isArray(figures['routes']));
  const routes = figures['routes'].map(({ route }: { readonly route: string }) => route);
  assert.deepEqual(routes, [...scene.config.routes.map(({ name }) => name), 'of-an-older-configuration']);
  assert.deepEqual(figures['olderEpochs'], [{ epoch: 0, calls: 2 }]);
});

test('what processes tell of endpoints is a fact, and so is what a reload has changed', async (t) => {
  const { scene, clock } = await start(t);
  const { frames } = read(scene);
  scene.tell({}, [
    { upstream: 'voice', endpoint: ENDPOINT, to: 'ejected', sentence: 'It fails.', atEpochMs: 5 },
  ]);
  await clock.pass(500);
  assert.deepEqual(parsed(frames.at(-1)?.facts['endpoints']), {
    endpoints: [
      {
        upstream: 'voice',
        endpoint: ENDPOINT,
        reasons: [],
        history: [{ atEpochMs: 5, to: 'ejected', sentence: 'It fails.', processes: 1 }],
      },
    ],
  });
  assert.equal(parsed(frames.at(-1)?.facts['configuration'])['changes'], undefined);
  const next = { ...scene.config, drain: { ...scene.config.drain, timeoutMs: 77 } };
  scene.dashboard.use({ epoch: 2, config: next, loadedAtEpochMs: 0 });
  await clock.pass(1500);
  const { changes } = parsed(frames.at(-1)?.facts['configuration']);
  assert.ok(typeof changes === 'object' && changes !== null && 'entries' in changes);
  assert.deepEqual(
    [changes],
    [
      {
        since: 1,
        entries: [{ path: 'drain.timeout', before: '0s', after: '77ms' }],
      },
    ],
  );
});

test('after a collection that took longer than a second there is a pause before the next', async (t) => {
  const { scene, clock } = await start(t);
  await clock.pass(300);
  read(scene);
  for (const tookMs of [1500, 1500, 1500]) {
    await clock.pass(1000);
    scene.take();
    const hold = Promise.withResolvers<void>();
    scene.hold = hold.promise;
    await clock.pass(1000 + tookMs);
    assert.deepEqual(scene.take(), ['figures']);
    hold.resolve();
    scene.hold = Promise.resolve();
    // The collection ends without that time passes.
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    await clock.pass(100);
    assert.deepEqual(scene.take(), []);
    await clock.pass(200);
    assert.deepEqual(scene.take(), ['figures']);
  }
});
