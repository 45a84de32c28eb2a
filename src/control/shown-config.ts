// The configuration as people may see it: secrets are replaced, maps are objects, and templates are text as it was written.

import type { AuthorizeConfig } from '../config/authorize-config.ts';
import type { Config } from '../config/config.ts';
import { templateText } from '../config/header-template.ts';
import { type IdentityConfig, shownSource } from '../config/identity-config.ts';
import type { RouteLimitConfig } from '../config/limits-config.ts';
import type { HeaderChanges, HeaderTemplate, RouteConfig } from '../config/route-config.ts';
import { isCredential } from '../config/secret-name.ts';
import { isSecretField, REDACTED, shownTemplate } from './shown-secret.ts';

/** By name, what is shown of the value. */
type ShownFields = ReadonlyMap<string, unknown>;

export function shownConfig(config: Config): unknown {
  return plain({
    ...config,
    routes: config.routes.map(shownRoute),
    ...(config.identities && { identities: config.identities.map(shownIdentity) }),
    // Where a value is read is no secret.
    ...(config.trace && { trace: { ...config.trace, headers: hiddenFields(config.trace.headers) } }),
  });
}

function shownRoute(route: RouteConfig): unknown {
  const { match, respond, headers, limits, authorize } = route;
  return {
    ...route,
    match: { ...match, headers: hiddenFields(match.headers) },
    ...(respond && { respond: { ...respond, headers: publicFields(respond.headers) } }),
    ...(headers && {
      headers: {
        request: shownChanges(headers.request, (_name, template) => shownTemplate(template) ?? REDACTED),
        response: shownChanges(headers.response, publicTemplate),
        trailers: shownChanges(headers.trailers, publicTemplate),
      },
    }),
    ...(limits && { limits: limits.map(shownLimit) }),
    ...(authorize && { authorize: shownAuthorize(authorize) }),
  };
}

function shownIdentity(identity: IdentityConfig): unknown {
  if (identity.kind !== 'jwt') return identity;
  return { ...identity, keys: { ...identity.keys, text: shownSource(identity.keys) } };
}

function shownAuthorize(authorize: AuthorizeConfig): unknown {
  return { ...authorize, context: hiddenFields(authorize.context) };
}

function shownLimit(limit: RouteLimitConfig): unknown {
  if (limit.kind !== 'service') return limit;
  const descriptors = limit.descriptors.map(
    (one) =>
      new Map(
        Array.from(one, ([key, value]) => [
          key,
          value.kind === 'text' ? { ...value, text: REDACTED } : value,
        ]),
      ),
  );
  return { ...limit, descriptors };
}

function shownChanges(
  { set, add, remove }: HeaderChanges,
  show: (name: string, template: HeaderTemplate) => string,
): unknown {
  const shown = (templates: ReadonlyMap<string, HeaderTemplate>): ShownFields =>
    new Map(Array.from(templates, ([name, template]) => [name, show(name, template)]));
  return { set: shown(set), add: shown(add), remove };
}

function publicTemplate(name: string, template: HeaderTemplate): string {
  const text = templateText(template);
  return isSecretField(name, text) ? REDACTED : text;
}

function publicFields(fields: ReadonlyMap<string, string>): ShownFields {
  return new Map(
    Array.from(fields, ([name, value]) => [name, isSecretField(name, value) ? REDACTED : value]),
  );
}

/** What services are sent, or requests must have, may be a secret, whatever it looks like. */
function hiddenFields(fields: ReadonlyMap<string, unknown>): ShownFields {
  return new Map(Array.from(fields, ([name, value]) => [name, typeof value === 'string' ? REDACTED : value]));
}

/** With objects in place of maps, and without what looks like a credential anywhere else, as in a URL. */
function plain(value: unknown): unknown {
  if (typeof value === 'string') return isCredential(value) ? REDACTED : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(entries.map(([name, part]: [string, unknown]) => [name, plain(part)]));
}
