// Each route of the configuration through a target: the same call directly and through it, or the reason why that is not tried.

import type { RouteConfig } from '../config/route-config.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import { compareAnswers } from './call-comparison.ts';
import type { Check } from './check.ts';
import { type Finding, unexamined } from './finding.ts';
import { GIVE_CREDENTIALS, remedyForPolicy } from './framegate-answer.ts';
import { type CallAnswer, callGrpc, describeAnswer } from './grpc-call.ts';
import { explainAnswer, isOfPathAlone } from './proxy-answer.ts';
import { hasNoUpstream, NO_UPSTREAM, probeOf, type RouteProbe, serviceProbe } from './route-probe.ts';
import { reflectionChecks } from './target-call.ts';
import {
  TARGET_CALL_MS,
  TARGET_LIMIT_MS,
  TARGET_PROTOCOL,
  type TargetParts,
  type TargetWay,
  wayOf,
  whyNotSent,
} from './target-way.ts';
import { directWay, type UpstreamPlan } from './upstream-checks.ts';

type KnownEndpoint = NonNullable<ReturnType<UpstreamPlan['endpoints']['get']>>;

export function targetRouteChecks(parts: TargetParts, found: TargetWay): readonly Check[] {
  const { target, config, upstreams } = parts;
  if (config === undefined || upstreams === undefined) return [];
  return config.routes.flatMap((route): readonly Check[] => {
    const shared = { id: `target.route.${route.name}`, group: 'target', limitMs: TARGET_LIMIT_MS } as const;
    const leftOut = (why: string): readonly Check[] => [
      { ...shared, title: `${target.text}: route '${route.name}'`, run: () => [unexamined(why)] },
    ];
    const probe = probeOf(route);
    const upstream = config.upstreams.find(
      ({ name }) => name === (route.upstream ?? route.split?.[0]?.upstream),
    );
    const endpoint = upstreams.endpoints.get(upstream?.name ?? '');
    if (hasNoUpstream(route)) return leftOut(NO_UPSTREAM);
    if (upstream === undefined || endpoint === undefined)
      return leftOut('its upstream has no endpoint that is known here');
    if (upstream.protocol === 'http1')
      return leftOut('it leads to a web service, and calls of gRPC alone are compared here');
    if (probe === undefined)
      return leftOut('it is for a single method, which is not called, as that may have effects');
    const withheld = whyNotSent(probe.headers.keys(), parts.credentials, undefined);
    if (withheld !== undefined) return leftOut(withheld);
    return [
      {
        ...shared,
        title: `${target.text}: route '${route.name}', directly and through it`,
        needs: [TARGET_PROTOCOL, endpoint.protocolCheck],
        after: reflectionChecks(upstreams),
        run: () => {
          const services = parts.evidence.servicesOf(endpoint.protocolCheck);
          const best = serviceProbe(route, services) ?? probe;
          return compare(parts, found, { route, upstream, endpoint, probe: best });
        },
      },
    ];
  });
}

interface ComparedRoute {
  readonly route: RouteConfig;
  readonly upstream: UpstreamConfig;
  readonly endpoint: KnownEndpoint;
  readonly probe: RouteProbe;
}

async function compare(
  { target, evidence, credentials }: TargetParts,
  found: TargetWay,
  { upstream, endpoint, probe }: ComparedRoute,
): Promise<readonly Finding[]> {
  const { path, directPath, message, authority } = probe;
  const way = wayOf(found);
  const withheld = whyNotSent(probe.headers.keys(), credentials, way);
  if (withheld !== undefined) return [unexamined(withheld)];
  const limitMs = TARGET_CALL_MS;
  // One after the other, since their times are compared.
  const as = {
    ...directWay(upstream, endpoint.address),
    // The same call, so without them if the target does not get them.
    ...(way.credentials !== undefined && { credentials: credentials.headers }),
  };
  const direct = await callGrpc(as, {
    path: directPath,
    message,
    limitMs,
  });
  const through = await callGrpc(
    { ...way, authority: authority ?? way.authority },
    { path, message, limitMs },
  );
  evidence.sawServer(through.server, target.text);
  const remedy =
    remedyForPolicy(through.grpcMessage) ??
    (asksForCredentials(through) && !asksForCredentials(direct) ? GIVE_CREDENTIALS : undefined);
  if (remedy !== undefined && !isSaid(direct, through))
    return [unexamined(`${target.text} refuses this client: ${path} got ${describeAnswer(through)}`, remedy)];
  if (!probe.isOfService && isOfPathAlone(through)) return [unknownPath(target.text, path, through)];
  return compareAnswers(
    { way: `through ${target.text}`, path, direct, through, endpoint: endpoint.address.text },
    (answer) => explainAnswer(answer, path, target.text),
  );
}

/** Whether a service says itself what came through the target. */
function isSaid(direct: CallAnswer, through: CallAnswer): boolean {
  return direct.grpcStatus === through.grpcStatus && direct.grpcMessage === through.grpcMessage;
}

function asksForCredentials({ grpcStatus }: CallAnswer): boolean {
  return grpcStatus === 'UNAUTHENTICATED' || grpcStatus === 'PERMISSION_DENIED';
}

function unknownPath(text: string, path: string, answer: CallAnswer): Finding {
  return unexamined(
    `${text} gave to ${path}: ${describeAnswer(answer)}. The services of this route are not known here, so no path of theirs was called`,
    'name a method that it serves, by --method /package.Service/Method, or add reflection to the service',
  );
}
