// A route of a configuration as it is written in the file.

import type { AuthorizeConfig } from '../config/authorize-config.ts';
import type { FaultConfig } from '../config/fault-config.ts';
import { templateText } from '../config/header-template.ts';
import type { AccessConfig, AccessRuleConfig } from '../config/identity-config.ts';
import type {
  GrpcWebConfig,
  HeaderChanges,
  HeaderTemplate,
  HedgeConfig,
  RedirectConfig,
  RespondConfig,
  RetryConfig,
  RouteConfig,
  RouteTimeoutsConfig,
} from '../config/route-config.ts';
import { sizeText } from '../config/units.ts';
import { isSecretField, shownTemplate } from './shown-secret.ts';
import { writtenLimits } from './written-limits.ts';
import {
  hiddenSecret,
  type WrittenParts,
  WrittenText,
  written,
  writtenByName,
  writtenDuration,
  writtenEntries,
  writtenFields,
  writtenList,
  writtenParts,
  writtenShare,
} from './written-value.ts';

export function writtenRoute(route: RouteConfig): WrittenParts {
  const { match, headers, split, limits } = route;
  const { path, host, listener } = match;
  return writtenParts({
    match: writtenParts({ path, host, headers: writtenFields(match.headers, hiddenSecret), listener }),
    stripPrefix: route.stripPrefix,
    upstream: route.upstream,
    split:
      split &&
      writtenByName(
        split,
        ({ upstream }) => upstream,
        ({ weight }) => writtenParts({ weight }),
      ),
    authority: writtenAuthority(route),
    headers:
      headers &&
      writtenParts({
        request: writtenChanges(headers.request, forServices),
        response: writtenChanges(headers.response, forClients),
        trailers: writtenChanges(headers.trailers, forClients),
      }),
    timeouts: route.timeouts && writtenTimeouts(route.timeouts),
    retry: route.retry && writtenRetry(route.retry),
    hedge: route.hedge && writtenHedge(route.hedge),
    grpcWeb: route.grpcWeb && writtenGrpcWeb(route.grpcWeb),
    access: route.access && writtenAccess(route.access),
    limits: limits && writtenLimits(limits),
    authorize: route.authorize && writtenAuthorize(route.authorize),
    fault: route.fault && writtenFault(route.fault),
    trace: route.isTraced === false ? 'off' : new WrittenText('on', true),
    respond: route.respond && writtenRespond(route.respond),
    redirect: route.redirect && writtenRedirect(route.redirect),
  });
}

function writtenAuthority({ takesEndpointAuthority, authority }: RouteConfig): WrittenText {
  if (takesEndpointAuthority === true) return written('endpoint');
  return authority === undefined ? new WrittenText('keep', true) : written(authority);
}

/** What every client may get. */
function maybeSecret(value: string, name: string): WrittenText {
  return isSecretField(name, value) ? hiddenSecret(value) : written(value);
}

function forServices(template: HeaderTemplate): WrittenText {
  const shown = shownTemplate(template);
  return shown === undefined ? hiddenSecret(templateText(template)) : written(shown);
}

function forClients(template: HeaderTemplate, name: string): WrittenText {
  return maybeSecret(templateText(template), name);
}

function writtenChanges(
  { set, add, remove }: HeaderChanges,
  write: (template: HeaderTemplate, name: string) => WrittenText,
): WrittenParts {
  return writtenParts({
    set: writtenFields(set, write),
    add: writtenFields(add, write),
    remove: writtenList(remove),
  });
}

function writtenTimeouts({ deadlineMs, maxDeadlineMs, idleMs }: RouteTimeoutsConfig): WrittenParts {
  return writtenParts({
    deadline: writtenDuration(deadlineMs),
    maxDeadline: writtenDuration(maxDeadlineMs),
    idle: writtenDuration(idleMs),
  });
}

function writtenRetry(retry: RetryConfig): WrittenParts {
  const { attempts, on, backoffMs, maxBackoffMs, perTryMs, holdMs } = retry;
  return writtenParts({
    attempts,
    on: writtenList(on),
    backoff: writtenDuration(backoffMs),
    maxBackoff: writtenDuration(maxBackoffMs),
    perTry: writtenDuration(perTryMs),
    hold: writtenDuration(holdMs === 0 ? undefined : holdMs),
  });
}

function writtenHedge({ attempts, delayMs, on }: HedgeConfig): WrittenParts {
  return writtenParts({ attempts, delay: writtenDuration(delayMs), on: writtenList(on) });
}

function writtenGrpcWeb({ origins }: GrpcWebConfig): WrittenParts {
  return writtenParts({ origins: origins === undefined ? 'every origin' : writtenList(origins) });
}

function writtenAccess({ require, allow, deny, onExpiry }: AccessConfig): WrittenParts {
  return writtenParts({
    require: writtenList(require),
    allow: allow && writtenEntries(allow, ruleText),
    deny: writtenEntries(deny, ruleText),
    onExpiry,
  });
}

/** A rule in one line, as it may be written in the file. */
function ruleText({ identity, subject, claim, client, method }: AccessRuleConfig): WrittenText {
  const claims = claim && Array.from(claim, ([name, values]) => `${name}: ${someOf(values)}`);
  const criteria = [
    identity && `identity: ${someOf(identity)}`,
    subject && `subject: ${someOf(subject)}`,
    claims && `claim: { ${claims.join(', ')} }`,
    client && `client: ${someOf(client)}`,
    method && `method: ${someOf(method)}`,
  ];
  return written(`{ ${criteria.filter((criterion) => criterion !== undefined).join(', ')} }`);
}

function someOf(values: readonly string[]): string {
  return values.length === 1 ? written(values[0]).text : writtenList(values).text;
}

function writtenAuthorize(authorize: AuthorizeConfig): WrittenParts {
  const { upstream, timeoutMs, failure, recheckMs, context } = authorize;
  return writtenParts({
    upstream,
    timeout: writtenDuration(timeoutMs),
    failure,
    recheck: writtenDuration(recheckMs),
    context: writtenFields(context, hiddenSecret),
  });
}

function writtenFault(fault: FaultConfig): WrittenParts {
  const { share, header, delayMs, abort, resetAfter, throttleBytesPerSecond } = fault;
  return writtenParts({
    percent: writtenShare(share),
    header,
    delay: delayMs === undefined ? undefined : writtenDuration(delayMs),
    abort: abort && ('grpcStatus' in abort ? abort.grpcStatus : abort.httpStatus),
    resetAfter:
      resetAfter && writtenParts({ messages: resetAfter.messages, direction: resetAfter.direction }),
    throttle: throttleBytesPerSecond === undefined ? undefined : `${sizeText(throttleBytesPerSecond)}/s`,
  });
}

function writtenRespond({ httpStatus, grpcStatus, body, headers }: RespondConfig): WrittenParts {
  return writtenParts({
    status: httpStatus,
    grpcStatus,
    body: body === '' ? new WrittenText(written(body).text, true) : written(body),
    headers: writtenFields(headers, maybeSecret),
  });
}

function writtenRedirect({ origin, path, httpStatus }: RedirectConfig): WrittenParts {
  return writtenParts({ to: `${origin ?? 'https'}${path ?? ''}`, status: httpStatus });
}
