// Finds keys that are valid alone but do not go together, most of them because of the protocol that a listener or an upstream speaks.
// The checks read the unvalidated document, so they also run when the schema rejects the file.

import type { ConfigPath } from './config-path.ts';
import type { Finding } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';
import { askedUpstreamsOf, upstreamsOf } from './route-upstreams.ts';

export function findProtocolProblems(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const upstreams = mapOf(root.get('upstreams'));
  return [
    ...listOf(root.get('listeners')).flatMap((listener, index) => checkListener(mapOf(listener), index)),
    ...listOf(root.get('routes')).flatMap((route, index) => checkRoute(mapOf(route), index, upstreams)),
    ...[...upstreams].flatMap(([name, upstream]) => checkUpstream(name, mapOf(upstream))),
    ...[...upstreams].flatMap(([name, upstream]) => checkHealth(name, mapOf(upstream))),
  ];
}

function checkListener(listener: RawMap, index: number): readonly Finding[] {
  return [
    ...checkMode(listener, index),
    ...checkMismatch(listener, index),
    ...checkClientAuth(listener, index),
  ];
}

function checkMode(listener: RawMap, index: number): readonly Finding[] {
  const address = textOf(listener.get('address')) ?? 'unix:';
  if (!listener.has('mode') || address.startsWith('unix:')) return [];
  const hint = address.startsWith('systemd:')
    ? 'remove it; the .socket unit has SocketMode='
    : 'remove it, or write address: unix:/path';
  return [error(['listeners', index, 'mode'], `${address} has no file that could have a mode`, hint)];
}

function checkMismatch(listener: RawMap, index: number): readonly Finding[] {
  if (listener.get('mismatch') !== 'accept' || listener.get('tls') !== undefined) return [];
  const message = "'accept' is for listeners with tls: this one serves h2c and HTTP/1.1 anyway";
  return [error(['listeners', index, 'mismatch'], message, 'write explain or close, or remove it')];
}

/** A client without TLS has no certificate, so accepting it would be a way around the requirement. */
function checkClientAuth(listener: RawMap, index: number): readonly Finding[] {
  const clientAuth = mapOf(listener.get('tls')).get('clientAuth');
  if (clientAuth === undefined || mapOf(clientAuth).get('mode') === 'request') return [];
  if (listener.get('mismatch') !== 'accept') return [];
  const message =
    "'accept' lets clients in without TLS, and so without the certificate that clientAuth requires";
  return [
    error(['listeners', index, 'mismatch'], message, 'write explain or close, or clientAuth.mode: request'),
  ];
}

function checkRoute(route: RawMap, index: number, upstreams: RawMap): readonly Finding[] {
  return [...checkAsked(route, index, upstreams), ...checkTarget(route, index, upstreams)];
}

/** Services that are asked about calls are asked by gRPC. */
function checkAsked(route: RawMap, index: number, upstreams: RawMap): readonly Finding[] {
  return askedUpstreamsOf(route)
    .filter(({ name }) => mapOf(upstreams.get(name)).get('protocol') === 'http1')
    .map(({ name, path }) =>
      error(
        ['routes', index, ...path],
        `upstream '${name}' speaks HTTP/1.1, and it is asked by gRPC`,
        'name an upstream with protocol h2c or h2 whose service has a gRPC port; services over HTTP cannot be asked',
      ),
    );
}

function checkTarget(route: RawMap, index: number, upstreams: RawMap): readonly Finding[] {
  const upstream = upstreamsOf(route).find(
    ({ name }) => mapOf(upstreams.get(name)).get('protocol') === 'http1',
  );
  if (upstream === undefined) return [];
  const message = `upstream '${upstream.name}' speaks HTTP/1.1, so no gRPC`;
  const grpcWeb = route.get('grpcWeb') ?? false;
  return [
    ...(grpcWeb === false
      ? []
      : [error(['routes', index, 'grpcWeb'], message, 'gRPC-Web needs an upstream with protocol h2c or h2')]),
    ...(route.has('retry') ? [error(['routes', index, 'retry'], message, RETRY_HINT)] : []),
    ...(route.has('hedge') ? [error(['routes', index, 'hedge'], message, HEDGE_HINT)] : []),
  ];
}

const RETRY_HINT =
  'retry goes by gRPC statuses, so remove it; a request without a body is sent again anyway where a connection closes in place of a response';

const HEDGE_HINT = 'hedge goes by gRPC statuses, so remove it';

function checkUpstream(name: string, upstream: RawMap): readonly Finding[] {
  return [
    ...checkPending(name, upstream),
    ...checkKeepalive(name, upstream),
    ...checkWeights(name, upstream),
    ...checkUpstreamTls(name, upstream),
  ];
}

function checkPending(name: string, upstream: RawMap): readonly Finding[] {
  const isTwice = mapOf(upstream.get('limits')).has('pending');
  if (!isTwice || !mapOf(upstream.get('connections')).has('maxPending')) return [];
  const path: ConfigPath = ['upstreams', name, 'connections', 'maxPending'];
  return [error(path, 'the same as limits.pending, which is given as well', 'remove connections.maxPending')];
}

function checkKeepalive(name: string, upstream: RawMap): readonly Finding[] {
  const isAsked = upstream.has('keepalive') && upstream.get('keepalive') !== 'off';
  if (!isAsked || upstream.get('protocol') !== 'http1') return [];
  const message = 'HTTP/1.1 cannot ask an endpoint whether it is still there';
  return [error(['upstreams', name, 'keepalive'], message, 'remove it; it is for protocol h2c and h2')];
}

function checkWeights(name: string, upstream: RawMap): readonly Finding[] {
  if (!upstream.has('weights') || upstream.get('protocol') !== 'http1') return [];
  const message = `upstream '${name}' speaks HTTP/1.1, so no gRPC, by which load is reported`;
  return [error(['upstreams', name, 'weights'], message, 'remove it, or give each of endpoints a weight')];
}

function checkUpstreamTls(name: string, upstream: RawMap): readonly Finding[] {
  const given = upstream.get('tls');
  // The schema reports a value that is not a map.
  if (typeof given !== 'object' || given === null) return [];
  const path: ConfigPath = ['upstreams', name, 'tls'];
  const protocol = upstream.get('protocol') ?? 'h2c';
  const tls = mapOf(given);
  const findings: Finding[] = [];
  if (protocol === 'h2c') {
    findings.push(error(path, 'h2c is plaintext HTTP/2', 'set protocol: h2, or remove tls'));
  }
  for (const [one, other] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    if (tls.has(one) && !tls.has(other)) {
      findings.push(error([...path, one], `${one} is given without ${other}`, `add ${other}`));
    }
  }
  return findings;
}

const HEALTH_TYPES: ReadonlySet<unknown> = new Set(['grpc', 'http', 'tcp']);

function checkHealth(name: string, upstream: RawMap): readonly Finding[] {
  const health = mapOf(upstream.get('health'));
  const isHttp1 = upstream.get('protocol') === 'http1';
  const type = health.get('type') ?? (isHttp1 ? 'http' : 'grpc');
  const path: ConfigPath = ['upstreams', name, 'health'];
  const findings: Finding[] = [];
  if (type === 'grpc' && isHttp1) {
    const message = `upstream '${name}' speaks HTTP/1.1, so no gRPC`;
    findings.push(error([...path, 'type'], message, 'write type: http or type: tcp, or remove it'));
  }
  for (const [key, owner] of [
    ['service', 'grpc'],
    ['path', 'http'],
  ] as const) {
    if (health.has(key) && type !== owner && HEALTH_TYPES.has(type)) {
      const message = `${key} is for type: ${owner}`;
      findings.push(error([...path, key], message, `write type: ${owner}, or remove ${key}`));
    }
  }
  return findings;
}

function error(path: ConfigPath, message: string, hint: string): Finding {
  return { severity: 'error', path, at: 'value', message, hint };
}
