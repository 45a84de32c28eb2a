// The schema of the `authorize` of a route: who is asked whether a call may pass.

import type { AuthorizeConfig } from './authorize-config.ts';
import { key, shownTo } from './key-notes.ts';
import { duration, expecting, name, off, z } from './schema-values.ts';

const text = z.string(expecting('text')).min(1).max(1000);

/** More would be sent with each question. */
const MOST_CONTEXT = 64;

export const authorize = z.strictObject({
  upstream: name.meta(
    key('The name of the upstream whose service is asked. It speaks Envoy’s `ext_authz` v3 over gRPC.', {
      like: { Envoy: '`grpc_service` of `ext_authz`' },
    }),
  ),
  timeout: duration('1ms', '10s')
    .prefault('200ms')
    .meta(key('How long a call waits for the answer.', { like: { Envoy: '`timeout` of `grpc_service`' } })),
  failure: z
    .enum(['deny', 'allow'])
    .default('deny')
    .meta(
      key(
        'What becomes of a call if the service cannot be asked, is late, or answers what is not understood. `deny`: it is refused with ' +
          'UNAVAILABLE. `allow`: it passes, and that is counted and logged.',
        {
          like: { Envoy: 'failure_mode_allow' },
          more: '[When there is no answer](authorize.md#when-there-is-no-answer)',
        },
      ),
    ),
  recheck: z
    .union([off, duration('1s', '24h')], expecting('a duration such as 60s, or off'))
    .prefault('off')
    .meta(
      key(
        'How often the service is asked again about a call that still runs, 10 % more or less. The call goes on meanwhile, and ends if it ' +
          'is denied.',
        { more: '[Streams](authorize.md#streams)' },
      ),
    ),
  context: z
    .record(text, text.meta(shownTo('nobody')), expecting('a map of texts'))
    .refine((given) => Object.keys(given).length <= MOST_CONTEXT, {
      message: `has more than ${MOST_CONTEXT} entries`,
    })
    .prefault({})
    .meta(
      key('What the service is told of each call of this route, as `context_extensions`.', {
        unset: 'nothing',
        values: 'map of names to texts',
        like: { Envoy: 'context_extensions' },
      }),
    ),
});

export function resolveAuthorize(given: z.output<typeof authorize>): AuthorizeConfig {
  const { upstream, timeout, failure, recheck, context } = given;
  return {
    upstream,
    timeoutMs: timeout,
    failure,
    recheckMs: recheck === 'off' ? undefined : recheck,
    context: new Map(Object.entries(context)),
  };
}
