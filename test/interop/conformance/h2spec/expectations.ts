// Where h2spec asks for what RFC 7540 said and RFC 9113 says otherwise: case by case, with what Framegate does instead. An
// expectation is an outcome as exact as the suite's own; a case that passes against it is a failure as well.

import type { CaseReport } from '../conformance-suite.ts';
import type { SpecCase } from './junit-report.ts';

export interface Expectation {
  /** As in SpecCase. */
  readonly name: string;
  /** What h2spec sees in place of what it asked for: the last line of its report. */
  readonly sees: RegExp;
  readonly reason: string;
  /** The section that says so. */
  readonly source: string;
}

const prioritySection = 'RFC 9113 section 5.3.2';
const noPriority = `${prioritySection} does away with the priority signalling of RFC 7540 and its rule on dependencies`;

export const serverExpectations: readonly Expectation[] = [
  {
    name: 'http2/5.3.1: Sends HEADERS frame that depend on itself',
    sees: /^DATA Frame \(length:\d+, flags:0x01, stream_id:1\)$/,
    reason: `answered as any request: ${noPriority}`,
    source: prioritySection,
  },
  {
    name: 'http2/5.3.1: Sends PRIORITY frame that depend on itself',
    sees: /^Timeout$/,
    reason: `ignored: ${noPriority}`,
    source: prioritySection,
  },
];

const closedSection = 'RFC 9113 section 5.1';
const minimalProcessing = `${closedSection} allows to discard where RFC 7540 asked for an error; one late frame of an upstream must not end the calls of all clients on its connection`;

export const clientExpectations: readonly Expectation[] = [
  {
    name: '5.1/6: closed: Sends a HEADERS frame after sending RST_STREAM frame',
    sees: /^Actual: Timeout$/,
    reason: `decoded and discarded: ${minimalProcessing}`,
    source: closedSection,
  },
  {
    name: '5.1/8: closed: Sends a DATA frame',
    sees: /^Actual: RST_STREAM Frame \(length:4, flags:0x00, stream_id:1\)$/,
    reason: `a stream error: ${minimalProcessing}`,
    source: closedSection,
  },
  {
    name: '5.1/9: closed: Sends a HEADERS frame',
    sees: /^Actual: Timeout$/,
    reason: `decoded and discarded: ${minimalProcessing}`,
    source: closedSection,
  },
];

export function judgeAll(
  cases: readonly SpecCase[],
  expectations: readonly Expectation[],
  report: CaseReport,
): void {
  for (const one of cases) {
    const expected = expectations.find(({ name }) => name === one.name);
    if (expected !== undefined) judgeExpected(one, expected, report);
    else if (one.outcome === 'passed') report.passed(one.name);
    else if (one.outcome === 'skipped') report.skipped(one.name, 'h2spec skipped it');
    else report.failed(one.name, one.detail);
  }
  const names = new Set(cases.map(({ name }) => name));
  for (const { name } of expectations) {
    if (!names.has(name)) report.failed(name, 'is expected, and there is no such case');
  }
}

function judgeExpected({ name, outcome, detail }: SpecCase, expected: Expectation, report: CaseReport): void {
  const sees = detail.split('\n').at(-1) ?? '';
  if (outcome === 'failed' && expected.sees.test(sees)) {
    report.differed(name, expected.reason, expected.source);
  } else report.failed(name, `expected ${expected.sees} (${expected.reason}); it ${outcome}\n${detail}`);
}
