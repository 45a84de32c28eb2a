import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckReport } from '../../src/doctor/check.ts';
import {
  failed,
  note,
  ok,
  quoted,
  shownText,
  unexamined,
  warning,
  worstOf,
} from '../../src/doctor/finding.ts';
import { firstCause, jsonReport, TextReport } from '../../src/doctor/report.ts';

function report(id: string, part: Partial<CheckReport>): CheckReport {
  return {
    id,
    group: 'upstream',
    title: `title of ${id}`,
    verdict: 'ok',
    findings: [],
    durationMs: 1,
    ...part,
  };
}

const reports: readonly CheckReport[] = [
  report('one', { findings: [ok('fine')] }),
  report('two', { verdict: 'warning', findings: [warning('odd', 'look at it')] }),
  report('three', {
    verdict: 'failed',
    findings: [failed('gone', 'start it', 'upstream_connection_refused')],
  }),
  report('four', { verdict: 'skipped', skippedBecause: '“title of three” failed' }),
];

function textOf(isTTY: boolean, shown = reports, isVerbose = true): string {
  let written = '';
  const stream = {
    isTTY,
    write: (piece: string): void => {
      written += piece;
    },
  };
  const text = new TextReport(stream, isVerbose);
  for (const each of shown) text.add(each);
  text.end(shown, 1234);
  return written;
}

test('each check has a sign, its cause, remedy, code and page, and the first to fix comes once more in the end', () => {
  assert.equal(
    textOf(false),
    `Upstream, directly
✔ title of one
    fine
‼ title of two
    ‼ odd
    → look at it
✖ title of three
    ✖ gone
    → start it
    FG2001: docs/diagnoses/FG2001.md, or: framegate explain FG2001
– title of four
    skipped because “title of three” failed

1 failed, 1 warning, 1 passed, 1 skipped in 1.2 s

Fix this first
✖ title of three
    ✖ gone
    → start it
    FG2001: docs/diagnoses/FG2001.md, or: framegate explain FG2001
`,
  );
});

const skippedAgain = report('five', { verdict: 'skipped', skippedBecause: '“title of three” failed' });
const healthy = [
  report('names', { group: 'config', findings: [ok('fine')] }),
  report('ports', { group: 'ports', findings: [ok('fine')] }),
  report('more', { group: 'ports', verdict: 'note', findings: [note('fine', 'nicer with more')] }),
];

test('checks that passed are counted for each group, and what did not pass is told in full', () => {
  const host = report('host', { group: 'host', findings: [ok('fine')] });
  assert.equal(
    textOf(false, [...healthy, ...reports, skippedAgain, host], false),
    `✔ Configuration: 1 check passed
✔ Ports: 2 checks passed

Upstream, directly
‼ title of two
    ‼ odd
    → look at it
✖ title of three
    ✖ gone
    → start it
    FG2001: docs/diagnoses/FG2001.md, or: framegate explain FG2001
– 2 checks: skipped because “title of three” failed
✔ 1 check passed

✔ Host: 1 check passed

1 failed, 1 warning, 5 passed, 2 skipped in 1.2 s (--verbose shows each check)

Fix this first
✖ title of three
    ✖ gone
    → start it
    FG2001: docs/diagnoses/FG2001.md, or: framegate explain FG2001
`,
  );
});

test('a check that passed and then failed is told, and its group no longer counts it unless it has said so', () => {
  const names = report('names', { group: 'config', findings: [ok('fine')] });
  const early = report('early', { group: 'ports', findings: [ok('fine')] });
  const other = report('other', { group: 'ports', findings: [ok('fine')] });
  const namesAgain = { ...names, verdict: 'failed', findings: [failed('gone')] } as const;
  const earlyAgain = { ...early, verdict: 'failed', findings: [failed('gone')] } as const;
  const written = textOf(false, [names, early, earlyAgain, other, namesAgain], false);
  assert.equal(
    written.slice(0, written.indexOf('\n\n2 failed')),
    `✔ Configuration: 1 check passed

Ports
✖ title of early
    ✖ gone
✔ 1 check passed

Configuration
✖ title of names
    ✖ gone`,
  );
});

test('a warning of a check that was left out comes first in the end, where nothing else is wrong', () => {
  const why = 'the examination had taken 30 s before';
  const out = report('out', {
    verdict: 'skipped',
    skippedBecause: why,
    findings: [warning('odd', 'look at it')],
  });
  assert.equal(
    textOf(false, [out, report('next', { verdict: 'skipped', skippedBecause: why })], false),
    `Upstream, directly
– 2 checks: skipped because ${why}

0 failed, 0 warnings, 0 passed, 2 skipped in 1.2 s (--verbose shows each check)

Look at this first
‼ title of out
    ‼ odd
    → look at it
`,
  );
});

test('what a passed check has not examined is told, and a stream that was held', () => {
  const partly = report('partly', { verdict: 'ok', findings: [ok('fine'), unexamined('nobody is here')] });
  const held = report('held', { group: 'hold', findings: [ok('still open after 65 s')] });
  assert.equal(
    textOf(false, [partly, held], false),
    `Upstream, directly
✔ title of partly
    fine
    nobody is here

An idle stream
✔ title of held
    still open after 65 s

0 failed, 0 warnings, 2 passed, 0 skipped in 1.2 s (--verbose shows each check)
`,
  );
});

test('a page of HTML is named as such, and is not printed', () => {
  assert.equal(shownText('<!DOCTYPE HTML>\n<html lang="en">'), 'an HTML page');
  assert.equal(shownText(' <html>'), 'an HTML page');
  assert.equal(shownText('<htmlx> \u0007'), String.raw`“<htmlx> \u{7}”`);
});

test('a check that has examined nothing has not passed', () => {
  const findings = [unexamined('nobody can be called', 'name its port as TARGET')];
  assert.equal(worstOf(findings), 'skipped');
  assert.equal(worstOf([...findings, ok('fine')]), 'ok');
  assert.equal(worstOf([]), 'ok');
  const blind = [report('blind', { verdict: worstOf(findings), findings })];
  assert.equal(
    textOf(false, blind),
    `Upstream, directly
– title of blind
    nobody can be called
    → name its port as TARGET

0 failed, 0 warnings, 0 passed, 1 skipped in 1.2 s
`,
  );
});

test('a guess that repeats a fault is not counted a second time', () => {
  const guess = report('guess', { group: 'guesses', verdict: 'failed', findings: [failed('yes: gone')] });
  assert.match(textOf(false, [...reports, guess]), /^1 failed, 1 warning, 1 passed, 1 skipped in/m);
});

test('a guess that failed is counted where the check whose fault it repeats is not told', () => {
  const guess = report('guess', { group: 'guesses', verdict: 'failed', findings: [failed('yes: gone')] });
  assert.match(textOf(false, [guess]), /^1 failed, 0 warnings, 0 passed, 0 skipped in/m);
});

test('colours are on a terminal only, and not with NO_COLOR', (context) => {
  context.after(() => {
    delete process.env['NO_COLOR'];
  });
  delete process.env['NO_COLOR'];
  assert.ok(textOf(true).includes('\u001b['));
  assert.ok(!textOf(false).includes('\u001b['));
  const leftOut = report('out', {
    verdict: 'skipped',
    skippedBecause: 'it was late',
    findings: [warning('odd')],
  });
  assert.ok(textOf(true, [leftOut]).includes('\u001b[33m0 failed'), 'a warning of a skipped check is one');
  process.env['NO_COLOR'] = '1';
  assert.ok(!textOf(true).includes('\u001b['));
});

test('what others say is escaped and cut, in text and in JSON', () => {
  assert.equal(quoted('a\u001b[2Jb\u202ec\n'), 'a\\u{1b}[2Jb\\u{202e}c\\u{a}');
  assert.equal(quoted('x'.repeat(400)).length, 301);
  const hostile = [report('bad', { verdict: 'failed', findings: [failed('\u009b31m\u202e')] })];
  assert.ok(jsonReport(hostile, 1).includes(String.raw`\\u{9b}31m\\u{202e}`));
});

test('JSON says what to fix first, with its check, code and page', () => {
  const parsed: unknown = JSON.parse(jsonReport(reports, 10.4));
  assert.ok(typeof parsed === 'object' && parsed !== null && 'first' in parsed && 'ok' in parsed);
  assert.equal(parsed.ok, false);
  assert.deepEqual(parsed.first, {
    check: 'three',
    verdict: 'failed',
    text: 'gone',
    remedy: 'start it',
    token: 'upstream_connection_refused',
    code: 'FG2001',
    page: 'docs/diagnoses/FG2001.md',
  });
});

test('a warning comes first only where nothing failed', () => {
  assert.equal(firstCause(reports)?.report.id, 'three');
  assert.equal(firstCause(reports.slice(0, 2))?.report.id, 'two');
  assert.equal(firstCause(reports.slice(0, 1)), undefined);
});
