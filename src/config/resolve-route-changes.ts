// Resolves what a route does to its calls beside forwarding them: answers, redirects, changes of header fields, and faults.

import type { HeaderChanges, RouteConfig } from './route-config.ts';
import type { ValidRoute } from './schema.ts';

export function resolveAnswers({ respond, redirect }: ValidRoute): Pick<RouteConfig, 'respond' | 'redirect'> {
  return {
    ...(respond === undefined
      ? {}
      : {
          respond: {
            httpStatus: respond.status,
            grpcStatus: respond.grpcStatus,
            body: respond.body ?? '',
            headers: new Map(Object.entries(respond.headers)),
          },
        }),
    ...(redirect === undefined ? {} : { redirect: { ...redirect.to, httpStatus: redirect.status } }),
  };
}

export function resolveEdits({
  headers,
  authority,
}: ValidRoute): Pick<RouteConfig, 'headers' | 'authority' | 'takesEndpointAuthority'> {
  return {
    ...(headers === undefined
      ? {}
      : {
          headers: {
            request: resolveChanges(headers.request),
            response: resolveChanges(headers.response),
            trailers: resolveChanges(headers.trailers),
          },
        }),
    ...(authority?.name === undefined ? {} : { authority: authority.name }),
    ...(authority?.isEndpoint === true ? { takesEndpointAuthority: true } : {}),
  };
}

export function resolveFault({ fault }: ValidRoute): Pick<RouteConfig, 'fault'> {
  if (fault === undefined) return {};
  const { percent, header, delay, abort, resetAfter, throttle } = fault;
  const throttleBytesPerSecond = throttle && (throttle.count / throttle.periodMs) * 1000;
  return { fault: { share: percent, header, delayMs: delay, abort, resetAfter, throttleBytesPerSecond } };
}

function resolveChanges(changes: NonNullable<ValidRoute['headers']>['request']): HeaderChanges {
  return {
    set: new Map(Object.entries(changes?.set ?? {})),
    add: new Map(Object.entries(changes?.add ?? {})),
    remove: changes?.remove ?? [],
  };
}
