// The configuration as people may see it: secrets are replaced, maps are objects, and templates are text as it was written.

import type { Config } from '../config/config.ts';
import { templateText } from '../config/header-template.ts';
import type { HeaderChanges, HeaderTemplate, RouteConfig } from '../config/route-config.ts';
import { isSecretName } from '../config/secret-name.ts';
import type { TraceHeader } from '../config/trace-config.ts';

/** Returns what stands in the place of a secret. */
type Hide = (secret: string) => unknown;

/** By name, what is shown of the value. */
type ShownFields = Readonly<Record<string, unknown>>;

type ShowLimits = (limits: NonNullable<RouteConfig['limits']>) => unknown;

/**
 * @param hide returns what stands in the place of a secret
 * @param showLimits returns what stands in the place of the limits of a route
 */
export function shownConfig(
  config: Config,
  hide: Hide = redact,
  showLimits: ShowLimits = (limits) => limits,
): unknown {
  return {
    ...config,
    routes: config.routes.map((route) => shownRoute(route, hide, showLimits)),
    // Whatever an exporter is sent may be a secret of its operator. Where it is read is none.
    ...(config.trace && {
      trace: { ...config.trace, headers: shownFields(config.trace.headers, hide, () => true) },
    }),
  };
}

/** The header values that routes match or set may be secrets. */
function shownRoute(route: RouteConfig, hide: Hide, showLimits: ShowLimits): unknown {
  const { match, respond, headers, limits } = route;
  return {
    ...route,
    match: { ...match, headers: shownFields(match.headers, hide) },
    ...(limits && { limits: showLimits(limits) }),
    ...(respond && { respond: { ...respond, headers: shownFields(respond.headers, hide) } }),
    ...(headers && {
      headers: {
        request: shownChanges(headers.request, hide),
        response: shownChanges(headers.response, hide),
        trailers: shownChanges(headers.trailers, hide),
      },
    }),
  };
}

function shownChanges({ set, add, remove }: HeaderChanges, hide: Hide): unknown {
  return { set: shownTemplates(set, hide), add: shownTemplates(add, hide), remove };
}

/** Values as the configuration has them. */
function shownTemplates(templates: ReadonlyMap<string, HeaderTemplate>, hide: Hide): ShownFields {
  return shownFields(
    new Map(Array.from(templates, ([name, template]) => [name, templateText(template)])),
    hide,
  );
}

function shownFields(
  fields: ReadonlyMap<string, TraceHeader>,
  hide: Hide,
  isSecret: (name: string) => boolean = isSecretName,
): ShownFields {
  return Object.fromEntries(
    Array.from(fields, ([name, value]) => [
      name,
      typeof value === 'string' && isSecret(name) ? hide(value) : value,
    ]),
  );
}

function redact(): string {
  return '[redacted]';
}
