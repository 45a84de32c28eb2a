// Compares the answer of a web service to the same GET directly and through the proxy.

import type { Address } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import type { RouteConfig } from '../config/route-config.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import { pathCriterion } from '../routing/specificity.ts';
import { stripPrefix } from '../routing/strip-prefix.ts';
import type { Credentials } from './credentials.ts';
import { tlsWishOf } from './dial.ts';
import { judgeRefusal, wantsCertificate, withoutCertificate } from './expected-refusal.ts';
import { type Finding, failed, ok, took, unexamined } from './finding.ts';
import { getByHttp1 } from './http1-look.ts';
import { listenerWish, type ProxySlot, reach, serverNameOf, strangerAt } from './listener-way.ts';
import { tokenOfText } from './refusal-token.ts';
import { routeTaken } from './route-probe.ts';
import { PEER_NOT_VERIFIED } from './secret-fields.ts';

const LIMIT_MS = 2000;

export interface WebRouteParts {
  readonly config: Config;
  readonly slot: ProxySlot;
  readonly upstream: UpstreamConfig;
  readonly endpoint: Address;
  readonly credentials: Credentials;
}

export async function compareWebRoute(
  route: RouteConfig,
  { config, slot, upstream, endpoint, credentials }: WebRouteParts,
): Promise<readonly Finding[]> {
  const { match, stripPrefix: prefix } = route;
  const listener = config.listeners.find(({ name }) => (match.listener ?? name) === name);
  if (listener === undefined) return [unexamined('no listener has it')];
  if (match.headers.size > 0) return [unexamined('it wants header fields, and is not called')];
  const path = (pathCriterion(match) ?? '/*').replace(/\*$/, '');
  const host = match.host?.replace(/^\*/, 'doctor') ?? serverNameOf(listener) ?? 'localhost';
  const request = { path, authority: host, headers: match.headers };
  const taken = routeTaken(config.routes, listener.name, request);
  if (taken !== route) {
    return [
      unexamined(`a request for ${path} takes route '${taken?.name ?? 'none'}', which is more specific`),
    ];
  }
  const reached = reach(listener, slot);
  if (typeof reached === 'string') return [unexamined(reached)];
  if (wantsCertificate(listener, credentials)) return [withoutCertificate(listener)];
  const directPath = prefix === undefined ? path : stripPrefix(path, prefix);
  const wish = upstream.tls === undefined ? undefined : tlsWishOf(upstream.tls, ['http/1.1']);
  // One after the other, since their times are compared.
  const direct = await getByHttp1(
    endpoint,
    wish,
    { host, path: directPath, credentials: credentials.headers },
    LIMIT_MS,
  );
  const tls = listenerWish(listener, host, ['http/1.1'], credentials);
  const through = await getByHttp1(
    reached,
    tls,
    { host, path, credentials: credentials.headers, wantsText: true },
    LIMIT_MS,
  );
  if ('failure' in through && through.failure === PEER_NOT_VERIFIED)
    return [strangerAt(listener, through.reason)];
  const said = (look: typeof direct): string =>
    'failure' in look ? `no connection (${look.failure})` : look.firstLine || 'no answer';
  const isSame =
    !('failure' in direct) && !('failure' in through) && direct.httpStatus === through.httpStatus;
  if (isSame) {
    const times = `directly ${took(direct.durationMs)}, through the proxy ${took(through.durationMs)}`;
    return [ok(`GET ${path} has the same answer: “${said(direct)}”; ${times}`)];
  }
  const token =
    'failure' in through
      ? undefined
      : tokenOfText(through.text, (await slot.proxy?.diagnoses()) ?? [], {
          credentials: credentials.headers,
        });
  const text = `GET ${path}: “${said(through)}”`;
  const refusal = token === undefined ? undefined : judgeRefusal({ route, token, text }, credentials);
  if (refusal !== undefined) return refusal;
  return [
    failed(
      `GET ${path}: directly “${said(direct)}”, through the proxy “${said(through)}”`,
      'the log of the proxy says why: look for this path',
    ),
  ];
}
