// The catalogue: every diagnosis has one code for ever, and every code a page that says what happened and what to do.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { diagnosisCode, diagnosisCodes } from '../../src/diagnosis/codes.ts';
import { diagnoseConnectFailure } from '../../src/diagnosis/connect-failure.ts';
import { readRemedy } from '../../src/diagnosis/pages/page.ts';
import { diagnoseRefusal, type RefusalToken, refusalTokens } from '../../src/diagnosis/refusal.ts';
import { diagnoseUpstreamAnswer } from '../../src/diagnosis/upstream-first-bytes.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'docs/diagnoses');
const SECTIONS = ['## What happened', '## In the log', '## How it looks', '## Remedy'];

function isRefusalToken(token: string): token is RefusalToken {
  return refusalTokens.includes(token);
}

function pageOf(code: string): string {
  return readFileSync(join(folder, `${code}.md`), 'utf8');
}

test('codes that people have seen stay what they are', () => {
  assert.equal(diagnosisCode('plaintext_on_tls_port'), 'FG1001');
  assert.equal(diagnosisCode('tls_on_plaintext_port'), 'FG1003');
  assert.equal(diagnosisCode('upstream_connection_refused'), 'FG2001');
  assert.equal(diagnosisCode('no_route'), 'FG3001');
});

test('no code is given twice, and each has its form', () => {
  const codes = [...diagnosisCodes.values()];
  assert.equal(new Set(codes).size, codes.length);
  for (const code of codes) assert.match(code, /^FG[123]\d{3}$/);
});

test('what is no diagnosis has no code', () => {
  for (const token of ['upstream_http2', 'bad_frame', 'constructor', '__proto__', ''])
    assert.equal(diagnosisCode(token), '');
});

test('every refused client has a code of FG1xxx', () => {
  for (const token of refusalTokens) assert.match(diagnosisCode(token), /^FG1/, token);
});

test('every way in which an endpoint cannot be used has a code of FG2xxx', () => {
  const answers = (['http1', 'tls', 'unknown', 'need-more'] as const).map((kind) =>
    diagnoseUpstreamAnswer(kind, 'a:1'),
  );
  const source = ['connect-failure.ts', 'upstream-tls-failure.ts', 'http1-failure.ts']
    .map((file) => readFileSync(join(root, 'src/diagnosis', file), 'utf8'))
    .join('\n');
  const tokens = Array.from(source.matchAll(/token: '(\w+)'/g), ([, token]) => token);
  assert.ok(tokens.length >= 20);
  for (const token of [...tokens, ...answers.map((answer) => answer.token)])
    assert.match(diagnosisCode(token), /^FG2/, token);
  assert.match(diagnosisCode(diagnoseConnectFailure('no_settings', 'a:1').token), /^FG2/);
});

test('every failure of a call has a code', () => {
  const source = readFileSync(join(root, 'src/calls/failure.ts'), 'utf8');
  const tokens = Array.from(source.matchAll(/^ {2}(\w+): \[GrpcStatus/gm), ([, token]) => token);
  assert.ok(tokens.length >= 10);
  for (const token of [...tokens, 'upstream_not_grpc', 'upstream_queue_full', 'upstream_closed'])
    assert.notEqual(diagnosisCode(token), '', token);
});

test('every code has a page, and every page a code', () => {
  const pages = readdirSync(folder).filter((name) => name !== 'README.md');
  const expected = Array.from(diagnosisCodes.values(), (code) => `${code}.md`);
  assert.deepEqual(pages.toSorted(), expected.toSorted());
});

for (const [token, code] of diagnosisCodes) {
  test(`the page of ${code} names its token and says what happened, how it looks, and what to do`, () => {
    const page = pageOf(code);
    assert.ok(page.startsWith(`# ${code}: `));
    assert.ok(page.includes(`\nToken: \`${token}\`\n`));
    const positions = SECTIONS.map((section) => page.indexOf(`\n${section}\n\n`));
    assert.ok(!positions.includes(-1), `${SECTIONS[positions.indexOf(-1)]} is missing`);
    assert.deepEqual(
      positions,
      positions.toSorted((one, other) => one - other),
    );
    assert.ok(page.split('\n').length <= 60);
  });
}

test('the pages of refused clients quote the sentence of the log', () => {
  for (const token of refusalTokens.filter(isRefusalToken)) {
    const sentence = JSON.stringify(diagnoseRefusal(token).sentence).slice(1, -1);
    assert.ok(pageOf(diagnosisCode(token)).includes(sentence), token);
  }
});

test('lines of the log on the pages are JSON with the token and the code', () => {
  for (const [token, code] of diagnosisCodes) {
    const [, text] = /```json\n(.+)\n```/.exec(pageOf(code)) ?? [];
    const line: unknown = JSON.parse(text ?? 'null');
    assert.ok(typeof line === 'object' && line !== null, code);
    const reason = 'reason' in line ? String(line.reason) : '';
    const named = 'token' in line ? line.token : /^\w+/.exec(reason)?.[0];
    assert.deepEqual(['code' in line && line.code, named], [code, token]);
  }
});

test('the overview lists every code with its page, its token and the title of the page', () => {
  const overview = readFileSync(join(folder, 'README.md'), 'utf8');
  for (const [token, code] of diagnosisCodes) {
    const [heading] = pageOf(code).split('\n', 1);
    const title = heading.slice(`# ${code}: `.length);
    assert.ok(overview.includes(`| [${code}](${code}.md) | \`${token}\` | ${title} |`), code);
  }
});

test('links between the pages lead somewhere', () => {
  const names = new Set(readdirSync(folder));
  for (const name of names) {
    const text = readFileSync(join(folder, name), 'utf8');
    for (const [, target] of text.matchAll(/\]\(([\w.]+)(?:#[\w-]+)?\)/g))
      assert.ok(names.has(target), `${name}: ${target}`);
  }
});

test('the remedy of every page can be told without its links', () => {
  for (const code of diagnosisCodes.values()) {
    const remedy = readRemedy(code);
    assert.match(remedy, /^[A-Za-z`*-][^]{20,}$/, code);
    assert.doesNotMatch(remedy, /\]\(|^#/m, code);
  }
});
