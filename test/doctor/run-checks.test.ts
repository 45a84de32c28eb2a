import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Check, CheckReport } from '../../src/doctor/check.ts';
import { failed, ok, warning, worstOf } from '../../src/doctor/finding.ts';
import { type RunOptions, runChecks } from '../../src/doctor/run-checks.ts';

const base = { group: 'config', title: 'a check' } as const;

async function run(
  plan: readonly Check[],
  options: Partial<RunOptions> = {},
): Promise<{ events: string[]; reports: readonly CheckReport[] }> {
  const events: string[] = [];
  const reports = await runChecks(
    plan,
    { onBegin: (id) => events.push(`${id} begins`), onEnd: ({ id }) => events.push(`${id} ends`) },
    { totalMs: 5000, lastBeginMs: 60_000, ...options },
  );
  return { events, reports };
}

test('checks are told of as they begin and end, and their reports are in the order of the plan', async () => {
  const gate = Promise.withResolvers<void>();
  const { events, reports } = await run([
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
  assert.deepEqual(events.slice(0, 2), ['late begins', 'early begins']);
  assert.deepEqual(
    reports.map(({ id }) => id),
    ['late', 'early'],
  );
});

/** Ends in a later turn. */
function laterCheck(id: string): Check {
  return {
    ...base,
    id,
    run: async () => {
      await new Promise(setImmediate);
      return [ok('made')];
    },
  };
}

test('a check that is made alone begins when no other one runs, and no other one begins until it has ended', async () => {
  // Of these two, one begins before the suspect. The other is due when that one has ended, while the suspect is under way.
  const first = laterCheck('first');
  const second = { ...laterCheck('second'), after: ['first'] };
  const plan = [first, laterCheck('suspect'), second, { ...laterCheck('third'), after: ['second'] }];
  const { events } = await run(plan, { alone: new Set(['suspect']) });
  assert.equal(events.length, 8);
  const at = events.indexOf('suspect begins');
  assert.equal(events[at + 1], 'suspect ends');
  assert.ok(at < events.indexOf('second begins'), 'others are left when it begins');
  const before = events.slice(0, at);
  for (const event of before.filter((each) => each.endsWith('begins')))
    assert.ok(before.includes(event.replace('begins', 'ends')), `${event}, and runs beside it`);
});

function reported(id: string, findings: CheckReport['findings']): CheckReport {
  return { id, group: 'config', title: id, verdict: worstOf(findings), findings, durationMs: 1 };
}

test('what another process has reported is not made again, and is evidence for what is left', async () => {
  const { events, reports } = await run(
    [
      { ...base, id: 'known', run: () => [failed('made again')] },
      { ...base, id: 'broken', run: () => [ok('made again')] },
      { ...base, id: 'behind', needs: ['broken'], run: () => [ok('never')] },
      { ...base, id: 'left', after: ['known'], run: (_signal, ended) => ended.get('known')?.findings ?? [] },
    ],
    { earlier: [reported('known', [ok('seen before')]), reported('broken', [failed('gone')])] },
  );
  assert.deepEqual(events.toSorted(), ['behind ends', 'left begins', 'left ends']);
  assert.deepEqual(
    reports.map(({ verdict }) => verdict),
    ['ok', 'failed', 'skipped', 'ok'],
  );
  assert.equal(reports[3].findings[0].text, 'seen before');
});

test('what leaves something in memory is made again for the checks that are left, unless it failed or was skipped', async () => {
  const plan: readonly Check[] = [
    { ...base, id: 'proxy', feeds: ['through'], run: () => [ok('started')] },
    { ...base, id: 'culprit', feeds: ['through'], run: () => [ok('never')] },
    { ...base, id: 'given-up', feeds: ['through'], run: () => [ok('never')] },
    { ...base, id: 'way', feeds: ['target'], run: () => [ok('never')] },
    { ...base, group: 'through', id: 'route', run: () => [ok('made')] },
    { ...base, group: 'target', id: 'call', run: () => [ok('never')] },
  ];
  const earlier = [
    reported('proxy', [ok('started')]),
    reported('culprit', [failed('no result')]),
    { ...reported('given-up', []), verdict: 'skipped', skippedBecause: 'there was no reason' } as const,
    reported('way', [ok('found')]),
    reported('call', [ok('made')]),
  ];
  const { events, reports } = await run(plan, { earlier });
  assert.deepEqual(events.toSorted(), ['proxy begins', 'proxy ends', 'route begins', 'route ends']);
  assert.equal(reports[2].skippedBecause, 'there was no reason');
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

test('a group of many checks keeps no other group from beginning', async () => {
  const many = Array.from({ length: 20 }, (_, index) => laterCheck(`upstream-${index}`));
  const others = ['first', 'second'].map((id): Check => ({ ...laterCheck(id), group: 'host' }));
  const { events, reports } = await run([...many, ...others]);
  const first12 = events.slice(0, 12);
  assert.ok(first12.includes('first begins') && first12.includes('second begins'), first12.join());
  assert.deepEqual(
    reports.map(({ id }) => id),
    [...many, ...others].map(({ id }) => id),
  );
});

test('no check begins once the time is over, which one warning says, and what is held for longer is made', async () => {
  let nowMs = 0;
  const slow = {
    ...base,
    id: 'slow',
    run: () => {
      nowMs = 30_001;
      return [ok('at last')];
    },
  };
  const late = ['late', 'later'].map((id) => ({ ...laterCheck(id), after: ['slow'] }));
  const behind = { ...laterCheck('behind'), needs: ['late'] };
  const held = { ...laterCheck('held'), after: ['slow'], limitMs: 90_000 };
  const { events, reports } = await run([slow, ...late, behind, held], {
    totalMs: 10_000,
    lastBeginMs: 30_000,
    nowMs: () => nowMs,
  });
  const why = 'the examination had taken 30 s before';
  assert.deepEqual(
    reports.map(({ id, verdict, skippedBecause }) => [id, verdict, skippedBecause]),
    [
      ['slow', 'ok', undefined],
      ['late', 'skipped', why],
      ['later', 'skipped', why],
      ['behind', 'skipped', why],
      ['held', 'ok', undefined],
    ],
  );
  assert.ok(!events.includes('late begins') && !events.includes('later begins'));
  assert.deepEqual(
    reports.flatMap(({ findings }) => findings.filter(({ verdict }) => verdict === 'warning')),
    [
      warning(
        'the examination has taken 30 s, so this check and 2 others were not begun',
        'make a part of the checks at a time: --only with a group, or with the beginning of an id of --json',
      ),
    ],
  );
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
