// Peers that speak HTTP/2 well and do not answer calls: the service is at fault, and neither the path to it nor the preface.

import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import { test } from 'node:test';
import type { CheckReport } from '../../src/doctor/check.ts';
import {
  type Answer,
  answerUnimplemented,
  assertFirst,
  diagnose,
  diagnoseBroken,
  startHttp2,
} from './patient.ts';

/** As a service all of whose threads are busy. */
const silent: Answer = () => undefined;

const STILL_THERE = /^does the service still respond\?$/;

interface Broken {
  readonly does: string;
  readonly answer: Answer;
  readonly says: RegExp;
  readonly remedy: RegExp;
  readonly code?: string;
}

const BROKEN: readonly Broken[] = [
  {
    does: 'answers no call',
    answer: silent,
    says: /no answer in time$/,
    remedy: STILL_THERE,
    code: 'FG2014',
  },
  {
    does: 'resets each call',
    answer: (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
    says: /no answer: RST_STREAM INTERNAL_ERROR$/,
    remedy: /says why it reset the call/,
  },
  {
    does: 'ends the connection at each call',
    answer: (stream) => stream.session?.goaway(constants.NGHTTP2_INTERNAL_ERROR),
    says: /no answer: GOAWAY INTERNAL_ERROR$/,
    remedy: /says why it ended the connection/,
    code: 'FG3011',
  },
];

for (const { does, answer, says, remedy, code } of BROKEN) {
  const expected = { says, remedy, ...(code !== undefined && { code }) };

  test(`a service that ${does} is at fault as TARGET, and not the path`, async (t) => {
    const target = await startHttp2(t, answer);
    const reports = await diagnose(t, { target });
    assertFirst(reports, { ...expected, check: /^target\.call$/ });
    assert.match(guess(reports, 'guesses.path'), /^ok no: HTTP\/2 begins as it should/);
    assert.match(guess(reports, 'guesses.upstream'), /^failed yes: .* speaks HTTP\/2, and gave to/);
  });

  test(`a service that ${does} is at fault as an endpoint`, async (t) => {
    const endpoint = await startHttp2(t, answer);
    const reports = await diagnoseBroken(t, {}, { endpoint, only: ['upstream'] });
    assertFirst(reports, { ...expected, check: /^upstream\.voice\..*\.health$/ });
  });
}

test('a service that answers neither directly nor through TARGET is at fault, and not what is in between', async (t) => {
  const endpoint = await startHttp2(t, silent);
  const reports = await diagnoseBroken(t, {}, { endpoint, target: endpoint, only: ['target.route'] });
  assertFirst(reports, {
    check: /^target\.route\.voice$/,
    says: /directly: no answer in time; through .*: no answer in time$/,
    remedy: STILL_THERE,
    code: 'FG2014',
  });
});

test('what is between a service and its clients is at fault if the service answers directly alone', async (t) => {
  const endpoint = await startHttp2(t, answerUnimplemented);
  const target = await startHttp2(t, silent);
  const reports = await diagnoseBroken(t, {}, { endpoint, target, only: ['target.route'] });
  assertFirst(reports, {
    check: /^target\.route\.voice$/,
    says: /directly: UNIMPLEMENTED “unknown”; through .*: no answer in time$/,
    remedy: /^the service answers; find what keeps the call, or its answer, in between$/,
  });
});

test('a response of gRPC that has begun shows that calls are relayed', async (t) => {
  const target = await startHttp2(t, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' });
  });
  const examined = [undefined, '/a.B/C'].map((method) =>
    diagnose(t, { target, method, only: ['target.call'] }),
  );
  for (const reports of await Promise.all(examined)) {
    const call = reports.find(({ id }) => id === 'target.call');
    assert.equal(call?.verdict, 'note', JSON.stringify(reports));
    assert.match(call.findings[0].text, /a response of gRPC has begun, and not ended in time/);
  }
});

function guess(reports: readonly CheckReport[], wanted: string): string {
  const report = reports.find(({ id }) => id === wanted);
  return `${report?.verdict} ${report?.findings[0]?.text}`;
}
