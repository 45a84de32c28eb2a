// The figures of workers, added up: nothing that is counted goes back when a worker is slow or ends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ENDPOINT_LAYOUT,
  ROUTE_LAYOUT,
  TOTALS_LAYOUT,
  UPSTREAM_LAYOUT,
} from '../../src/observability/figure-layouts.ts';
import { EMPTY_TABLE, type FigureLayout, type FigureTable } from '../../src/observability/figure-table.ts';
import type { PlaneFigures } from '../../src/plane/process-figures.ts';
import { GatheredFigures } from '../../src/workers/gathered-figures.ts';
import type { Answers } from '../../src/workers/messages.ts';

const OWN = {
  totals: EMPTY_TABLE,
  process: { worker: undefined, pid: 1, state: 'serving', epoch: 1 },
};

function table<Column extends string>(
  layout: FigureLayout<Column>,
  key: string,
  figures: Partial<Record<Column, number>>,
): FigureTable {
  const values = new Float64Array(layout.width);
  for (const column in figures) values[layout.at(column)] = figures[column] ?? 0;
  return { keys: [key], values };
}

/** What a worker says that has `ok` good calls behind it and `inFlight` running. */
function figuresOf(ok: number, inFlight = 0, endpoint = 'voice\na'): PlaneFigures {
  return {
    totals: table(TOTALS_LAYOUT, '', { ok, inFlight }),
    routes: table(ROUTE_LAYOUT, 'all', { ok, inFlight }),
    endpoints: table(ENDPOINT_LAYOUT, endpoint, { answered: ok, inFlight, processes: 1 }),
    upstreams: table(UPSTREAM_LAYOUT, 'voice', { pending: 1 }),
    said: [
      {
        key: 'voice\na',
        reasons: [{ by: 'outliers', token: 'a', sentence: 'b', processes: 1, sinceEpochMs: ok }],
      },
    ],
    epochs: [{ epoch: 1, calls: inFlight }],
    processes: [{ worker: 1, pid: 7, state: 'serving', epoch: 1 }],
  };
}

class Worker {
  readonly number: number;
  figures: PlaneFigures | undefined;

  constructor(number: number, figures: PlaneFigures | undefined) {
    this.number = number;
    this.figures = figures;
  }

  ask = async <About extends keyof Answers>(topic: About): Promise<Answers[About] | undefined> => {
    const { figures } = this;
    const answers: Partial<Answers> = figures === undefined ? {} : { figures, totals: figures.totals };
    return answers[topic];
  };
}

function read(figures: PlaneFigures): Readonly<Record<string, number>> {
  return {
    ok: TOTALS_LAYOUT.read(figures.totals, 0, 'ok'),
    failed: TOTALS_LAYOUT.read(figures.totals, 0, 'failed'),
    inFlight: TOTALS_LAYOUT.read(figures.totals, 0, 'inFlight'),
    ofRoute: ROUTE_LAYOUT.read(figures.routes, 0, 'ok'),
    failedOfRoute: ROUTE_LAYOUT.read(figures.routes, 0, 'failed'),
    answered: ENDPOINT_LAYOUT.read(figures.endpoints, 0, 'answered'),
  };
}

test('workers are added up, and what they say of one endpoint becomes one', async () => {
  const workers = [new Worker(1, figuresOf(10, 1)), new Worker(2, figuresOf(20, 2))];
  const gathered = new GatheredFigures(
    () => workers,
    () => OWN,
  );
  const figures = await gathered.figures();
  assert.deepEqual(read(figures), {
    ok: 30,
    failed: 0,
    inFlight: 3,
    ofRoute: 30,
    failedOfRoute: 0,
    answered: 30,
  });
  assert.deepEqual(figures.epochs, [{ epoch: 1, calls: 3 }]);
  assert.equal(figures.processes.length, 3, 'the primary and two workers');
  assert.deepEqual(figures.said, [
    {
      key: 'voice\na',
      reasons: [{ by: 'outliers', token: 'a', sentence: 'b', processes: 2, sinceEpochMs: 10 }],
    },
  ]);
  assert.equal(TOTALS_LAYOUT.read(await gathered.totals(), 0, 'ok'), 30);
});

test('a worker that does not answer in time counts with its last answer, and is named', async () => {
  const slow = new Worker(2, figuresOf(20));
  const workers = [new Worker(1, figuresOf(10)), slow];
  const gathered = new GatheredFigures(
    () => workers,
    () => OWN,
  );
  await gathered.figures();
  slow.figures = undefined;
  const figures = await gathered.figures();
  assert.equal(read(figures)['ok'], 30);
  assert.deepEqual(figures.unanswered, [2]);
  assert.equal(TOTALS_LAYOUT.read(await gathered.totals(), 0, 'ok'), 30);
});

test('the counts of a worker that dies stay, and the calls that it had have failed', async () => {
  const dying = new Worker(2, figuresOf(20, 5));
  const living = new Worker(1, figuresOf(10, 1));
  let workers = [living, dying];
  const gathered = new GatheredFigures(
    () => workers,
    () => OWN,
  );
  await gathered.figures();
  workers = [living];
  gathered.gone(dying);
  const figures = await gathered.figures();
  assert.deepEqual(read(figures), {
    ok: 30,
    failed: 5,
    inFlight: 1,
    ofRoute: 30,
    failedOfRoute: 5,
    answered: 30,
  });
});

test('the last words of a worker that has drained count', async () => {
  const leaving = new Worker(2, figuresOf(20, 5));
  let workers = [leaving];
  const gathered = new GatheredFigures(
    () => workers,
    () => OWN,
  );
  await gathered.totals();
  gathered.keep(leaving, { figures: figuresOf(25) });
  workers = [];
  gathered.gone(leaving);
  assert.equal(read(await gathered.figures())['ok'], 25);
});

test('endpoints that no worker knows any more are forgotten', async () => {
  let workers: Worker[] = [];
  const gathered = new GatheredFigures(
    () => workers,
    () => OWN,
  );
  for (let index = 0; index < 20; index++) {
    const worker = new Worker(1, figuresOf(1, 0, `voice\n${index}`));
    workers = [worker];
    await gathered.figures();
    gathered.gone(worker);
  }
  workers = [new Worker(1, figuresOf(1, 0, 'voice\n19'))];
  const { endpoints } = await gathered.figures();
  assert.deepEqual(endpoints.keys, ['voice\n19']);
  assert.equal(ENDPOINT_LAYOUT.read(endpoints, 0, 'answered'), 2);
  workers = [new Worker(1, figuresOf(1, 0, 'voice\n0'))];
  assert.equal(ENDPOINT_LAYOUT.read((await gathered.figures()).endpoints, 0, 'answered'), 1);
});
