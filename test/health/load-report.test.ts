import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as holds, property, uint8Array } from 'fast-check';
import { loadReportRequest, readLoadReport } from '../../src/health/load-report.ts';
import { doubleField, loadReportOf, type ReportedLoad } from '../support/load-report.ts';

function request(periodMs: number): readonly number[] {
  return [...loadReportRequest(periodMs)];
}

test('a request asks for reports in the period that is wanted', () => {
  assert.deepEqual(request(10_000), [0, 0, 0, 0, 4, 0x0a, 2, 0x08, 10]);
  // 100,000,000 nanoseconds.
  assert.deepEqual(request(100), [0, 0, 0, 0, 7, 0x0a, 5, 0x10, 0x80, 0xc2, 0xd7, 0x2f]);
  assert.deepEqual(request(3_600_000), [0, 0, 0, 0, 5, 0x0a, 3, 0x08, 0x90, 0x1c]);
});

/** A map entry of named_metrics (8), a string of a later version, 32 bits of one. */
const OTHERS = Buffer.concat([
  Buffer.from([0x42, 5, 0x0a, 1, 0x61, 0x11, 0]),
  Buffer.from([0x7a, 2, 0x61, 0x62, 0x85, 0x01, 1, 2, 3, 4]),
]);

test('of a report that is read which a weight is made of, whatever else it has', () => {
  const report = Buffer.concat([OTHERS, loadReportOf({ rps: 100, cpu: 0.5, eps: 3 }), OTHERS]);
  assert.deepEqual(readLoadReport(report), { rps: 100, eps: 3, utilization: 0.5 });
  assert.deepEqual(readLoadReport(Buffer.alloc(0)), { rps: 0, eps: 0, utilization: 0 });
});

function utilization(load: ReportedLoad): number | string | undefined {
  const report = readLoadReport(loadReportOf(load));
  return typeof report === 'object' ? report.utilization : report;
}

test('the utilization of the application counts before that of the processor', () => {
  assert.equal(utilization({ cpu: 0.5, application: 0.9 }), 0.9);
  assert.equal(utilization({ cpu: 0.5, application: 0 }), 0.5);
});

test('an old server that reports whole requests per second is understood', () => {
  const rps = Buffer.from([0x18, 0xac, 0x02]);
  assert.deepEqual(readLoadReport(Buffer.concat([rps, loadReportOf({ cpu: 1 })])), {
    rps: 300,
    eps: 0,
    utilization: 1,
  });
});

const IMPOSSIBLE: readonly (readonly [field: number, value: number, text: string])[] = [
  [1, Number.NaN, 'cpu_utilization: NaN'],
  [1, -0.5, 'cpu_utilization: -0.5'],
  [6, Number.POSITIVE_INFINITY, 'rps_fractional: Infinity'],
  [6, Number.NEGATIVE_INFINITY, 'rps_fractional: -Infinity'],
  [6, Number.MAX_VALUE, 'rps_fractional: 1.7976931348623157e+308'],
  [7, Number.NaN, 'eps: NaN'],
  [7, 1e13, 'eps: 10000000000000'],
  [9, -Number.MIN_VALUE, 'application_utilization: -5e-324'],
];

for (const [field, value, text] of IMPOSSIBLE) {
  test(`a report with ${text} is refused`, () => {
    const report = Buffer.concat([
      loadReportOf({ rps: 1, cpu: 1, application: 1, eps: 0 }),
      doubleField(field, value),
    ]);
    assert.equal(readLoadReport(report), text);
  });
}

test('a whole number of requests that is too great is refused', () => {
  const rps = Buffer.from([0x18, ...Array<number>(9).fill(0xff), 0x01]);
  assert.equal(readLoadReport(rps), `rps: ${2 ** 64}`);
});

test('a report that is cut is whole, or none, and never anything else', () => {
  const report = Buffer.concat([OTHERS, loadReportOf({ rps: 100, cpu: 0.5, application: 0.25, eps: 3 })]);
  const ends = new Set<unknown>();
  for (let length = 0; length <= report.length; length++) {
    const read = readLoadReport(report.subarray(0, length));
    if (read === undefined) continue;
    assert.equal(typeof read, 'object');
    ends.add(length);
  }
  // At the ends of its fields.
  assert.deepEqual([...ends], [0, 7, 11, 17, 26, 35, 44, 53]);
});

test('whatever the bytes are, the values are ones that can be true', () => {
  holds(
    property(uint8Array({ maxLength: 80 }), (bytes) => {
      const read = readLoadReport(Buffer.from(bytes));
      if (typeof read !== 'object') return;
      for (const value of Object.values(read)) assert.ok(value >= 0 && value <= 1e12, String(value));
    }),
    { numRuns: 5000 },
  );
});
