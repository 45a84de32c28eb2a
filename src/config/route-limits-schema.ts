// The schema of the `limits` of a route: how much its clients may call and send.

import { parseDescriptorValue } from './descriptor-values.ts';
import { key, shownTo } from './key-notes.ts';
import { parseKeyPart, parseRate, ratePattern } from './limit-values.ts';
import { keyPartText } from './limits-config.ts';
import { duration, expecting, name, parsed, size, z } from './schema-values.ts';

const keyPart = parsed('text', parseKeyPart, {
  examples: ['client', 'identity', 'route', 'stream', 'header:x-tenant'],
});

const text = z.string(expecting('text')).min(1).max(200);

/** How many things a count can be kept for. */
const MOST_PARTS = 4;
/** How many entries a descriptor can have. */
const MOST_ENTRIES = 16;

const descriptorValue = parsed('text', parseDescriptorValue, {
  ...shownTo('nobody'),
  examples: ['client', 'identity', 'route', 'method', 'header:x-tenant', 'text:gold'],
});

const descriptor = z
  .record(text, descriptorValue, expecting('a map such as { tenant: "header:x-tenant" }'))
  .refine((given) => Object.keys(given).length > 0, { message: 'is empty' })
  .refine((given) => Object.keys(given).length <= MOST_ENTRIES, {
    message: `has more than ${MOST_ENTRIES} entries`,
  });

/** What may stand beside `service`. */
const OF_SERVICE: ReadonlySet<string> = new Set([
  'service',
  'domain',
  'descriptors',
  'timeout',
  'failure',
  'dryRun',
]);

/** Of calls and messages. */
const MOST_COUNTED = 1_000_000_000;
/** Of bytes: 1023 GiB. */
const MOST_BYTES = 1023 * 1_073_741_824;
const TOO_MUCH = 'is more than any proxy carries';
const MESSAGE_PREFIX_BYTES = 5;

const fields = z.strictObject({
  count: z
    .enum(['calls', 'messages', 'bytes'])
    .optional()
    .meta(
      key(
        'What is counted. `messages` are gRPC messages within calls, also of gRPC-Web. `bytes` are those of messages with their prefixes, ' +
          'of the bodies of other requests, or of WebSockets.',
        {
          required: 'beside `rate`',
          values: '`calls`, `messages` or `bytes`',
          more: '[Limits inside streams](stream-limits.md)',
        },
      ),
    ),
  direction: z
    .enum(['request', 'response', 'both'])
    .optional()
    .meta(
      key(
        'The direction in which messages and bytes are counted, and the size of messages is limited. `request`: from the client to the ' +
          'service. `both`: one count for both together.',
        {
          unset: '`request`',
          values: '`request`, `response` or `both`',
          condition: 'not for `count: calls` and `bodySize`',
        },
      ),
    ),
  rate: parsed('a rate such as 100/s', parseRate, {
    pattern: ratePattern.source,
    examples: ['100/s', '1000/m'],
  })
    .optional()
    .meta(
      key(
        'How many may come in a second, a minute or an hour (`s`, `m`, `h`). The count refills evenly, not at the end of the period.',
        {
          required: 'unless there is `messageSize`, `bodySize` or `service`',
          values: 'count and period such as `100/s`; for bytes also `1MiB/s`',
          like: { nginx: '`rate` of `limit_req_zone`', Envoy: '`token_bucket` of `local_ratelimit`' },
          more: '[Limits of calls](rate-limits.md)',
        },
      ),
    ),
  // Its range depends on what is counted: see issuesOfAmounts.
  burst: size('0', '8388607GiB', 'a number such as 200, or for bytes a size such as 1MiB')
    .optional()
    .meta(
      key('How many may come at once after a pause.', {
        unset: 'the count of `rate`',
        values: 'number; for bytes also a size',
        like: { nginx: '`burst` of `limit_req` with `nodelay`', Envoy: 'max_tokens' },
      }),
    ),
  by: z
    .array(keyPart, expecting('a list such as [client]'))
    .min(1)
    .optional()
    .meta(
      key(
        'What the count is kept for: each client address (IPv6: each network of 64 bits), each identity, each value of a header ' +
          'field, or the route as a whole. With several, there is one count for each combination. With header fields alone, ' +
          'calls that have none of them are not counted. `stream`: each call by itself, where ' +
          'messages or bytes are counted.',
        {
          unset: '`[route]`',
          values: 'list of `client`, `identity`, `route`, `stream`, `header:NAME`',
          like: { nginx: 'the key of `limit_req_zone`', Envoy: 'descriptors' },
        },
      ),
    ),
  exceed: z
    .enum(['refuse', 'slow', 'end'])
    .optional()
    .meta(
      key(
        'What happens beyond the limit. Calls are refused. `slow`: what is sent too fast waits, and its sender gets no credit to send more. ' +
          '`end`: the call ends with RESOURCE_EXHAUSTED, before the message beyond the limit has passed.',
        {
          unset: '`refuse` for calls, `slow` for messages and bytes',
          values: '`refuse`, `slow` or `end`',
          more: '[Limits inside streams](stream-limits.md)',
        },
      ),
    ),
  messageSize: size('1', '2GiB')
    .optional()
    .meta(
      key(
        'The largest size of one gRPC message, as it is sent: compressed, if it is. A larger one ends its call with RESOURCE_EXHAUSTED, ' +
          'before its content has passed. Where the upstream speaks HTTP/2, requests that are not gRPC are then refused, unless there is `bodySize`.',
        {
          unset: 'no limit',
          condition: 'not beside `rate`',
          like: { gRPC: 'GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH' },
          more: '[Sizes](stream-limits.md#sizes)',
        },
      ),
    ),
  bodySize: size('1', '1023GiB')
    .optional()
    .meta(
      key('The largest body of a request that is not gRPC. A larger one is refused with HTTP 413.', {
        unset: 'no limit',
        condition: 'not beside `rate`',
        like: { nginx: 'client_max_body_size', Envoy: '`max_request_bytes` of the `buffer` filter' },
        more: '[Sizes](stream-limits.md#sizes)',
      }),
    ),
  store: name.optional().meta(
    key('The store that counts for all proxies that share it.', {
      unset: 'this proxy counts for itself',
      values: 'name of one of `stores`',
      more: '[Limits that several machines share](limits.md#limits-that-several-machines-share)',
    }),
  ),
  service: name.optional().meta(
    key(
      "The name of an upstream whose service decides about each call. It speaks Envoy's rate limit protocol v3 over gRPC.",
      {
        unset: 'this proxy decides',
        condition: 'not beside `count` and sizes',
        like: { Envoy: '`grpc_service` of `rate_limit_service`' },
        more: '[A rate limit service](rate-limits.md#a-rate-limit-service)',
      },
    ),
  ),
  domain: text.optional().meta(
    key('The domain of the rules by which `service` decides.', {
      required: 'beside `service`',
      condition: 'beside `service`',
      like: { Envoy: '`domain` of `ratelimit`' },
    }),
  ),
  descriptors: z
    .array(descriptor, expecting('a list such as [{ tenant: "header:x-tenant" }]'))
    .min(1)
    .max(16)
    .optional()
    .meta(
      key(
        'What `service` is told of each call: a list of descriptors. Each maps its keys, in this order, to where their values come from. A ' +
          'descriptor with a header field that the call does not have is left out, and if none is left, the service is not asked.',
        {
          required: 'beside `service`',
          condition: 'beside `service`',
          values:
            'list of maps of keys to `client`, `identity`, `route`, `method`, `header:NAME` or `text:ANYTHING`',
          like: { Envoy: '`rate_limits` of a route' },
          more: '[What the service is told](rate-limits.md#what-the-service-is-told)',
        },
      ),
    ),
  timeout: duration('1ms', '10s')
    .optional()
    .meta(
      key('How long a call waits for the answer of `service`.', {
        unset: '`100ms`',
        condition: 'beside `service`',
        like: { Envoy: '`timeout` of `ratelimit`' },
      }),
    ),
  failure: z
    .enum(['open', 'closed'])
    .optional()
    .meta(
      key(
        'What becomes of a call if `service` cannot be asked, is late, or answers what is not understood. `open`: it passes, and that is ' +
          'counted and logged. `closed`: it is refused with UNAVAILABLE.',
        {
          unset: '`open`',
          values: '`open` or `closed`',
          condition: 'beside `service`',
          like: { Envoy: 'failure_mode_deny' },
          more: '[When there is no answer](rate-limits.md#when-there-is-no-answer)',
        },
      ),
    ),
  dryRun: z
    .boolean(expecting('true or false'))
    .optional()
    .meta(
      key(
        'Whether the limit is only tried: what is beyond it passes all the same. The record of such a call says what would have become of it, ' +
          'and a metric counts it.',
        {
          unset: '`false`',
          like: {
            nginx: 'limit_req_dry_run',
            Envoy: '`filter_enforced` of `local_ratelimit` and `ratelimit`',
          },
          more: '[Trying a limit](rate-limits.md#trying-a-limit)',
        },
      ),
    ),
});

type Given = z.output<typeof fields>;
type Issue = { readonly message: string; readonly at?: string; readonly hint: string };

/** One entry of `limits`. */
export const routeLimit = fields.superRefine((given, context) => {
  for (const { message, at, hint } of issuesOf(given))
    context.issues.push({
      code: 'custom',
      message,
      path: at === undefined ? [] : [at],
      input: given,
      params: { hint },
    });
});

function issuesOf(given: Given): readonly Issue[] {
  if (given.service !== undefined) return issuesOfService(given);
  if (given.messageSize !== undefined || given.bodySize !== undefined) return issuesOfSizes(given);
  const { count: counted, rate, by = [], direction, exceed } = given;
  const issues: Issue[] = [];
  if (counted === undefined || rate === undefined) {
    const missing = counted === undefined ? 'count' : 'rate';
    issues.push({
      message: `needs ${missing}`,
      hint: 'write it like { count: calls, rate: 100/s, by: [client] }',
    });
    return issues;
  }
  for (const at of ['domain', 'descriptors', 'timeout', 'failure'] as const)
    if (given[at] !== undefined)
      issues.push({ message: 'belongs to a limit with service', at, hint: 'remove it, or count and rate' });
  if (counted === 'calls') issues.push(...issuesOfCalls(direction, exceed));
  else if (exceed === 'refuse')
    issues.push({
      message: `makes no sense for ${counted}: their call has begun`,
      at: 'exceed',
      hint: 'write exceed: slow, or exceed: end',
    });
  if (counted !== 'bytes' && rate.isOfBytes)
    issues.push({
      message: `${counted} have no size`,
      at: 'rate',
      hint: 'write a plain number, such as 100/s',
    });
  issues.push(...issuesOfAmounts(given));
  const texts = by.map(keyPartText);
  if (texts.length > MOST_PARTS)
    issues.push({ message: 'names too many', at: 'by', hint: `at most ${MOST_PARTS}` });
  const twice = texts.find((one, index) => texts.indexOf(one) !== index);
  if (twice !== undefined)
    issues.push({ message: `names ${twice} twice`, at: 'by', hint: 'remove one of the two' });
  if (given.store !== undefined && texts.includes('stream'))
    issues.push({
      message: 'is of no use by stream: a stream is in one proxy alone',
      at: 'store',
      hint: 'remove it, or write by: [client]',
    });
  if (counted === 'calls' && texts.includes('stream'))
    issues.push({
      message: 'names stream, but a stream is one call',
      at: 'by',
      hint: 'write by: [client], or count messages or bytes',
    });
  if (texts.length > 1 && texts.includes('stream'))
    issues.push({
      message: 'names stream beside another, but each stream is counted by itself',
      at: 'by',
      hint: 'write by: [stream]',
    });
  // Beside header fields, route gives a count to the calls that have none of them.
  if (texts.includes('route') && ['client', 'identity'].some((one) => texts.includes(one)))
    issues.push({
      message: 'names route beside another, but each limit counts for its route alone',
      at: 'by',
      hint: `write by: [${texts.filter((one) => one !== 'route').join(', ')}]`,
    });
  return issues;
}

/** More than a machine can do, and less than any message, are mistakes. */
function issuesOfAmounts({ count: counted, rate, burst, exceed }: Given): readonly Issue[] {
  const issues: Issue[] = [];
  const ofBytes = counted === 'bytes';
  if (!ofBytes && (rate?.count ?? 0) > MOST_COUNTED)
    issues.push({ message: TOO_MUCH, at: 'rate', hint: `at most ${MOST_COUNTED}` });
  if (burst !== undefined && (burst < 1 || burst > (ofBytes ? MOST_BYTES : MOST_COUNTED)))
    issues.push({
      message: burst < 1 ? `'${burst}' is out of range` : TOO_MUCH,
      at: 'burst',
      hint: ofBytes ? '1 to 1023GiB' : `1 to ${MOST_COUNTED}`,
    });
  if (counted === 'bytes' && exceed === 'end' && burst !== undefined && burst < MESSAGE_PREFIX_BYTES)
    issues.push({
      message: 'would end every call: each gRPC message has a prefix of 5 bytes',
      at: 'burst',
      hint: 'write the size of the largest message at least, such as 64KiB',
    });
  return issues;
}

/** A size stands alone, but for the direction of messages. */
function issuesOfSizes(given: Given): readonly Issue[] {
  const own = given.messageSize === undefined ? 'bodySize' : 'messageSize';
  const beside = Object.entries(given)
    .filter(([one, value]) => value !== undefined && one !== own && one !== 'dryRun')
    .map(([one]) => one);
  return beside.flatMap((at) =>
    at === 'direction' && own === 'messageSize'
      ? []
      : [{ message: `has no meaning beside ${own}`, at, hint: 'make it a limit of its own, or remove it' }],
  );
}

function issuesOfCalls(direction: Given['direction'], exceed: Given['exceed']): readonly Issue[] {
  const issues: Issue[] = [];
  if (exceed === 'slow' || exceed === 'end')
    issues.push({
      message: `makes no sense for calls: a call beyond the limit has not begun`,
      at: 'exceed',
      hint: 'write exceed: refuse, or leave it out',
    });
  if (direction !== undefined)
    issues.push({
      message: 'makes no sense for calls, which have no direction',
      at: 'direction',
      hint: 'remove it',
    });
  return issues;
}

/** A service has its own rules. */
function issuesOfService(given: Given): readonly Issue[] {
  const missing = (['domain', 'descriptors'] as const).filter((one) => given[one] === undefined);
  const beside = Object.entries(given)
    .filter(([one, value]) => value !== undefined && !OF_SERVICE.has(one))
    .map(([one]) => one);
  return [
    ...missing.map((one) => ({
      message: `needs ${one}`,
      hint: 'write it like { service: limiter, domain: voice, descriptors: [{ tenant: "header:x-tenant" }] }',
    })),
    ...beside.map((at) => ({
      message: 'has no meaning beside service, which decides by its own rules',
      at,
      hint: 'make it a limit of its own, or remove it',
    })),
  ];
}
