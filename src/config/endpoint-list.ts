// What PUT /api/upstreams/NAME/endpoints says: endpoints, written as in the configuration, and how long they hold.

import { formatPath } from './config-path.ts';
import { MOST_PROBLEMS } from './problem.ts';
import { validateEndpointList } from './schema.ts';
import { describeIssue, findingsOf } from './schema-findings.ts';
import type { EndpointState } from './upstream-config.ts';

export interface EndpointList {
  readonly endpoints: readonly EndpointState[];
  /** Undefined means for ever. */
  readonly ttlMs: number | undefined;
}

/** What is wrong with a list, and what to do about it. */
export interface ListProblem {
  /** For example `endpoints[2].weight`. Empty for the list as a whole. */
  readonly field: string;
  readonly message: string;
  readonly remedy: string;
}

const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['', 'send {"endpoints": ["10.0.0.1:50051"], "ttl": "60s"}'],
  ['endpoints', 'write ["10.0.0.1:50051"], or [] for none'],
  ['ttl', 'write how long they hold without another PUT, 1s to 168h, such as "60s", or "off" for ever'],
]);

/** @param text JSON */
export function parseEndpointList(
  text: string,
): EndpointList | { readonly problems: readonly ListProblem[] } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const message = `is not JSON: ${error instanceof Error ? error.message : String(error)}`;
    return { problems: [{ field: '', message, remedy: REMEDIES.get('') ?? '' }] };
  }
  const result = validateEndpointList(value, describeIssue);
  if ('issues' in result) {
    const findings = findingsOf(result.issues, value, ['upstreams', 'NAME']);
    const problems = findings.slice(0, MOST_PROBLEMS).map(({ path, at, message, hint }): ListProblem => {
      const field = formatPath(path);
      // What a list may have beside endpoints is not what an upstream of the configuration may have.
      const whole = at === 'key' && path.length === 1 ? REMEDIES.get('') : REMEDIES.get(field);
      const isTooLong = message.startsWith('must have at most');
      return {
        field,
        message,
        remedy: (isTooLong ? undefined : whole) ?? hint ?? 'correct it and send the whole list again',
      };
    });
    const message = `has more problems than the ${MOST_PROBLEMS} that are shown`;
    const hasMore = findings.length > MOST_PROBLEMS;
    return {
      problems: hasMore ? [...problems, { field: '', message, remedy: 'fix these first' }] : problems,
    };
  }
  const { endpoints, ttl } = result.list;
  return {
    // An address that is listed twice is one endpoint.
    endpoints: [...new Map(endpoints.map((one) => [one.address.text, one])).values()],
    ttlMs: ttl === 'off' ? undefined : ttl,
  };
}
