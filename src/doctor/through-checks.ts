// Checks what clients of each listener get, and whether each route leads to its service: it makes the same call directly and through the proxy.

import type { Config, ListenerConfig } from '../config/config.ts';
import type { RouteConfig } from '../config/route-config.ts';
import { isSecretName } from '../config/secret-name.ts';
import { suggest } from '../config/suggestion.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import { matchesPath } from '../routing/routed-request.ts';
import { pathCriterion } from '../routing/specificity.ts';
import { compareAnswers } from './call-comparison.ts';
import { CERTIFICATE_FILES } from './certificate-checks.ts';
import type { Check } from './check.ts';
import type { Credentials } from './credentials.ts';
import type { Evidence } from './evidence.ts';
import { startTemporaryProxy, useRunningProxy } from './examined-proxy.ts';
import { judgeRefusal, wantsCertificate, withoutCertificate } from './expected-refusal.ts';
import { type Finding, failed, ok, quoted, unexamined, warning } from './finding.ts';
import { type CallWay, callGrpc, describeAnswer } from './grpc-call.ts';
import {
  listenerWish,
  type ProxySlot,
  publicKeysOf,
  reach,
  serverNameOf,
  strangerAt,
} from './listener-way.ts';
import {
  describeHandshake,
  describePlaintext,
  hasPlaintextHttp2,
  hasTlsHttp2,
  isTurnedAway,
  type Look,
  lookAt,
} from './look.ts';
import { tokenOfAnswer } from './refusal-token.ts';
import { hasNoUpstream, NO_UPSTREAM, probeOf, type RouteProbe, routeTaken } from './route-probe.ts';
import type { RunningProxy } from './running-proxy.ts';
import { PEER_NOT_VERIFIED } from './secret-fields.ts';
import { directWay, type UpstreamPlan } from './upstream-checks.ts';
import { compareWebRoute } from './web-route.ts';

const CALL_MS = 2000;
const LIMIT_MS = 4500;

export const PROXY_CHECK = 'through.proxy';

export interface ThroughParts {
  readonly config: Config;
  readonly running: RunningProxy | undefined;
  readonly upstreams: UpstreamPlan;
  readonly evidence: Evidence;
  readonly slot: ProxySlot;
  readonly credentials: Credentials;
}

export function throughChecks(parts: ThroughParts): readonly Check[] {
  const { config, running, slot } = parts;
  return [
    {
      id: PROXY_CHECK,
      group: 'through',
      title: running === undefined ? 'a temporary proxy starts with this configuration' : 'a running proxy',
      needs: running === undefined ? [CERTIFICATE_FILES] : [],
      feeds: ['through', 'hold'],
      limitMs: 5000,
      run: async () => {
        if (running !== undefined) {
          slot.proxy = useRunningProxy(config, running);
          return [ok(`Framegate runs with ${running.file}, and is examined itself`)];
        }
        try {
          slot.proxy = await startTemporaryProxy(config);
          return [ok('it runs on free ports of loopback, for these checks alone')];
        } catch (error) {
          const reason = quoted(error instanceof Error ? error.message : String(error), 500);
          return [failed(`it does not start: ${reason}`, 'framegate serve would not start either')];
        }
      },
    },
    ...config.listeners.map((listener) => listenerCheck(listener, parts)),
    ...config.upstreams.flatMap((upstream) => servicesCheck(upstream, parts)),
    ...config.routes.map((route) => routeCheck(route, parts)),
  ];
}

function listenerCheck(listener: ListenerConfig, { slot, credentials }: ThroughParts): Check {
  const { name, tls, mismatch } = listener;
  return {
    id: `through.listener.${name}`,
    group: 'through',
    title: `what clients of listener '${name}' get`,
    needs: [PROXY_CHECK],
    limitMs: LIMIT_MS,
    run: async () => {
      const reached = reach(listener, slot);
      if (typeof reached === 'string') return [unexamined(reached)];
      const publicKeys = publicKeysOf(listener);
      const options = { serverName: serverNameOf(listener), ...credentials.certificate, publicKeys };
      const look = await lookAt(reached, options);
      const insecure = `an insecure channel (plaintext HTTP/2) gets ${describePlaintext(look)}`;
      if (tls === undefined) {
        return hasPlaintextHttp2(look)
          ? [ok(insecure), ok(`TLS: ${describeHandshake(look.h2)}, with an explanation in the log (FG1003)`)]
          : [failed(insecure, 'is another process behind this port?', 'unknown_protocol')];
      }
      const secure = `TLS with ALPN h2: ${describeHandshake(look.h2)}`;
      return [
        judgeSecure(look, secure, listener, credentials),
        ...judgeKey(look, publicKeys),
        ok(`TLS with ALPN http/1.1 alone: ${describeHandshake(look.http1)}`),
        ok(`TLS without ALPN: ${describeHandshake(look.withoutAlpn)}`),
        ok(
          `${insecure}${hasPlaintextHttp2(look) && mismatch === 'explain' ? ': its calls are refused with an explanation (FG1001)' : ''}`,
        ),
      ];
    },
  };
}

/** Without a certificate that can be read here there is nothing to compare with. */
function judgeKey({ h2 }: Look, publicKeys: ReadonlySet<string>): readonly Finding[] {
  const unverified = 'kind' in h2 ? h2.tls?.unverified : undefined;
  if (unverified === undefined || publicKeys.size === 0) return [];
  return [
    warning(
      unverified,
      'reload the proxy if its certificate was renewed with another key; otherwise find which process holds the port',
    ),
  ];
}

function judgeSecure(look: Look, text: string, listener: ListenerConfig, credentials: Credentials): Finding {
  const isRequired = wantsCertificate(listener, credentials);
  if (hasTlsHttp2(look))
    return isRequired
      ? failed(`${text}, without a certificate, although clientAuth requires one`, 'reload the proxy')
      : ok(text);
  if (isTurnedAway(look) && isRequired)
    return ok('TLS with ALPN h2: clients without a certificate are refused, as configured (clientAuth)');
  if (isTurnedAway(look) && credentials.certificate !== undefined && listener.tls?.clientAuth !== undefined)
    return failed(
      'TLS with ALPN h2: the certificate that was given is refused',
      'is it of one of the authorities in clientAuth.ca, and not in its crl? The log of the proxy says why',
      'client_certificate_not_trusted',
    );
  return failed(text, 'is another process behind this port?', 'tls_handshake_failed');
}

/** Whether the services that reflection lists have routes, and the routes name services that are there. */
function servicesCheck(
  upstream: UpstreamConfig,
  { config, evidence, upstreams }: ThroughParts,
): readonly Check[] {
  const endpoint = upstreams.endpoints.get(upstream.name);
  if (endpoint === undefined || upstream.protocol === 'http1') return [];
  const id = endpoint.protocolCheck.replace(/\.protocol$/, '');
  const routes = config.routes.filter((route) => leadsTo(route, upstream.name));
  if (routes.length === 0) return [];
  return [
    {
      id: `through.services.${upstream.name}`,
      group: 'through',
      title: `routes fit the services of ${upstream.name}`,
      needs: [`${id}.reflection`],
      run: () => {
        const services = evidence.endpoints.get(id)?.services;
        if (services === undefined)
          return [unexamined('the services are not known, as there is no reflection')];
        const findings = [
          ...unknownServices(routes, services),
          ...withoutRoute(routes, services, upstream.name),
        ];
        return findings.length === 0 ? [ok('each service has a route, and each route a service')] : findings;
      },
    },
  ];
}

function leadsTo({ upstream, split }: RouteConfig, name: string): boolean {
  return upstream === name || split?.some((part) => part.upstream === name) === true;
}

function unknownServices(routes: readonly RouteConfig[], services: readonly string[]): readonly Finding[] {
  return routes.flatMap(({ match, name, stripPrefix }) => {
    const named = /^\/([\w.]+)\/(?:\*|\w+)$/.exec(pathCriterion(match) ?? '')?.[1];
    if (named === undefined || stripPrefix !== undefined || services.includes(named)) return [];
    if (named.startsWith('grpc.')) return [];
    const meant = suggest(named, services) ?? services.find((service) => service.endsWith(`.${named}`));
    const own = services.filter((service) => !service.startsWith('grpc.')).join(', ') || 'no other';
    const remedy =
      meant === undefined
        ? `the service has: ${own}; match.path is /package.Service/*`
        : `did you mean /${meant}/*?`;
    return [
      failed(
        `route '${name}' is for service ${named}, which its upstream does not have: its calls get UNIMPLEMENTED`,
        remedy,
      ),
    ];
  });
}

function withoutRoute(
  routes: readonly RouteConfig[],
  services: readonly string[],
  upstream: string,
): readonly Finding[] {
  return services.flatMap((service) => {
    if (service.startsWith('grpc.')) return [];
    const hasRoute = routes.some(({ match, stripPrefix }) => {
      const criterion = pathCriterion(match) ?? '/*';
      const begin = `/${service}/`;
      return (
        stripPrefix !== undefined || matchesPath(criterion, `${begin}Method`) || criterion.startsWith(begin)
      );
    });
    if (hasRoute) return [];
    return [
      warning(
        `no route leads to service ${service} of upstream '${upstream}': its calls get UNIMPLEMENTED`,
        `add a route with path: /${service}/*, if clients may call it`,
        'no_route',
      ),
    ];
  });
}

function routeCheck(route: RouteConfig, parts: ThroughParts): Check {
  const { config, upstreams, slot } = parts;
  const upstream = config.upstreams.find(
    ({ name }) => name === (route.upstream ?? route.split?.[0]?.upstream),
  );
  const endpoint = upstreams.endpoints.get(upstream?.name ?? '');
  const shared = {
    id: `through.route.${route.name}`,
    group: 'through',
    title: `route '${route.name}': the same call directly and through the proxy`,
    limitMs: LIMIT_MS,
  } as const;
  const probe = probeOf(route);
  if (hasNoUpstream(route)) return { ...shared, run: () => [unexamined(NO_UPSTREAM)] };
  if (upstream === undefined || endpoint === undefined)
    return { ...shared, run: () => [unexamined('its upstream has no endpoint that is known here')] };
  if (upstream.protocol === 'http1') {
    return {
      ...shared,
      needs: [PROXY_CHECK, endpoint.protocolCheck],
      run: () => compareWebRoute(route, { ...parts, upstream, endpoint: endpoint.address }),
    };
  }
  if (probe === undefined) {
    return {
      ...shared,
      run: () => [unexamined('it is for a single method, which is not called, as that may have effects')],
    };
  }
  return {
    ...shared,
    needs: [PROXY_CHECK, endpoint.protocolCheck],
    run: () => compareRoute(route, probe, { ...parts, direct: directWay(upstream, endpoint.address), slot }),
  };
}

async function compareRoute(
  route: RouteConfig,
  probe: RouteProbe,
  { config, slot, direct, credentials }: ThroughParts & { readonly direct: CallWay },
): Promise<readonly Finding[]> {
  const listener = config.listeners.find(({ name }) => (route.match.listener ?? name) === name);
  if (listener === undefined) return [unexamined('no listener has it')];
  const taken = routeTaken(config.routes, listener.name, probe);
  if (taken !== route) {
    return [
      unexamined(`a call for ${probe.path} takes route '${taken?.name ?? 'none'}', which is more specific`),
    ];
  }
  const reached = reach(listener, slot);
  if (typeof reached === 'string') return [unexamined(reached)];
  if (wantsCertificate(listener, credentials)) return [withoutCertificate(listener)];
  const name = probe.authority ?? serverNameOf(listener) ?? 'localhost';
  const way: CallWay = {
    address: reached,
    tls: listenerWish(listener, name, ['h2'], credentials),
    authority: name,
    credentials: credentials.headers,
  };
  const { headers, message } = probe;
  // Whoever holds the port gets what is sent there, and only --header is kept from a peer that is not verified.
  const secret = [...headers.keys()].find((field) => isSecretName(field) && !credentials.headers.has(field));
  if (secret !== undefined)
    return [
      unexamined(
        `it wants ${secret}, whose value may be a secret and is not sent`,
        `give it to the doctor: --header ${secret}:VALUE`,
      ),
    ];
  // One after the other, since their times are compared.
  const as = { ...direct, credentials: credentials.headers };
  const directly = await callGrpc(as, { path: probe.directPath, headers, message, limitMs: CALL_MS });
  const through = await callGrpc(way, { path: probe.path, headers, message, limitMs: CALL_MS });
  if (through.failure === PEER_NOT_VERIFIED) return [strangerAt(listener, through.reason)];
  const token = tokenOfAnswer({ through, directly }, (await slot.proxy?.diagnoses()) ?? [], way);
  const text = `${probe.path}: ${describeAnswer(through)}`;
  const refusal = token === undefined ? undefined : judgeRefusal({ route, token, text }, credentials);
  if (refusal !== undefined) return refusal;
  const endpoint = direct.address.text;
  return compareAnswers(
    { way: 'through the proxy', path: probe.path, direct: directly, through, endpoint },
    () => (token === undefined ? undefined : failed(text, undefined, token)),
  );
}
