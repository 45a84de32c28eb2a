// What the doctor reports when the process that makes its checks ends, or sends what it should not. The processes here are scripts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckReport } from '../../src/doctor/check.ts';
import type { ExaminationOrder } from '../../src/doctor/examination-messages.ts';
import { type CheckingEvents, examineElsewhere } from '../../src/doctor/forked-examination.ts';

type Script = (events: CheckingEvents, order: ExaminationOrder, passTime: () => void) => void;

interface Examined {
  readonly reports: readonly CheckReport[];
  /** The ids of reports in the order in which they were told. */
  readonly told: readonly string[];
  readonly orders: readonly ExaminationOrder[];
  /** How long each process may live. */
  readonly limitsMs: readonly number[];
  /** How many processes were ended. */
  readonly ended: number;
}

const NOTHING = { file: undefined, target: undefined, ca: undefined, certificate: undefined };
const ORDER = { ...NOTHING, headers: [], only: [], holdSeconds: undefined, method: undefined };

/** Each process acts by the next script. There have to be enough. */
function examineBy(...scripts: readonly Script[]): Promise<Examined> {
  return examineAs(ORDER, ...scripts);
}

async function examineAs(
  asked: Parameters<typeof examineElsewhere>[0],
  ...scripts: readonly Script[]
): Promise<Examined> {
  const told: string[] = [];
  const orders: ExaminationOrder[] = [];
  const limitsMs: number[] = [];
  let ended = 0;
  const late: (() => void)[] = [];
  const reports = await examineElsewhere(
    asked,
    {
      start: (events) => ({
        send: (order) => {
          orders.push(order);
          const script = scripts.at(orders.length - 1);
          assert.ok(script, 'one process too many');
          setImmediate(() => script(events, order, () => late.at(-1)?.()));
        },
        end: () => ended++,
      }),
      after: (delayMs, call) => {
        limitsMs.push(delayMs);
        late.push(call);
        return () => undefined;
      },
    },
    { onReport: ({ id }) => told.push(id) },
  );
  return { reports, told, orders, limitsMs, ended };
}

const ROWS = ['one', 'two', 'three'].map((name) => ({
  id: `config.${name}`,
  group: 'config',
  title: `check ${name}`,
  shown: 'always',
}));

const planned = { kind: 'planned', plan: ROWS };
const begun = (name: string): object => ({ kind: 'begun', id: `config.${name}` });
const passed = (name: string, text = 'fine'): object => ({
  kind: 'ended',
  report: { id: `config.${name}`, findings: [{ verdict: 'ok', text }], durationMs: 1 },
});
const broken = (name: string, text = 'gone'): object => ({
  kind: 'ended',
  report: { id: `config.${name}`, findings: [{ verdict: 'failed', text }], durationMs: 1 },
});
const done = { kind: 'done' };

/** Sends these, and ends. */
function dying(...notices: readonly unknown[]): Script {
  return ({ onNotice, onEnd }) => {
    for (const notice of notices) onNotice(notice);
    onEnd('SIGABRT');
  };
}

/** Makes the checks of which nothing is known. */
const finishing: Script = ({ onNotice }, { earlier }) => {
  onNotice(planned);
  const known = new Set(earlier.map(({ id }) => id));
  for (const name of ['one', 'two', 'three']) {
    if (known.has(`config.${name}`)) continue;
    onNotice(begun(name));
    onNotice(passed(name));
  }
  onNotice(done);
};

function verdicts({ reports }: Examined): readonly string[] {
  return reports.map(({ verdict }) => verdict);
}

test('the check that was under way has no result, and a new process makes those that are left', async () => {
  const examined = await examineBy(dying(planned, begun('one'), passed('one'), begun('two')), finishing);
  assert.deepEqual(verdicts(examined), ['ok', 'failed', 'ok']);
  assert.deepEqual(examined.told, ['config.one', 'config.two', 'config.three']);
  const [finding] = examined.reports[1].findings;
  assert.match(
    finding.text,
    /^this check was under way when the process .* ended \(SIGABRT\), so it has no result/,
  );
  assert.match(finding.remedy ?? '', /--only config\.two/);
  assert.deepEqual(
    examined.orders[1].earlier.map(({ id }) => id),
    ['config.one', 'config.two'],
  );
  assert.equal(examined.ended, 2, 'no process is left');
});

test('checks that were under way together are made again, each alone, and say so', async () => {
  const first = dying(planned, begun('one'), begun('two'), begun('three'), passed('three'));
  const examined = await examineBy(first, dying(planned, begun('one')), finishing);
  assert.deepEqual(examined.orders[1].alone, ['config.one', 'config.two']);
  assert.deepEqual(verdicts(examined), ['failed', 'warning', 'ok']);
  const texts = examined.reports[1].findings.map(({ text }) => text);
  assert.equal(texts[0], 'fine');
  assert.match(
    texts[1],
    /this check and 1 other were under way when .* \(SIGABRT\); it was made again, alone/,
  );
});

function textsOf({ findings }: CheckReport): readonly string[] {
  return findings.map(({ text }) => text);
}

test('a check that is made again for others is told once more if it fails then, and says that it had not failed', async () => {
  const examined = await examineBy(
    dying(planned, begun('one'), passed('one'), begun('two')),
    ({ onNotice }) => {
      for (const notice of [begun('one'), broken('one'), begun('three'), passed('three')]) onNotice(notice);
      for (const notice of [broken('one', 'and again'), done]) onNotice(notice);
    },
  );
  assert.deepEqual(verdicts(examined), ['failed', 'failed', 'ok']);
  assert.deepEqual(examined.told, ['config.one', 'config.two', 'config.one', 'config.three']);
  const [text, more, ...others] = textsOf(examined.reports[0]);
  assert.equal(text, 'gone');
  assert.match(more, /^an earlier process has made this check, and it did not fail there/);
  assert.deepEqual(others, [], 'a second failure adds nothing');
});

test('a check that is made again for others keeps its report where it passes once more', async () => {
  const examined = await examineBy(
    dying(planned, begun('one'), passed('one', 'before'), begun('two')),
    ({ onNotice }) => {
      for (const notice of [begun('one'), passed('one', 'again'), begun('three'), passed('three'), done])
        onNotice(notice);
    },
  );
  assert.deepEqual(textsOf(examined.reports[0]), ['before']);
  assert.deepEqual(examined.told, ['config.one', 'config.two', 'config.three']);
});

test('a check that ends its process when it is made again has failed, keeps what it had found, and is told once more', async () => {
  const examined = await examineBy(
    dying(planned, begun('one'), passed('one', 'before'), begun('two')),
    dying(begun('one')),
    finishing,
  );
  assert.deepEqual(verdicts(examined), ['failed', 'failed', 'ok']);
  const [before, after] = textsOf(examined.reports[0]);
  assert.equal(before, 'before');
  assert.match(after, /^this check was under way when the process .* ended \(SIGABRT\)/);
  assert.deepEqual(examined.told, ['config.one', 'config.two', 'config.one', 'config.three']);
});

test('a check that was made again beside others when a process ended says so if it fails alone', async () => {
  const examined = await examineBy(
    dying(planned, begun('one'), passed('one'), begun('two')),
    dying(begun('one'), begun('three')),
    ({ onNotice }, { alone }) => {
      assert.deepEqual(alone, ['config.one', 'config.three']);
      for (const notice of [begun('one'), broken('one'), begun('three'), passed('three'), done])
        onNotice(notice);
    },
  );
  assert.deepEqual(verdicts(examined), ['failed', 'failed', 'warning']);
  assert.match(textsOf(examined.reports[0])[2], /this check and 1 other were under way .*made again, alone/);
});

test('when every process ends, the rest is given up, and something has failed', async () => {
  const examined = await examineBy(
    ...Array.from({ length: 5 }, () => dying(planned, begun('one'), begun('two'))),
  );
  assert.deepEqual(verdicts(examined), ['failed', 'failed', 'skipped']);
  assert.match(examined.reports[2].skippedBecause ?? '', /have ended 5 times/);
  const between = await examineBy(...Array.from({ length: 5 }, () => dying(planned)));
  assert.deepEqual(verdicts(between), ['failed', 'skipped', 'skipped']);
});

test('a process that ends after its last report has made all checks', async () => {
  const all = ['one', 'two', 'three'].flatMap((name) => [begun(name), passed(name)]);
  assert.deepEqual(verdicts(await examineBy(dying(planned, ...all))), ['ok', 'ok', 'ok']);
});

test('what is not reported has failed, whatever the process says of its end', async () => {
  const examined = await examineBy(({ onNotice }) => {
    for (const notice of [planned, begun('one'), passed('one'), done, passed('two')]) onNotice(notice);
  });
  assert.deepEqual(verdicts(examined), ['ok', 'failed', 'failed']);
  await assert.rejects(
    examineBy(
      ...Array.from(
        { length: 5 },
        (): Script =>
          ({ onNotice }) =>
            onNotice(done),
      ),
    ),
    /ended 5 times before the first one/,
  );
});

test('a process that does not come to an end is ended, and the check that it makes has no result', async () => {
  const examined = await examineBy(({ onNotice }, _order, passTime) => {
    for (const notice of [planned, begun('one')]) onNotice(notice);
    passTime();
  }, finishing);
  assert.deepEqual(verdicts(examined), ['failed', 'ok', 'ok']);
  assert.match(examined.reports[0].findings[0].text, /the doctor ended it after 60 s/);
});

test('a process may live as much longer as streams are held', async () => {
  const examined = await examineAs({ ...ORDER, holdSeconds: 90 }, finishing);
  assert.deepEqual(examined.limitsMs, [150_000]);
});

test('a refusal before the plan is the answer, and later it is no loss of what was found', async () => {
  const refusal = { kind: 'refused', why: 'there is no such check\u001b[2J' };
  await assert.rejects(examineBy(dying(refusal)), {
    message: 'there is no such check\\u{1b}[2J',
  });
  const examined = await examineBy(dying(planned, begun('one'), refusal), finishing);
  assert.deepEqual(verdicts(examined), ['failed', 'ok', 'ok']);
});

test('a fault before the plan is thrown with its stack', async () => {
  await assert.rejects(
    examineBy(dying({ kind: 'fault', stack: 'Error: an oversight\n    at plan' })),
    /an oversight\n {4}at plan/,
  );
});

test('a fault while checks are made is named with its place, and the rest is made', async () => {
  const fault = { kind: 'fault', stack: 'Error: an oversight\n    at look (look.ts:1)\n    at far' };
  const examined = await examineBy(dying(planned, begun('one'), fault), finishing);
  assert.deepEqual(verdicts(examined), ['failed', 'ok', 'ok']);
  const [{ text }] = examined.reports[0].findings;
  assert.match(text, /\(a fault of Framegate: Error: an oversight at look \(look\.ts:1\)\), so/);
});

test('a process that sends anything else than reports is ended', async () => {
  const hostile: readonly unknown[] = [
    null,
    'ended',
    { kind: 'other' },
    { kind: 'begun', id: 7 },
    { kind: 'begun', id: 'x'.repeat(10_000) },
    { kind: 'planned', plan: [{ ...ROWS[0], group: 'constructor' }] },
    { kind: 'planned', plan: [{ ...ROWS[0], shown: 'perhaps' }] },
    { kind: 'planned', plan: {} },
    { kind: 'ended', report: { id: 'config.one', findings: 'none', durationMs: 1 } },
    { kind: 'ended', report: { id: 'config.one', findings: [], durationMs: Number.NaN } },
    { kind: 'ended', report: { id: 'config.one', findings: [{ verdict: 'good', text: '' }], durationMs: 1 } },
    { kind: 'ended', report: { id: 'config.one', findings: [{ verdict: 'ok', text: 7 }], durationMs: 1 } },
    { kind: 'ended', report: { id: 'config.one', findings: [], skippedBecause: 7, durationMs: 1 } },
  ];
  for (const notice of hostile) {
    const examined = await examineBy(dying(planned, begun('one'), notice, passed('one')), finishing);
    assert.deepEqual(verdicts(examined), ['failed', 'ok', 'ok'], JSON.stringify(notice)?.slice(0, 100));
    assert.match(examined.reports[0].findings[0].text, /something else than reports/);
  }
});

test('reports have the titles of the plan, the verdict of their findings, and harmless texts of bounded length', async () => {
  const report = {
    id: 'config.one',
    title: 'another',
    verdict: 'ok',
    findings: [
      { verdict: 'failed', text: `\u001b]0;owned\u0007${'x'.repeat(5000)}`, remedy: 'a\nb', token: 't\r' },
    ],
    durationMs: 1,
    more: 'x',
  };
  const stranger = { kind: 'ended', report: { ...report, id: 'config.unplanned' } };
  const examined = await examineBy(({ onNotice }) => {
    for (const notice of [planned, begun('one'), { kind: 'ended', report }, stranger]) onNotice(notice);
    for (const name of ['two', 'three']) onNotice(passed(name));
    onNotice(done);
  });
  assert.equal(examined.reports.length, 3);
  const [{ title, verdict, findings, ...rest }] = examined.reports;
  assert.deepEqual([title, verdict], ['check one', 'failed']);
  assert.ok(!('more' in rest));
  assert.ok(findings[0].text.startsWith('\\u{1b}]0;owned\\u{7}xxx'));
  assert.ok(findings[0].text.length < 2100);
  assert.deepEqual([findings[0].remedy, findings[0].token], ['a\\u{a}b', 't\\u{d}']);
});

test('a check that was made for another one is shown only if it failed', async () => {
  const plan = [{ ...ROWS[0], shown: 'ifFailed' }, { ...ROWS[1], shown: 'never' }, ROWS[2]];
  const good = await examineBy(({ onNotice }) => {
    onNotice({ kind: 'planned', plan });
    for (const name of ['one', 'two', 'three']) onNotice(passed(name));
    onNotice(done);
  });
  assert.deepEqual(good.told, ['config.three']);
  const bad = await examineBy(dying({ kind: 'planned', plan }, begun('one')), finishing);
  assert.deepEqual(bad.told, ['config.one', 'config.three']);
  assert.deepEqual(verdicts(bad), ['failed', 'ok']);
});
