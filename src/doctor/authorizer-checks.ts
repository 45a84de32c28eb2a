// Checks whether the endpoints of an upstream that routes name in `authorize` are authorizers: each is asked about a call of which nothing is
// told. The other checks of the upstream find out whether it can be reached and speaks HTTP/2.

import type { Address } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import type { Check } from './check.ts';
import { type Finding, failed, note, ok, took, warning } from './finding.ts';
import { type CallAnswer, type CallWay, callGrpc, describeAnswer, EMPTY_MESSAGE } from './grpc-call.ts';

const CHECK_PATH = '/envoy.service.auth.v3.Authorization/Check';
const ASK_MS = 2000;
const LIMIT_MS = 4000;

/** @returns the shortest `authorize.timeout` of the routes that ask this upstream, undefined if none does */
export function authorizeTimeoutMs({ routes }: Config, upstream: string): number | undefined {
  const asking = routes.flatMap(({ authorize }) => (authorize?.upstream === upstream ? [authorize] : []));
  return asking.length === 0 ? undefined : Math.min(...asking.map(({ timeoutMs }) => timeoutMs));
}

export interface AuthorizerPlace {
  /** The beginning of the ids of the checks of the endpoint. */
  readonly id: string;
  readonly upstream: string;
  readonly address: Address;
  readonly timeoutMs: number;
}

/** @param way is made when the check runs, since it reads files */
export function authorizerCheck(
  { id, upstream, address, timeoutMs }: AuthorizerPlace,
  way: () => CallWay,
): Check {
  return {
    id: `${id}.authorizer`,
    group: 'upstream',
    title: `${upstream} ${address.text}: authorizes calls`,
    needs: [`${id}.protocol`],
    limitMs: LIMIT_MS,
    run: async () => {
      const answer = await callGrpc(way(), { path: CHECK_PATH, message: EMPTY_MESSAGE, limitMs: ASK_MS });
      return describeAuthorizer(answer, address.text, timeoutMs);
    },
  };
}

/** @param timeoutMs how long routes wait for an answer */
export function describeAuthorizer(
  answer: CallAnswer,
  endpoint: string,
  timeoutMs: number,
): readonly Finding[] {
  const { grpcStatus, durationMs, isLate } = answer;
  if (grpcStatus === 'UNIMPLEMENTED')
    return [
      failed(
        `${endpoint} has no envoy.service.auth.v3.Authorization, so every question of a route with \`authorize\` fails`,
        "name an upstream that serves Envoy's ext_authz v3 over gRPC (docs/authorize.md); one that speaks it over HTTP alone, or v2, does not do",
        'authorizer_unavailable',
      ),
    ];
  if (grpcStatus === '') {
    const said = isLate ? `no answer in ${ASK_MS} ms` : describeAnswer(answer);
    return [
      failed(
        `${endpoint} was asked about a call, and gave: ${said}`,
        'see the log of the authorizer; calls are refused or pass unchecked meanwhile, by `authorize.failure`',
        'authorizer_unavailable',
      ),
    ];
  }
  const findings =
    grpcStatus === 'OK'
      ? [ok(`it has judged a call of which nothing was told, ${took(durationMs)}`)]
      : [
          note(
            `it speaks gRPC, and does not judge a call of which nothing was told: ${describeAnswer(answer)}`,
          ),
        ];
  if (durationMs > timeoutMs)
    findings.push(
      warning(
        `the answer came ${took(durationMs)}, and \`authorize.timeout\` is ${timeoutMs} ms`,
        'raise the timeout, or find out why the authorizer is slow',
        'authorizer_unavailable',
      ),
    );
  return findings;
}
