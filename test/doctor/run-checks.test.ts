import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Check, CheckReport } from '../../src/doctor/check.ts';
import { failed, ok } from '../../src/doctor/finding.ts';
import { runChecks } from '../../src/doctor/run-checks.ts';

const base = { group: 'config', title: 'a check' } as const;

async function run(plan: readonly Check[]): Promise<{ told: string[]; reports: readonly CheckReport[] }> {
  const told: string[] = [];
  const reports = await runChecks(plan, { onReport: ({ id }) => told.push(id) }, { totalMs: 5000 });
  return { told, reports };
}

test('reports come in the order of the plan, however the checks end', async () => {
  const gate = Promise.withResolvers<void>();
  const { told } = await run([
    {
      ...base,
      id: 'late',
      run: async () => {
        await gate.promise;
        return [ok('at last')];
      },
    },
    {
      ...base,
      id: 'early',
      run: () => {
        gate.resolve();
        return [ok('at once')];
      },
    },
  ]);
  assert.deepEqual(told, ['late', 'early']);
});

test('a check whose prerequisite failed is skipped, with those behind it, and every other one is made', async () => {
  const { reports } = await run([
    { ...base, id: 'broken', title: 'the door opens', run: () => [failed('it is locked')] },
    { ...base, id: 'behind', needs: ['broken'], run: () => [ok('never')] },
    { ...base, id: 'far-behind', needs: ['behind'], run: () => [ok('never')] },
    {
      ...base,
      id: 'after',
      after: ['behind'],
      run: (_signal, ended) => [ok(`${ended.get('behind')?.verdict}`)],
    },
    { ...base, id: 'beside', run: () => [ok('made')] },
  ]);
  assert.deepEqual(
    reports.map(({ verdict, skippedBecause }) => [verdict, skippedBecause]),
    [
      ['failed', undefined],
      ['skipped', '“the door opens” failed'],
      ['skipped', '“the door opens” failed'],
      ['ok', undefined],
      ['ok', undefined],
    ],
  );
  assert.equal(reports[3].findings[0].text, 'skipped');
});

test('a check that never ends is given up after its time limit, and says so', async () => {
  const aborted = Promise.withResolvers<void>();
  const { reports } = await run([
    {
      ...base,
      id: 'endless',
      limitMs: 50,
      run: (signal) => {
        signal.addEventListener('abort', () => aborted.resolve());
        return new Promise(() => undefined);
      },
    },
  ]);
  await aborted.promise;
  assert.equal(reports[0].verdict, 'warning');
  assert.match(reports[0].findings[0].text, /no result/);
});

test('a fault of a check is reported and hides no other', async () => {
  const { reports } = await run([
    {
      ...base,
      id: 'faulty',
      run: () => {
        throw new Error('an oversight');
      },
    },
    { ...base, id: 'next', run: () => [ok('made')] },
  ]);
  assert.match(reports[0].findings[0].text, /a fault of Framegate: Error: an oversight/);
  assert.equal(reports[1].verdict, 'ok');
});
