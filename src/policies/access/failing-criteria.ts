// Why no rule of `allow` holds, for the record of a call that is refused.

import type { Caller } from '../../calls/caller.ts';
import type { AdmittedCall } from '../../calls/policy.ts';
import type { AccessConfig, AccessRuleConfig } from '../../config/identity-config.ts';
import { compileRule } from './access-rules.ts';

/** More rules are not named. */
const MOST_RULES = 8;
const NOTHING: AccessRuleConfig = {
  identity: undefined,
  subject: undefined,
  claim: undefined,
  client: undefined,
  method: undefined,
};

/** @returns which criteria of each rule do not hold: `allow[0]: subject; allow[1]: client, method` */
export function failingCriteria(
  { allow = [], require }: AccessConfig,
  call: AdmittedCall,
  callers: readonly Caller[],
): string {
  const rules = allow.slice(0, MOST_RULES).map((rule, index) => {
    const failing = partsOf(rule)
      .filter(([, part]) => !compileRule(part, require)(call, callers))
      .map(([name]) => name);
    // Each of them holds for another identity of the client.
    return `allow[${index}]: ${failing.join(', ') || 'not for one identity'}`;
  });
  const more = allow.length > MOST_RULES ? `; and ${allow.length - MOST_RULES} more` : '';
  return `${rules.join('; ')}${more}`;
}

/** Each criterion alone. Those about who the client is belong to the identity of the rule. */
function partsOf({
  identity,
  subject,
  claim,
  client,
  method,
}: AccessRuleConfig): readonly (readonly [name: string, part: AccessRuleConfig])[] {
  const parts: (readonly [string, AccessRuleConfig])[] = [];
  if (identity !== undefined) parts.push(['identity', { ...NOTHING, identity }]);
  if (subject !== undefined) parts.push(['subject', { ...NOTHING, identity, subject }]);
  for (const [name, values] of claim ?? [])
    parts.push([`claim ${name}`, { ...NOTHING, identity, claim: new Map([[name, values]]) }]);
  if (client !== undefined) parts.push(['client', { ...NOTHING, client }]);
  if (method !== undefined) parts.push(['method', { ...NOTHING, method }]);
  return parts;
}
