// Where Framegate and Envoy treat a request differently, and why. Each has to be shown by a request of each protocol that it names.

import type { AskedRequest } from './asked-request.ts';

type Texts = Readonly<Partial<Record<AskedRequest['protocol'], string>>>;

export interface KnownDifference {
  /** The names of requests that show it. */
  readonly of: RegExp;
  readonly aspect: string;
  readonly framegate: Texts;
  readonly envoy: Texts;
  readonly why: string;
}

const SERVED: Texts = { grpc: 'served', http: 'served' };
const UNAUTHENTICATED: Texts = { grpc: 'refused: 16', http: 'refused: 401' };
const PERMISSION_DENIED: Texts = { grpc: 'refused: 7', http: 'refused: 403' };
const NOTHING = 'nothing';

function both(text: string): Texts {
  return { grpc: text, http: text };
}

/** What only Envoy accepts. */
function onlyEnvoyServes(of: RegExp, why: string): KnownDifference {
  return { of, aspect: 'answer', framegate: UNAUTHENTICATED, envoy: SERVED, why };
}

const TOKENS: readonly KnownDifference[] = [
  onlyEnvoyServes(
    /^a token that (expired 30 seconds ago|is valid in 30 seconds)$/,
    'Clocks may differ by 10 s (clockSkew), in Envoy by 60 s (clock_skew_seconds).',
  ),
  onlyEnvoyServes(/^a token that never expires$/, 'A token without exp would be good for ever.'),
  onlyEnvoyServes(
    /^a token for an audience with a slash$/,
    'Audiences are compared letter by letter. Envoy ignores a slash at their end.',
  ),
  onlyEnvoyServes(
    /^a token with the algorithm HS256$/,
    'The token lies about its algorithm: its signature is by ES256. Envoy goes by the key, if the key names no algorithm.',
  ),
  onlyEnvoyServes(
    /^a token with an extension that is critical$/,
    'A token whose critical extensions are not understood has to be refused (RFC 7515 section 4.1.11). Envoy ignores them.',
  ),
  onlyEnvoyServes(
    /^a token with padding$/,
    'A token has one spelling: base64url without padding (RFC 7515 section 2). Envoy accepts padding.',
  ),
  onlyEnvoyServes(
    /^a token in the query$/,
    'Addresses are logged and kept in histories, so a token does not belong there. Envoy takes access_token by default.',
  ),
  onlyEnvoyServes(
    /^two tokens in the field of its own$/,
    'A field that occurs twice is refused: services may read either. Envoy reads one.',
  ),
  {
    of: /^(all policies: )?a token for (another audience|no audience|two other audiences)(, .*)?$/,
    aspect: 'answer',
    framegate: UNAUTHENTICATED,
    envoy: PERMISSION_DENIED,
    why: 'RFC 6750 answers an invalid token with 401, so that the client gets another one. Envoy answers 403 for an audience.',
  },
  {
    of: /^a token of a subject that is a number$/,
    aspect: 'answer',
    framegate: SERVED,
    envoy: UNAUTHENTICATED,
    why: 'Some issuers write numbers. They are passed on as text. Envoy refuses the token.',
  },
  {
    of: /^a token after "bearer"$/,
    aspect: 'answer',
    framegate: SERVED,
    envoy: UNAUTHENTICATED,
    why: 'Schemes are compared without regard to case (RFC 9110 section 11.1). Envoy wants "Bearer".',
  },
  {
    of: /^a token of a subject with an accent$/,
    aspect: 'service saw x-user',
    framegate: both('Zo%C3%AB'),
    envoy: both('Zo\u00c3\u00ab'),
    why: 'Metadata of gRPC is printable ASCII. Envoy sends the bytes as they are, which gRPC libraries refuse or drop.',
  },
  {
    of: /^a token of two teams$/,
    aspect: 'service saw x-team',
    framegate: both('blue,red'),
    envoy: both('WyJibHVlIiwicmVkIl0='),
    why: 'Lists are sent with commas. Envoy sends JSON in base64.',
  },
];

const EDITS: readonly KnownDifference[] = [
  {
    of: /^a field that is set, with an underscore/,
    aspect: 'service saw x_tenant',
    framegate: both(NOTHING),
    envoy: both('green'),
    why: 'Some services read x_tenant as x-tenant, so a client could send what the route sets. Envoy lets it pass by default.',
  },
  {
    of: /^a field that is removed, with an underscore/,
    aspect: 'service saw x_debug',
    framegate: both(NOTHING),
    envoy: both('yes'),
    why: 'As above.',
  },
  {
    of: /^a field that is copied, with bytes that are not ASCII/,
    aspect: 'service saw x-copy',
    framegate: both('Zo??'),
    envoy: both('Zo\u00c3\u00ab'),
    why: 'Variables hold printable ASCII, as metadata of gRPC does.',
  },
  {
    of: /^a field that is copied, twice/,
    aspect: 'service saw x-copy',
    framegate: both('Alice, Bob'),
    envoy: both('Alice'),
    why: 'A field that occurs twice is the list of both (RFC 9110 section 5.3). Envoy takes the first.',
  },
  {
    of: /^the fields that are set from variables/,
    aspect: 'service saw x-copy',
    framegate: both(NOTHING),
    envoy: both('mine'),
    why: 'A field that is set never has what the client sent, also where the variable is empty. Envoy then leaves the value of the client.',
  },
  {
    of: /^all policies: .*, (allow|deny)$/,
    aspect: 'client got x-seen',
    framegate: { grpc: 'yes' },
    envoy: { grpc: NOTHING },
    why: 'A refusal of gRPC is one section (Trailers-Only), which is head and trailers in one. Envoy edits it as a head alone.',
  },
];

const REFUSALS: readonly KnownDifference[] = [
  {
    of: /^(a call beyond the limit|all policies: a good token|the rate limit service says: (beyond|body|fields beyond)$)/,
    aspect: 'answer',
    framegate: { grpc: 'refused: 8' },
    envoy: { grpc: 'refused: 14' },
    why: 'RESOURCE_EXHAUSTED says what it is. Clients send calls again at once that got UNAVAILABLE. Envoy can be told so (rate_limited_as_resource_exhausted).',
  },
  {
    of: /^the rate limit service says: fields/,
    aspect: 'client got x-service',
    framegate: both('counted'),
    envoy: both('echo | counted'),
    why: 'A field of the rate limit service replaces that of the service, so that clients see one value. Envoy adds it.',
  },
  {
    of: /^the rate limit service says: fields, and the client sends its own$/,
    aspect: 'service saw x-copy',
    framegate: both('counted'),
    envoy: both('mine | counted'),
    why: 'A field of the rate limit service replaces that of the client, which could forge it otherwise. Envoy adds it.',
  },
  {
    of: /^the authorizer is stopped$/,
    aspect: 'answer',
    framegate: { grpc: 'refused: 14', http: 'refused: 503' },
    envoy: PERMISSION_DENIED,
    why: 'That nobody can judge a call is not a judgement: the client may call again. Envoy can be told so (status_on_error).',
  },
];

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [...TOKENS, ...EDITS, ...REFUSALS];
