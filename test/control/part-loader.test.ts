// A part of the program that could not be loaded at first is loaded later, without a further word of the operator.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import type { HealthConfig, OrcaConfig, UpstreamConfig } from '../../src/config/upstream-config.ts';
import { HealthWatch } from '../../src/control/health-watch.ts';
import { PartLoader } from '../../src/control/part-loader.ts';
import { WeightWatch } from '../../src/control/weight-watch.ts';
import { HealthChecks } from '../../src/health/health-checks.ts';
import { LoadReports } from '../../src/health/load-reports.ts';
import type { Logger } from '../../src/observability/logger.ts';
import { eventually } from '../support/eventually.ts';
import { standIn } from '../support/stand-in.ts';

/** @returns fails so many times, and counts */
function failing<Part>(times: number, part: Part): { readonly load: () => Promise<Part>; loads: number } {
  const counted = {
    loads: 0,
    load: async (): Promise<Part> => {
      if (counted.loads++ < times) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
      return part;
    },
  };
  return counted;
}

function options<Part>(load: () => Promise<Part>, told: string[]) {
  return {
    load,
    onLoaded: (part: Part) => void told.push(`loaded ${String(part)}`),
    onFailed: (error: unknown) => void told.push(String(error)),
    onFault: (error: unknown) => void told.push(`fault ${String(error)}`),
    againInMs: 1,
  };
}

test('a part is loaded when it is wanted, however often that is said, and again until that succeeds', async () => {
  const told: string[] = [];
  const counted = failing(3, 'part');
  const loader = new PartLoader(options(counted.load, told));
  assert.equal(counted.loads, 0);
  for (let time = 0; time < 3; time++) loader.want();
  await eventually('it is loaded', () => told.includes('loaded part'));
  loader.want();
  assert.deepEqual([told, counted.loads], [['Error: too many open files', 'loaded part'], 4]);
});

function doesNotFit(): void {
  throw new Error('it does not fit');
}

test('what is done with a loaded part may fail, which is told, and the part is not loaded again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: string[] = [];
  const counted = failing(0, 'part');
  new PartLoader({ ...options(counted.load, told), onLoaded: doesNotFit }).want();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  t.mock.timers.tick(1000);
  assert.deepEqual([told, counted.loads], [['fault Error: it does not fit'], 1]);
});

test('a loader that was closed while it loads tells nothing of a failure, and does not try again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: string[] = [];
  const broken = failing(9, 'part');
  const loader = new PartLoader(options(broken.load, told));
  loader.want();
  loader.close();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  t.mock.timers.tick(1000);
  assert.deepEqual([told, broken.loads], [[], 1]);
});

test('a loader that was closed tells nothing, and does not try again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const told: string[] = [];
  const open = failing(0, 'part');
  const loader = new PartLoader(options(open.load, told));
  loader.want();
  loader.close();
  const broken = failing(9, 'part');
  const other = new PartLoader(options(broken.load, told));
  other.want();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  assert.deepEqual(told, ['Error: too many open files']);
  other.close();
  t.mock.timers.tick(1000);
  assert.equal(broken.loads, 1);
});

const CONFIG = standIn<Config>({
  upstreams: [
    standIn<UpstreamConfig>({ health: standIn<HealthConfig>({}), weights: standIn<OrcaConfig>({}) }),
  ],
});

for (const [what, follow, message] of [
  ['health checks', followHealth, 'the health checks cannot be loaded: this is tried again each second'],
  ['load reports', followWeights, 'the load reports cannot be loaded: this is tried again each second'],
] as const)
  test(`${what} that could not be loaded begin later, with the configuration of then`, async () => {
    const lines: string[] = [];
    const used: Config[] = [];
    const logger = standIn<Logger>({ error: (_fields: object, line: string) => lines.push(line) });
    const newer = standIn<Config>({ upstreams: [] });
    follow({ logger, used, newer });
    await eventually(`the ${what} have begun`, () => used.length > 0);
    assert.deepEqual([lines, used], [[message], [newer]]);
  });

interface Following {
  readonly logger: Logger;
  readonly used: Config[];
  readonly newer: Config;
}

function followHealth({ logger, used, newer }: Following): void {
  class Checks extends HealthChecks {
    override use(config: Config): void {
      used.push(config);
    }
  }
  const { load } = failing(2, Checks);
  const watch = new HealthWatch({ publish: () => undefined, logger, load, loadAgainInMs: 1 });
  watch.use(CONFIG, () => new Map());
  watch.use(newer, () => new Map());
}

function followWeights({ logger, used, newer }: Following): void {
  class Reports extends LoadReports {
    override use(config: Config): void {
      used.push(config);
    }
  }
  const { load } = failing(2, Reports);
  const watch = new WeightWatch({ publish: () => undefined, logger, load, loadAgainInMs: 1 });
  watch.use(CONFIG, () => new Map());
  watch.use(newer, () => new Map());
}
