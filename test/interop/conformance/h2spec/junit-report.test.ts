import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readJunitReport } from './junit-report.ts';

const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="5.3.1. Stream Dependencies" package="http2/5.3.1" id="5.3.1" tests="2" skipped="1" failures="0" errors="1">
    <testcase package="http2/5.3.1" classname="Sends &#34;a&#34; &amp; b" time="0.0009"></testcase>
    <testcase package="http2/5.3.1" classname="is skipped" time="0.0009">
      <skipped></skipped>
    </testcase>
    <testcase package="http2/5.3.1" classname="fails" time="2.0079">
      <error>GOAWAY Frame (Error Code: PROTOCOL_ERROR)
<nil>
Timeout</error>
    </testcase>
  </testsuite>
</testsuites>`;

test('every case of a report has its name, its outcome, and what was expected and seen', () => {
  assert.deepEqual(readJunitReport(report), [
    { name: 'http2/5.3.1: Sends "a" & b', outcome: 'passed', detail: '' },
    { name: 'http2/5.3.1: is skipped', outcome: 'skipped', detail: '' },
    {
      name: 'http2/5.3.1: fails',
      outcome: 'failed',
      detail: 'GOAWAY Frame (Error Code: PROTOCOL_ERROR)\n<nil>\nTimeout',
    },
  ]);
});
