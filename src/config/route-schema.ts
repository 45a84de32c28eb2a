// The schema of a route: which requests take it, where they go, and how long they may take.

import { access } from './access-schema.ts';
import { authorize } from './authorize-schema.ts';
import { fault } from './fault-schema.ts';
import { authority, headers } from './header-edits-schema.ts';
import { key, shownTo } from './key-notes.ts';
import {
  parseHeaderName,
  parseHeaderValue,
  parseHostPattern,
  parsePathPattern,
  parseStripPrefix,
} from './match-criteria.ts';
import { parseOrigin } from './origin.ts';
import { redirect, respond } from './route-answer-schema.ts';
import { routeLimit } from './route-limits-schema.ts';
import { hedge, retry, timeouts } from './route-time-schema.ts';
import { count, expecting, name, parsed, z } from './schema-values.ts';

const match = z
  .strictObject({
    path: parsed('text', parsePathPattern, { examples: ['/package.Service/*', '/package.Service/Method'] })
      .optional()
      .meta(
        key('The path of the request, case-sensitive and without its query.', {
          unset: 'any path',
          values: 'exact path, or a prefix that ends in `*`',
          like: { nginx: 'location' },
        }),
      ),
    host: parsed('text', parseHostPattern, { examples: ['grpc.example.com', '*.example.com'] })
      .optional()
      .meta(
        key('The host in `:authority`, without its port.', {
          unset: 'any host',
          values: 'exact name, or `*.example.com` for every name below',
          like: { nginx: 'server_name' },
        }),
      ),
    headers: z
      .record(
        parsed('text', parseHeaderName),
        parsed('text (put it in quotes)', parseHeaderValue, shownTo('nobody')),
        expecting('a map of header names to values'),
      )
      .prefault({})
      .meta(
        key(
          'Headers that the request must have with exactly these values. Several fields of a name are one value, joined by a comma and a space.',
          {
            unset: 'none',
            values: 'map of header names to texts',
            like: { Envoy: '`headers` with `exact_match`' },
          },
        ),
      ),
    listener: name.optional().meta(
      key('The listener by which the request came.', {
        unset: 'any listener',
        values: 'name of a listener',
        like: { nginx: 'listen' },
      }),
    ),
  })
  .refine((criteria) => Object.keys(criteria.headers).length > 0 || Object.keys(criteria).length > 1, {
    message: 'needs at least one of path, host, headers, listener',
    params: { hint: 'path: /* matches everything' },
  });

const grpcWebOrigins = z.strictObject({
  origins: z
    .array(
      parsed('an origin such as https://app.example.com', parseOrigin, {
        examples: ['https://app.example.com'],
      }),
    )
    .min(1)
    .meta(
      key(
        'The origins of the web pages that may call, with credentials (cookies). Pages of other origins are ' +
          "refused, except those of the server's own origin. Over plain http:// the server's own origin is an IP " +
          'address, `localhost`, or a name in `match.host` of a route, because any other name may belong to somebody ' +
          'else and lead here (DNS rebinding).',
        {
          values: 'list of origins such as `https://app.example.com`, one or more',
          like: { Envoy: 'allow_origin_string_match' },
        },
      ),
    ),
});

const split = z.strictObject({
  upstream: name.meta(
    key('The upstream that gets this share of the calls.', { values: 'name of an upstream' }),
  ),
  weight: count(0, 1000).meta(
    key(
      'The share of the calls, relative to the weights of the others. With 0 the upstream gets no call, and ' +
        '`check` warns of that.',
      { condition: 'not all 0', like: { Envoy: '`weight` of `weighted_clusters`' } },
    ),
  ),
});

/** Where the calls of a route can go. */
const DESTINATIONS = ['upstream', 'split', 'respond', 'redirect'] as const;

/** Also reported beside other problems of the route. */
const always = { when: () => true };

export const route = z
  .strictObject({
    name: name.optional().meta(
      key('The name of the route in logs and metrics, and that under which its `limits` are counted.', {
        unset:
          'the text of its match, without the values of its headers; where several routes have the same text, a number ' +
          'follows that depends on their order',
        condition: 'unique',
      }),
    ),
    match: match.meta(
      key(
        'Which requests take the route. Every criterion that is given must hold. Of several routes that match, the ' +
          'most specific one wins, whatever their order in the file.',
        {
          values: 'map with at least one criterion',
          more: '[Which route wins](configuration.md#which-route-wins)',
        },
      ),
    ),
    stripPrefix: parsed('text', parseStripPrefix, { examples: ['/grpc'] })
      .optional()
      .meta(
        key(
          'What is removed from the front of the path, as whole segments, before the request goes upstream.',
          {
            unset: 'nothing is removed',
            values: 'text that begins with `/` and does not end in it',
            like: { nginx: 'rewrite', Envoy: 'prefix_rewrite' },
          },
        ),
      ),
    upstream: name.optional().meta(
      key('The upstream that the calls go to.', {
        required: 'unless there is `split`, `respond` or `redirect`',
        values: 'name of an upstream',
        like: { nginx: 'grpc_pass' },
      }),
    ),
    split: z
      .array(split)
      .min(1)
      .max(100)
      .optional()
      .meta(
        key(
          'Several upstreams in place of one. Framegate draws one of them for each call, by weight, and all ' +
            'attempts of the call go there. Log and metrics name the upstream that was drawn.',
          {
            required: 'unless there is `upstream`, `respond` or `redirect`',
            like: { nginx: 'split_clients', Envoy: 'weighted_clusters' },
          },
        ),
      ),
    respond: respond.optional().meta(
      key(
        'Framegate answers the calls itself. gRPC calls get the matching status, with the text as its message.',
        {
          unset: 'the calls go to an upstream',
          condition: 'not beside `upstream`',
          like: { nginx: 'return', Envoy: 'direct_response' },
          more: '[Routes without an upstream](configuration.md#routes-without-an-upstream)',
        },
      ),
    ),
    redirect: redirect.optional().meta(
      key(
        'Sends clients to another address. gRPC clients follow no redirects: they get UNAVAILABLE and are told the address.',
        {
          unset: 'the calls go to an upstream',
          condition: 'not beside `upstream`',
          like: { nginx: 'return', Envoy: 'redirect' },
          more: '[Routes without an upstream](configuration.md#routes-without-an-upstream)',
        },
      ),
    ),
    headers: headers.optional().meta(
      key('Header fields that are set, added or removed on their way.', {
        unset: 'nothing is changed',
        more: '[Header fields](configuration.md#header-fields)',
      }),
    ),
    authority: authority.optional().meta(
      key('The `:authority` (over HTTP/1.1: `Host`) that services are sent.', {
        unset: '`keep`: the one of the client',
        values:
          '`keep`, `endpoint` (the one of the endpoint that gets the call), or a name with or without a port',
        like: { nginx: '`grpc_set_header Host`', Envoy: '`host_rewrite_literal`, `auto_host_rewrite`' },
      }),
    ),
    grpcWeb: z
      .union([z.boolean(), grpcWebOrigins], expecting('true, false, or a map with origins'))
      .default(false)
      .meta(
        key(
          'Also serves browsers that call by gRPC-Web, over HTTP/1.1 and HTTP/2, and answers their CORS ' +
            'preflights. `true`: pages of every origin may call, without credentials. A map lists the origins.',
          {
            unset: '`false`',
            values: '`true`, `false`, or a map',
            like: { Envoy: '`grpc_web` and `cors` filters' },
            more: '[Clients and ports](clients-and-ports.md)',
          },
        ),
      ),
    timeouts: timeouts.optional().meta(
      key('How long a call may take, and how long it may be silent.', {
        unset: 'as long as its client likes',
        more: '[Deadlines](configuration.md#deadlines)',
      }),
    ),
    retry: retry.optional().meta(
      key(
        'Sends a gRPC call again even if an endpoint may have processed it. Use it only for methods that may be ' +
          'called twice without harm. `{}` takes all defaults.',
        {
          unset: 'a call is sent again only if no endpoint has processed it',
          condition: 'not for an upstream with `protocol: http1`',
          like: { gRPC: 'retryPolicy', Envoy: 'retry_policy' },
          more: '[Retries](configuration.md#retries)',
        },
      ),
    ),
    hedge: hedge.optional().meta(
      key(
        'Sends a unary gRPC call to several endpoints and passes on the first response. Use it only for methods ' +
          'that may be called several times without harm. `{}` takes all defaults.',
        {
          unset: 'one endpoint at a time',
          condition: 'not beside `retry`, and not for an upstream with `protocol: http1`',
          like: { gRPC: 'hedgingPolicy' },
          more: '[Hedging](configuration.md#hedging)',
        },
      ),
    ),
    access: access.optional().meta(
      key('Who may call. With this block, nobody else may. Calls are checked before any service is asked.', {
        unset: 'everybody',
        like: { nginx: '`allow`, `deny`, `auth_jwt`', Envoy: '`jwt_authn` and `rbac` filters' },
        more: '[Who may call](access.md)',
      }),
    ),
    limits: z
      .array(routeLimit, expecting('a list of limits'))
      .min(1)
      .max(32)
      .optional()
      .meta(
        key('How much clients may call. A call must be within every limit of the list.', {
          unset: 'as much as they like',
          values: 'list of limits',
          like: { nginx: 'limit_req', Envoy: '`local_ratelimit` and `ratelimit` filters' },
          more: '[Limits of calls](rate-limits.md)',
        }),
      ),
    authorize: authorize.optional().meta(
      key('Asks another service whether each call may pass, after `access`, before any endpoint gets it.', {
        unset: 'nobody is asked',
        condition: 'not beside `respond` and `redirect`',
        like: { nginx: 'auth_request', Envoy: '`ext_authz` filter' },
        more: '[External authorization](authorize.md)',
      }),
    ),
    fault: fault.optional().meta(
      key('Delays, aborts or resets calls on purpose, to test clients and services. `check` warns of it.', {
        unset: 'no faults',
        condition: 'not beside `respond` and `redirect`',
        like: { Envoy: '`fault` filter' },
        more: '[Faults](faults.md)',
      }),
    ),
    trace: z
      .enum(['on', 'off'])
      .default('on')
      .meta(
        key(
          'Whether the calls of this route are traced if `trace` is set at the top. `off`: no spans, and the fields of traces pass unchanged.',
        ),
      ),
  })
  .refine((given) => DESTINATIONS.some((one) => given[one] !== undefined), {
    message: 'is missing',
    path: ['upstream'],
    ...always,
  })
  .superRefine((given, context) => {
    const [first, second] = DESTINATIONS.filter((one) => given[one] !== undefined);
    if (second !== undefined)
      context.issues.push({
        code: 'custom',
        message: `stands beside ${first}, and calls can go by one of them only`,
        path: [second],
        input: given,
        params: { hint: 'remove one of the two' },
      });
  })
  .refine((given) => given.access === undefined || (given.respond ?? given.redirect) === undefined, {
    message: 'would not apply: Framegate answers the calls of this route, without asking who calls',
    path: ['access'],
    params: { hint: 'remove access, or respond and redirect' },
    ...always,
  })
  .refine((given) => given.authorize === undefined || (given.respond ?? given.redirect) === undefined, {
    message: 'would not apply: Framegate answers the calls of this route, without asking anybody',
    path: ['authorize'],
    params: { hint: 'remove authorize, or respond and redirect' },
    ...always,
  })
  .refine((given) => given.limits === undefined || (given.respond ?? given.redirect) === undefined, {
    message: 'would not apply: Framegate answers the calls of this route, without counting them',
    path: ['limits'],
    params: { hint: 'remove limits, or respond and redirect' },
    ...always,
  })
  .refine((given) => given.fault === undefined || (given.respond ?? given.redirect) === undefined, {
    message: 'would not apply: Framegate answers the calls of this route itself',
    path: ['fault'],
    params: { hint: 'remove fault, or respond and redirect' },
    ...always,
  })
  .refine((given) => given.retry === undefined || given.hedge === undefined, {
    message: 'stands beside retry, and a call can be sent again either after an attempt or beside it',
    path: ['hedge'],
    params: { hint: 'remove one of the two' },
    ...always,
  });
