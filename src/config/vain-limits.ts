// Warns of limits that bound nothing where they stand: messages are those of gRPC, and `bodySize` is for all that is not gRPC. The check
// reads the unvalidated document.

import type { ConfigPath } from './config-path.ts';
import type { Finding } from './problem.ts';
import { listOf, mapOf, type RawMap, textOf } from './raw-value.ts';
import { upstreamsOf } from './route-upstreams.ts';

/** The path of a method or of a service whose name has a package, as gRPC has them. */
const GRPC_PATH = /^\/(?:\w+\.)+\w+\/(?:\w+|\w*\*)$/;

export function findVainLimits(document: unknown): readonly Finding[] {
  const root = mapOf(document);
  const upstreams = mapOf(root.get('upstreams'));
  return listOf(root.get('routes')).flatMap((each, index) => {
    const route = mapOf(each);
    const limits = listOf(route.get('limits')).map(mapOf);
    const path: ConfigPath = ['routes', index, 'limits'];
    const named = upstreamsOf(route);
    const spoken = named.map(({ name }) => mapOf(upstreams.get(name)).get('protocol'));
    if (named.length > 0 && spoken.every((protocol) => protocol === 'http1'))
      return ofMessages(limits, path, named[0].name);
    return spoken.includes('http1') ? [] : ofBodies(limits, path, route);
  });
}

/**
 * On a route to web services. A client can have any request taken for gRPC, so messages are rightly bounded beside a limit of bodies or
 * bytes.
 */
function ofMessages(limits: readonly RawMap[], path: ConfigPath, upstream: string): readonly Finding[] {
  if (limits.some((limit) => limit.has('bodySize') || limit.get('count') === 'bytes')) return [];
  const why = `only gRPC has messages, and upstream '${upstream}' speaks HTTP/1.1`;
  return limits.flatMap((limit, index) => {
    if (limit.has('messageSize'))
      return [warning([...path, index, 'messageSize'], why, 'write bodySize, or add a limit with bodySize')];
    if (limit.get('count') !== 'messages') return [];
    return [warning([...path, index, 'count'], why, 'write count: bytes, or add a limit that counts bytes')];
  });
}

/** On a route whose calls are gRPC, by all that the route says. */
function ofBodies(limits: readonly RawMap[], path: ConfigPath, route: RawMap): readonly Finding[] {
  const sign = signOfGrpc(route);
  if (sign === undefined || limits.some((limit) => limit.has('messageSize'))) return [];
  const message = `bounds only what is not gRPC, and this route has ${sign}`;
  const hint = 'write messageSize, or add a limit with messageSize if other clients use this route, too';
  return limits.flatMap((limit, index) =>
    limit.has('bodySize') ? [warning([...path, index, 'bodySize'], message, hint)] : [],
  );
}

function signOfGrpc(route: RawMap): string | undefined {
  const match = mapOf(route.get('match'));
  if (GRPC_PATH.test(textOf(match.get('path')) ?? '')) return 'the path of a gRPC service';
  const key = ['grpcWeb', 'retry', 'hedge'].find((one) => (route.get(one) ?? false) !== false);
  return key === undefined ? undefined : `${key}, which is for gRPC`;
}

function warning(path: ConfigPath, message: string, hint: string): Finding {
  return { severity: 'warning', path, at: 'key', message, hint };
}
