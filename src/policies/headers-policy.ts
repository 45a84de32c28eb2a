// The `headers` of a route: header fields that are set, added or removed on their way.

import type { HeaderEdit, Policy, RequestKind } from '../calls/policy.ts';
import type {
  HeaderChanges,
  HeaderTemplate,
  HeaderTemplatePart,
  HeaderVariable,
  RouteConfig,
} from '../config/route-config.ts';
import { hostOf } from '../routing/host.ts';

/** @returns undefined if the route has no `headers` */
export function headersPolicy(route: RouteConfig | undefined): Policy | undefined {
  if (route?.headers === undefined) return undefined;
  const { request, response, trailers } = route.headers;
  const changesOfResponse = constant(response, route.name);
  const changesOfTrailers = constant(trailers, route.name);
  return {
    key: 'headers',
    reads: headersIn(request),
    ...(isEmpty(request)
      ? {}
      : {
          decide: (kind, edit) => {
            apply(request, edit, (template) => textOf(template, kind, route.name));
            return undefined;
          },
        }),
    ...(isEmpty(response) ? {} : { respond: (_fields, edit) => changesOfResponse(edit) }),
    ...(isEmpty(trailers) ? {} : { respondTrailers: (_fields, edit) => changesOfTrailers(edit) }),
  };
}

function isEmpty({ set, add, remove }: HeaderChanges): boolean {
  return set.size === 0 && add.size === 0 && remove.length === 0;
}

/** The header fields whose values the changes name. */
function headersIn({ set, add }: HeaderChanges): readonly string[] {
  const parts = [...set.values(), ...add.values()].flat();
  return parts.flatMap((part) => (part.kind === 'header' ? [part.name] : []));
}

/** Changes that are the same for all calls of the route. Their values have been checked to name nothing else. */
function constant(changes: HeaderChanges, route: string): (edit: HeaderEdit) => void {
  return (edit) =>
    apply(changes, edit, (template) =>
      template.map((part) => (part.kind === 'text' ? part.text : asciiOf(route))).join(''),
    );
}

function apply(
  { set, add, remove }: HeaderChanges,
  edit: HeaderEdit,
  textOfTemplate: (template: HeaderTemplate) => string,
): void {
  for (const name of remove) edit.remove(name);
  for (const [name, template] of set) {
    const value = textOfTemplate(template).trim();
    if (isVoid(value, template)) edit.remove(name);
    else edit.set(name, value);
  }
  for (const [name, template] of add) {
    const value = textOfTemplate(template).trim();
    if (!isVoid(value, template)) edit.add(name, value);
  }
}

/** A value of variables that are all empty makes no field, as in nginx. An empty text in the configuration makes an empty one. */
function isVoid(value: string, template: HeaderTemplate): boolean {
  return value === '' && template.some(({ kind }) => kind !== 'text');
}

function textOf(template: HeaderTemplate, kind: RequestKind, route: string): string {
  return template.map((part) => valueOf(part, kind, route)).join('');
}

function valueOf(part: HeaderTemplatePart, kind: RequestKind, route: string): string {
  if (part.kind === 'text') return part.text;
  if (part.kind === 'header') return asciiOf(kind.header(part.name) ?? '');
  return asciiOf(VARIABLES[part.name](kind, route));
}

const VARIABLES: Readonly<Record<HeaderVariable, (kind: RequestKind, route: string) => string>> = {
  'client.address': (kind) => kind.clientAddress,
  host: (kind) => hostOf(kind.authority),
  listener: (kind) => kind.listener,
  method: (kind) => kind.httpMethod,
  path: (kind) => kind.path,
  route: (_kind, route) => route,
  'tls.version': (kind) => kind.tls,
};

/** What clients have sent may hold any bytes, one for each character, and names of the configuration any letters. */
function asciiOf(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e]/gu, '?');
}
