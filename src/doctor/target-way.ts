// What the checks of a target share: what was asked for, and how the target is called once its first check has found that out.

import type { Config } from '../config/config.ts';
import type { Credentials } from './credentials.ts';
import type { Evidence } from './evidence.ts';
import type { CallWay } from './grpc-call.ts';
import type { Look } from './look.ts';
import type { Target } from './target.ts';
import type { UpstreamPlan } from './upstream-checks.ts';

export const TARGET_CALL_MS = 2500;
export const TARGET_LIMIT_MS = 5500;
export const TARGET_PROTOCOL = 'target.protocol';
export const TARGET_CALL = 'target.call';

export interface TargetParts {
  readonly target: Target;
  readonly ca: Buffer | undefined;
  readonly credentials: Credentials;
  /** A method that the target serves, as /package.Service/Method. Undefined if none was named. */
  readonly method: string | undefined;
  readonly evidence: Evidence;
  /** With a configuration its routes are tried through the target, too. */
  readonly config: Config | undefined;
  readonly upstreams: UpstreamPlan | undefined;
}

/** How the target is called, once its check has found it out. */
export class TargetWay {
  way: CallWay | undefined = undefined;
  look: Look | undefined = undefined;
}

export function wayOf({ way }: TargetWay): CallWay {
  if (way === undefined) throw new Error('the check of the protocol has found no way');
  return way;
}

/**
 * A target may be anybody's, and what a route wants of a header field may be a secret. So the target gets only what the person has given.
 * @param wanted the header fields that a route wants of its calls
 * @param way undefined while it is not known whether the target has shown who it is
 * @returns why no call of the route is made at the target. Undefined if it gets these fields
 */
export function whyNotSent(
  wanted: Iterable<string>,
  { headers }: Credentials,
  way: CallWay | undefined,
): string | undefined {
  const names = [...wanted];
  const missing = names.filter((name) => !headers.has(name));
  if (missing.length > 0)
    return `the route wants ${missing.join(', ')}, whose value is not sent to a target unless --header gives it`;
  if (names.length === 0 || way === undefined || way.credentials !== undefined) return undefined;
  return `the route wants ${names.join(', ')}, and --header is not sent to this target, as its certificate is not trusted`;
}
