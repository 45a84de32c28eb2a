// The configuration as people may see it: secrets are replaced, maps are objects, and templates are text as it was written.

import type { Config } from '../config/config.ts';
import { templateText } from '../config/header-template.ts';
import type { HeaderChanges, HeaderTemplate, RouteConfig } from '../config/route-config.ts';
import { isSecretName } from '../config/secret-name.ts';
import type { TraceHeader } from '../config/trace-config.ts';

/** By name, what is shown of the value. */
type ShownFields = Readonly<Record<string, unknown>>;

export function shownConfig(config: Config): unknown {
  return {
    ...config,
    routes: config.routes.map(shownRoute),
    // Whatever an exporter is sent may be a secret of its operator. Where it is read is none.
    ...(config.trace && {
      trace: { ...config.trace, headers: shownFields(config.trace.headers, () => true) },
    }),
  };
}

/** The header values that routes match or set may be secrets. */
function shownRoute(route: RouteConfig): unknown {
  const { match, respond, headers } = route;
  return {
    ...route,
    match: { ...match, headers: shownFields(match.headers) },
    ...(respond && { respond: { ...respond, headers: shownFields(respond.headers) } }),
    ...(headers && {
      headers: {
        request: shownChanges(headers.request),
        response: shownChanges(headers.response),
        trailers: shownChanges(headers.trailers),
      },
    }),
  };
}

function shownChanges({ set, add, remove }: HeaderChanges): unknown {
  return { set: shownTemplates(set), add: shownTemplates(add), remove };
}

/** Values as the configuration has them. */
function shownTemplates(templates: ReadonlyMap<string, HeaderTemplate>): ShownFields {
  return shownFields(new Map(Array.from(templates, ([name, template]) => [name, templateText(template)])));
}

function shownFields(
  fields: ReadonlyMap<string, TraceHeader>,
  isSecret: (name: string) => boolean = isSecretName,
): ShownFields {
  return Object.fromEntries(
    Array.from(fields, ([name, value]) => [
      name,
      typeof value === 'string' && isSecret(name) ? '[redacted]' : value,
    ]),
  );
}
