// Every failure of every policy: the client, the record of the call and /api/diagnoses name the code of its page.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Caller } from '../../src/calls/caller.ts';
import type { ExchangeRecord } from '../../src/calls/exchange-record.ts';
import { type Failure, policyUnanswered, reasonOf } from '../../src/calls/failure.ts';
import { localResponse, localTrailers } from '../../src/calls/local-response.ts';
import type { AdmittedCall, HeaderEdit, Policy, RequestKind } from '../../src/calls/policy.ts';
import type { FaultConfig } from '../../src/config/fault-config.ts';
import type { LimitServiceConfig, RateLimitConfig } from '../../src/config/limits-config.ts';
import type { RouteConfig } from '../../src/config/route-config.ts';
import { diagnosisCode, diagnosisCodes } from '../../src/diagnosis/codes.ts';
import { type Identity, limited, type Rejection } from '../../src/identities/identity.ts';
import type { RateLimit } from '../../src/limits/rate-limits.ts';
import { causeText } from '../../src/observability/cause-text.ts';
import { DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import type { Logger } from '../../src/observability/logger.ts';
import { Metrics } from '../../src/observability/metrics.ts';
import { CallDiagnoses } from '../../src/plane/call-diagnoses.ts';
import { ProcessLog } from '../../src/plane/process-log.ts';
import {
  couldNotJudge,
  denied,
  expired,
  unauthenticated,
  unverified,
} from '../../src/policies/access/access-failures.ts';
import { denied as deniedByService, unanswered } from '../../src/policies/authorize/authorize-failures.ts';
import { injecting } from '../../src/policies/fault-policy.ts';
import { originRefused } from '../../src/policies/grpc-web/cors.ts';
import { TEXT_MALFORMED } from '../../src/policies/grpc-web/grpc-web-stream.ts';
import {
  overLimit,
  unanswered as uncounted,
} from '../../src/policies/limit-service/limit-service-failures.ts';
import {
  bodyTooLarge,
  flowLimitExceeded,
  messageTooLarge,
} from '../../src/policies/limits/flow-limit-failures.ts';
import { callLimit, storeUnavailable } from '../../src/policies/limits/limit-failures.ts';
import { redirectPolicy } from '../../src/policies/redirect-policy.ts';
import { respondPolicy } from '../../src/policies/respond-policy.ts';
import { NO_PARTS } from '../support/plans-without-parts.ts';
import { standIn } from '../support/stand-in.ts';

const CALL = standIn<AdmittedCall>({ clientCertificateFault: undefined });
const TOKEN = standIn<Identity>({
  name: 'office',
  wanted: 'a token',
  challenge: '',
  shownInstead: () => undefined,
});
const ALICE = standIn<Caller>({ text: 'office:alice' });
const BAD: Rejection = { token: 'credentials_invalid', sentence: 'identity office: it is expired' };
const NO_KEYS: Rejection = { token: 'keys_unavailable', sentence: 'there are no keys of identity office' };

function limit(count: RateLimitConfig['count']): RateLimit {
  const rate = { count: 5, periodMs: 1000 } as const;
  const config = {
    kind: 'rate',
    count,
    direction: 'request',
    rate,
    burst: 5,
    by: [],
    exceed: 'end',
  } as const;
  return { id: 'voice', route: 'voice', index: 0, limit: config, allowance: { perMs: 1, burst: 5 } };
}

const SERVICE = standIn<LimitServiceConfig>({ service: 'limiter', domain: 'voice' });
const OVER = { isOverLimit: true, responseFields: [], requestFields: [], exceeded: undefined };

function denial(body: string): Failure {
  return deniedByService({ kind: 'denied', httpStatus: 403, fields: [], body: Buffer.from(body) }, 'guard');
}

function overService(body: string): Failure {
  return overLimit({ index: 0, limit: SERVICE }, { ...OVER, body: Buffer.from(body) });
}

/** What a fault ends the call with, at once or by a reset. */
function injected(fault: Partial<FaultConfig>): Failure {
  const found: Failure[] = [];
  const none = { share: 1, header: undefined, delayMs: undefined, throttleBytesPerSecond: undefined };
  injecting({ ...none, abort: undefined, resetAfter: undefined, ...fault }, NO_PARTS.quotas).ask(
    {
      trusted: true,
      header: () => undefined,
      noteFault: () => undefined,
      resetAfter: (_after, cause) => void found.push(cause),
      limitFlow: () => undefined,
    },
    { admit: () => undefined, refuse: (cause) => void found.push(cause) },
  );
  return found[0];
}

/** What a route that answers itself says to requests that it cannot answer. */
function refusalOf(policy: Policy | undefined, kind: Partial<RequestKind>): Failure {
  const edit = standIn<HeaderEdit>({});
  const decision = policy?.decide?.(standIn<RequestKind>({ header: () => undefined, ...kind }), edit);
  assert.ok(decision?.kind === 'refuse');
  return decision.failure;
}

const REDIRECT = standIn<RouteConfig>({
  redirect: { origin: 'https://${host}', path: undefined, httpStatus: 308 },
});
const RESPOND = standIn<RouteConfig>({
  respond: { httpStatus: 200, grpcStatus: undefined, body: '', headers: new Map() },
});

const FAILURES: Readonly<Record<string, Failure>> = {
  'no credentials': unauthenticated([TOKEN], undefined, CALL),
  'bad credentials': unauthenticated([TOKEN], BAD, CALL),
  'an expired token': unauthenticated([TOKEN], { ...BAD, told: 'the token has expired' }, CALL),
  'too many bad credentials of the client': couldNotJudge(limited('failures')),
  'too many credentials of the client': couldNotJudge(limited('client')),
  'too many credentials': couldNotJudge(limited('all')),
  'no keys': couldNotJudge(NO_KEYS),
  'credentials that are verified for too long': unverified([TOKEN], 5000),
  'a rule of access': denied('no rule of allow holds', [ALICE], CALL),
  'a token that expires during the call': expired([ALICE]),
  'a policy without an answer': policyUnanswered('authorize', 5000),
  'a limit of calls': callLimit(limit('calls'), 10, 0),
  'a limit of messages': flowLimitExceeded(limit('messages'), 10, 1),
  'a limit of bytes': flowLimitExceeded(limit('bytes'), 10, 1),
  'a message beyond the burst': flowLimitExceeded(limit('bytes'), Number.POSITIVE_INFINITY, 500),
  messageSize: messageTooLarge(200, 100, 'voice'),
  bodySize: bodyTooLarge(200, 100, 'voice'),
  'a store of calls that does not answer': storeUnavailable(limit('calls'), 'fleet'),
  'a store of messages that does not answer': storeUnavailable(limit('messages'), 'fleet'),
  'a rate limit service': overService(''),
  'a rate limit service without an answer': uncounted(0, 'it is late'),
  'an authorizer': denial(''),
  'an authorizer without an answer': unanswered('it is late'),
  'a fault that aborts': injected({ abort: { grpcStatus: 'UNAVAILABLE' } }),
  'a fault that resets': injected({ resetAfter: { messages: 1, direction: 'request' } }),
  'a page of another origin': originRefused(
    standIn<RequestKind>({ header: () => 'https://page.test' }),
    standIn<RouteConfig>({ name: 'voice' }),
  ),
  'a body that is no base64': TEXT_MALFORMED,
  'a redirect to no host': refusalOf(redirectPolicy(REDIRECT), { authority: '', path: '/' }),
  'a tunnel to a route that answers itself': refusalOf(respondPolicy(RESPOND), { httpMethod: 'CONNECT' }),
};

/** Texts that a service has written. */
const OF_SERVICES: Readonly<Record<string, Failure>> = {
  'an authorizer with a text': denial('Not in the office'),
  'a rate limit service with a text': overService('Slow down'),
};

function recordOf(failure: Failure): ExchangeRecord {
  const subject = standIn<ExchangeRecord['subject']>({
    listener: 'public',
    client: '192.0.2.1:5000',
    upstream: 'voice',
  });
  return standIn<ExchangeRecord>({ subject, endpoint: '', endedBy: 'framegate', reason: reasonOf(failure) });
}

/** What /api/diagnoses has of a call. */
function seenOf(record: ExchangeRecord): readonly string[] {
  const ring = new DiagnosisRing();
  const metrics = new Metrics({ refusals: [], failures: [], faultLayers: [] });
  const log = new ProcessLog(standIn<Logger>({ warn() {}, debug() {} }), ring, metrics.events);
  new CallDiagnoses(log, ring, metrics).onFinish(record);
  return ring.report().recent.map(({ code }) => code);
}

for (const [what, failure] of Object.entries({ ...FAILURES, ...OF_SERVICES }))
  test(`the record of a call and /api/diagnoses name the code: ${what}`, () => {
    const code = diagnosisCode(failure.token);
    assert.match(code, /^FG\d{4}$/);
    const record = recordOf(failure);
    assert.equal(causeText(record), `,"code":"${code}"`);
    assert.deepEqual(seenOf(record), [code]);
  });

for (const [what, failure] of Object.entries(FAILURES))
  test(`a client of each protocol is told the code, once and at the end: ${what}`, () => {
    const expected = `${failure.message} (${diagnosisCode(failure.token)})`;
    const grpc = localResponse(failure, { isGrpc: true, isHead: false });
    assert.equal(decodeURIComponent(grpc.fields.get('grpc-message') ?? ''), expected);
    assert.equal(decodeURIComponent(localTrailers(failure).get('grpc-message') ?? ''), expected);
    const web = localResponse(failure, { isGrpc: false, isHead: false });
    assert.equal(web.body?.toString(), `${expected}\n`);
    assert.equal(web.fields.get('content-length'), String(web.body?.length));
    assert.doesNotMatch(failure.message, /FG\d{4}/);
  });

for (const [what, failure] of Object.entries(OF_SERVICES))
  test(`the text of a service reaches the client as it is: ${what}`, () => {
    const { message } = failure;
    const grpc = localResponse(failure, { isGrpc: true, isHead: false });
    assert.equal(grpc.fields.get('grpc-message'), message);
    assert.equal(localResponse(failure, { isGrpc: false, isHead: false }).body?.toString(), message);
  });

test('a denial without a readable text is in the words of the proxy', () => {
  for (const failure of [denial(' \n'), overService('\n')])
    assert.match(
      localResponse(failure, { isGrpc: true, isHead: false }).fields.get('grpc-message') ?? '',
      /\. \(FG30\d\d\)$/,
    );
});

test('no policy has a failure that is missing here', () => {
  const folder = join(import.meta.dirname, '../../src/policies');
  const source = globSync('**/*.ts', { cwd: folder })
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
  const quoted = new Set(Array.from(source.matchAll(/'(\w+)'/g), ([, token]) => token));
  const used = [...diagnosisCodes.keys()].filter((token) => quoted.has(token));
  const here = new Set(Object.values(FAILURES).map(({ token }) => token));
  assert.ok(used.length >= 15);
  assert.deepEqual(
    used.filter((token) => !here.has(token)),
    [],
  );
});
