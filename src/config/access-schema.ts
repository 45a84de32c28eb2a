// The schema of the `access` of a route: who may call.

import { key } from './key-notes.ts';
import { parsePathPattern } from './match-criteria.ts';
import { expecting, name, network, parsed, z } from './schema-values.ts';

const text = z.string(expecting('text')).min(1).max(1000);

/** A star elsewhere would be compared as a letter, so that a rule would hold for nobody. */
const subjectPattern = text.superRefine((value, context) => {
  const star = value.indexOf('*');
  if (star === -1 || star === value.length - 1) return;
  context.addIssue({
    code: 'custom',
    message: `'${value}' has a '*' that is not at its end`,
    params: { hint: 'only an exact text, or a prefix such as admin-*, can be matched' },
  });
});

function oneOrMore<Value extends z.ZodType>(value: Value, expected: string) {
  return z.union([value, z.array(value).min(1)], expecting(`${expected}, or a list`));
}

const rule = z
  .strictObject({
    identity: oneOrMore(name, 'the name of an identity')
      .optional()
      .meta(
        key('The client has one of these identities.', {
          unset: 'any',
          values: 'name of an identity, or list',
        }),
      ),
    subject: oneOrMore(subjectPattern, 'text')
      .optional()
      .meta(
        key(
          'Who the client is: `sub` of a token, the name of an API key, the user, or the name in a certificate.',
          {
            unset: 'any',
            values: 'exact text, or a prefix that ends in `*`; or list',
          },
        ),
      ),
    claim: z
      .record(text, oneOrMore(text, 'text'), expecting('a map of claims to values'))
      .optional()
      .meta(
        key(
          'Claims of the token and their values. A claim that is a list, and `scope` and `scp`, hold if one of their words is among ' +
            'the values. A claim within another is written with dots.',
          { unset: 'any', values: 'map of names of claims to a text or a list of texts' },
        ),
      ),
    client: oneOrMore(network, 'a network such as 10.0.0.0/8')
      .optional()
      .meta(
        key('The address of the client. It may be named by one of the `trustedClients`.', {
          unset: 'any',
          values: 'network (CIDR), `unix:` for clients of a Unix socket, or list',
          like: { nginx: 'allow' },
        }),
      ),
    method: oneOrMore(
      parsed('text', parsePathPattern, { examples: ['/package.Service/Method'] }),
      'a path such as /package.Service/Method',
    )
      .optional()
      .meta(
        key('The path of the call.', {
          unset: 'any',
          values: 'exact path, or a prefix that ends in `*`; or list',
        }),
      ),
  })
  .refine((criteria) => Object.keys(criteria).length > 0, {
    message: 'needs at least one of identity, subject, claim, client, method',
  });

export const access = z
  .strictObject({
    require: z
      .array(name)
      .min(1)
      .optional()
      .meta(
        key('The client must have one of these identities.', {
          unset: 'it needs none',
          required: 'unless there is `allow`',
          values: 'list of names of `identities`',
          like: { nginx: 'auth_jwt, auth_basic', Envoy: 'requires_any' },
        }),
      ),
    allow: z
      .array(rule)
      .min(1)
      .optional()
      .meta(
        key('One of these rules must hold. All criteria of a rule must hold.', {
          unset: 'every client with an identity of `require` may call',
          values: 'list of rules',
          like: { nginx: 'allow', Envoy: '`rbac` with `ALLOW`' },
        }),
      ),
    deny: z
      .array(rule)
      .prefault([])
      .meta(
        key('None of these rules may hold. They come before `allow`.', {
          unset: 'none',
          values: 'list of rules',
          like: { nginx: 'deny', Envoy: '`rbac` with `DENY`' },
        }),
      ),
    onExpiry: z
      .enum(['end', 'recheck', 'ignore'])
      .default('end')
      .meta(
        key(
          'What becomes of a call that is still running when its token expires. `end`: it ends with UNAUTHENTICATED. `recheck`: it ' +
            'goes on if the rules still allow it without that token. `ignore`: it goes on.',
          { more: '[Streams that outlive their token](access.md#streams-that-outlive-their-token)' },
        ),
      ),
  })
  .refine((given) => given.require !== undefined || given.allow !== undefined, {
    message: 'needs require or allow: without them nobody may call',
  });
