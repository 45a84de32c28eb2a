// Whether a target relays gRPC at all. It is asked for a path that it should serve: that of the method that was named, or those of the
// routes of the configuration. Without either there is only grpc.health.v1, which a healthy proxy need not serve.

import type { RouteConfig } from '../config/route-config.ts';
import { healthRequest } from '../health/health-message.ts';
import type { Check } from './check.ts';
import { type Finding, note, ok, unexamined } from './finding.ts';
import { remedyForPolicy } from './framegate-answer.ts';
import { type CallAnswer, callGrpc, describeAnswer } from './grpc-call.ts';
import { explainMissingAnswer, hasBegun } from './missing-answer.ts';
import { explainAnswer, isOfPathAlone } from './proxy-answer.ts';
import { HEALTH_CHECK, probeOf, serviceProbe } from './route-probe.ts';
import {
  TARGET_CALL,
  TARGET_CALL_MS,
  TARGET_LIMIT_MS,
  TARGET_PROTOCOL,
  type TargetParts,
  type TargetWay,
  wayOf,
} from './target-way.ts';

/** A method that was named is called without a message, so that no method of one request and one response is run. */
const NO_MESSAGE = Buffer.alloc(0);
/** Routes are tried until one is relayed: which of them are not is for the checks of the routes. */
const MOST_PATHS = 4;

export interface TargetProbe {
  readonly path: string;
  readonly message: Buffer;
  readonly authority: string | undefined;
  /** Whether the target is known to be meant for this path. */
  readonly isExpected: boolean;
}

/** @returns what the target may be asked for, the best first; at least one */
export function targetProbes({ method, config, upstreams, evidence }: TargetParts): readonly TargetProbe[] {
  if (method !== undefined)
    return [{ path: method, message: NO_MESSAGE, authority: undefined, isExpected: true }];
  const ofRoutes = (config?.routes ?? []).flatMap((route): readonly TargetProbe[] => {
    const upstream = config?.upstreams.find(({ name }) => name === upstreamOf(route));
    if (upstream === undefined || upstream.protocol === 'http1' || route.match.headers.size > 0) return [];
    const check = upstreams?.endpoints.get(upstream.name)?.protocolCheck;
    const services = evidence.servicesOf(check);
    const probe = serviceProbe(route, services) ?? probeOf(route);
    if (probe === undefined) return [];
    const { path, message, authority } = probe;
    return [{ path, message, authority, isExpected: probe.isOfService }];
  });
  const expected = ofRoutes.filter(({ isExpected }) => isExpected);
  if (expected.length > 0) return expected;
  const health = { path: HEALTH_CHECK, message: healthRequest(''), authority: undefined, isExpected: false };
  return [...ofRoutes, health];
}

function upstreamOf({ upstream, split }: RouteConfig): string | undefined {
  return upstream ?? split?.[0]?.upstream;
}

export function targetCallCheck(parts: TargetParts, found: TargetWay): Check {
  const { target, upstreams } = parts;
  return {
    id: TARGET_CALL,
    group: 'target',
    title: `${target.text}: relays gRPC calls`,
    needs: [TARGET_PROTOCOL],
    // Reflection names the services, of which a route for all paths says nothing.
    after: reflectionChecks(upstreams),
    limitMs: TARGET_LIMIT_MS,
    run: () => examineCall(parts, found),
  };
}

/** @returns the checks that learn which services the upstreams have */
export function reflectionChecks(upstreams: TargetParts['upstreams']): readonly string[] {
  return Array.from(upstreams?.endpoints.values() ?? [], ({ protocolCheck }) =>
    protocolCheck.replace(/\.protocol$/, '.reflection'),
  );
}

async function examineCall(parts: TargetParts, found: TargetWay): Promise<readonly Finding[]> {
  const { target, evidence } = parts;
  const way = wayOf(found);
  const endsAtMs = performance.now() + TARGET_LIMIT_MS - TARGET_CALL_MS;
  let first: readonly Finding[] = [];
  for (const probe of targetProbes(parts).slice(0, MOST_PATHS)) {
    if (first.length > 0 && performance.now() > endsAtMs) break;
    const { path, message, authority } = probe;
    const answer = await callGrpc(
      { ...way, authority: authority ?? way.authority },
      { path, message, limitMs: TARGET_CALL_MS },
    );
    evidence.sawServer(answer.server, target.text);
    const findings = judge(answer, probe, target.text);
    if (findings.every(({ verdict }) => verdict === 'ok' || verdict === 'note')) return findings;
    // A fault says more than an answer that shows nothing.
    if (first.length === 0 || (!isFault(first) && isFault(findings))) first = findings;
  }
  return first;
}

function isFault(findings: readonly Finding[]): boolean {
  return findings.some(({ verdict }) => verdict === 'failed');
}

function judge(answer: CallAnswer, { path, isExpected }: TargetProbe, text: string): readonly Finding[] {
  const remedy = remedyForPolicy(answer.grpcMessage);
  if (remedy !== undefined)
    return [unexamined(`${text} refuses this client: ${path} got ${describeAnswer(answer)}`, remedy)];
  if (!isExpected && isOfPathAlone(answer)) {
    return [
      unexamined(
        `${text} gave to ${path}: ${describeAnswer(answer)}. That says nothing about your services: a proxy need not serve this path`,
        'name a method that it serves, by --method /package.Service/Method, or the routes, by -c FILE',
      ),
    ];
  }
  const cause = explainAnswer(answer, path, text);
  if (cause !== undefined) return [cause];
  const said = `${path}: ${describeAnswer(answer)}`;
  if (hasBegun(answer) && answer.isLate)
    return [note(`${path}: a response of gRPC has begun, and not ended in time: calls are relayed`)];
  const missing = explainMissingAnswer(answer, `${text} speaks HTTP/2, and gave to ${said}`, text);
  if (missing !== undefined) return [missing];
  const hasHealth = path !== HEALTH_CHECK || answer.grpcStatus !== 'UNIMPLEMENTED';
  return [hasHealth ? ok(said) : note(`${said}: calls are relayed, and the service has no grpc.health.v1`)];
}
