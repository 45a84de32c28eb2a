// Hints for values of policies, identities and stores that people write from habit. other-program-values.ts asks for them where the
// schema has rejected a value.

import type { ConfigPath } from './config-path.ts';
import { REMOVE_DELAY, REMOVE_FAULT } from './fault-checks.ts';
import { RETRYABLE_STATUSES } from './route-time-schema.ts';
import { parseDuration, respellDuration } from './units.ts';

const FOR_SECRETS = 'the secret itself does not stand in this file';

/** Maps each key to other programs' values and what they are called here, as in other-program-values.ts. */
export const policySynonyms: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  count: {
    request: 'calls',
    requests: 'calls',
    call: 'calls',
    rpc: 'calls',
    rpcs: 'calls',
    message: 'messages',
    byte: 'bytes',
    traffic: 'bytes',
    bandwidth: 'bytes',
  },
  exceed: {
    pace: 'slow',
    delay: 'slow',
    throttle: 'slow',
    wait: 'slow',
    queue: 'slow',
    reject: 'refuse',
    deny: 'refuse',
    close: 'end',
    terminate: 'end',
    abort: 'end',
    reset: 'end',
    cancel: 'end',
  },
  onExpiry: {
    close: 'end',
    terminate: 'end',
    disconnect: 'end',
    reset: 'end',
    continue: 'ignore',
    keep: 'ignore',
    allow: 'ignore',
    check: 'recheck',
    verify: 'recheck',
  },
  failure: { open: 'allow', closed: 'deny', close: 'deny', allow: 'open', pass: 'open', deny: 'closed' },
  mode: {
    on: 'require',
    required: 'require',
    mandatory: 'require',
    verify: 'require',
    requireandverify: 'require',
    true: 'require',
    optional: 'request',
    optionalnoca: 'request',
    want: 'request',
  },
};

/** @returns undefined if there is nothing to suggest about a text or a number */
export function policyValueHint(path: ConfigPath, text: string): string | undefined {
  const key = path.at(-1);
  if (key === 'burst' && /^\d+\/[smh]$/.test(text))
    return `write ${text.slice(0, -2)}: a burst has no period`;
  const ofNothing = text === '0' ? NOTHING[`${ownerOf(path)}.${key}`] : undefined;
  if (ofNothing !== undefined) return ofNothing;
  const time = shortTime(path, text);
  if (time !== undefined) return time;
  if (key === 'exceed' && text === 'drop')
    return 'write slow, or end: no message is taken out of a stream that goes on';
  if (path.at(-2) === 'algorithms') {
    if (/^hs/i.test(text))
      return `${text} has a shared secret; let the issuer sign with a private key, as RS256 and ES256 do`;
    if (/^none$/i.test(text)) return 'tokens without a signature are accepted nowhere';
  }
  if (key === 'messageSize' || key === 'bodySize')
    return /^(?:-1|0|off|none|unlimited|infinity|inf)$/i.test(text)
      ? 'remove this limit: without it there is none'
      : undefined;
  return key === 'abort' || key === 'grpcStatus' ? statusOfNumber(text) : undefined;
}

/** @returns undefined if the text is no number of a gRPC status other than OK */
export function statusOfNumber(text: string): string | undefined {
  // The list has all statuses but OK, whose number is 0, in the order of their numbers.
  const name = /^\d{1,2}$/.test(text) ? RETRYABLE_STATUSES[Number(text) - 1] : undefined;
  return name === undefined ? undefined : `write ${name}, the name of status ${text}`;
}

/** What to write where 0 means nothing, and not without end as elsewhere. */
const NOTHING: Readonly<Record<string, string>> = {
  'fault.delay': REMOVE_DELAY,
  'fault.percent': REMOVE_FAULT,
  'hedge.delay': 'write 0s for at once',
};

/** How many seconds these keys take at most. Their values are mostly milliseconds, in other programs as well. */
const MOST_SECONDS: Readonly<Record<string, number>> = {
  'authorize.timeout': 10,
  'limits.timeout': 10,
  'fault.delay': 600,
  'hedge.delay': 60,
};

/** @returns both readings of a number without a unit, the likelier one first. Undefined for other keys and texts */
function shortTime(path: ConfigPath, text: string): string | undefined {
  const most = MOST_SECONDS[`${ownerOf(path)}.${path.at(-1)}`];
  const milliseconds = /^\d{1,4}$/.test(text) ? respellDuration(`${text}ms`) : undefined;
  if (most === undefined || milliseconds === undefined) return undefined;
  const number = Number(text);
  if (number > most) return `write ${milliseconds}`;
  const seconds = respellDuration(text);
  return number < 10
    ? `write ${seconds}; or ${milliseconds}, if these are milliseconds`
    : `write ${milliseconds}; or ${seconds}, if these are seconds`;
}

/** The map that the last key stands in. */
function ownerOf(path: ConfigPath): string {
  return path.slice(0, -1).findLast((step) => typeof step === 'string') ?? '';
}

/** @returns undefined if there is nothing to suggest about a map or a list where another kind of value is expected */
export function policyShapeHint(key: string, given: unknown, message: string): string | undefined {
  if (key === 'limits' && message.includes('must be a list'))
    return 'write limits: [{ count: calls, rate: 100/s, by: [client] }]';
  if (key === 'by' && typeof given === 'string' && /^(?:\$?[a-z_.-]*(?:ip|addr|address))$/i.test(given))
    return 'write [client]';
  if (typeof given !== 'object' || given === null) return undefined;
  if (key === 'by' && message.includes('text')) return 'put it in quotes, such as "header:x-tenant"';
  if (key === 'abort') return 'write abort: UNAVAILABLE, or abort: 503';
  return undefined;
}

/** @returns what to write in place of a word where a policy, or a part of one, has keys. No secret is repeated. */
export function policyMapHint(path: ConfigPath, key: string, text: string): string | undefined {
  if (path[0] === 'stores' && path.length === 2) return 'write { redis: "redis://HOST:6379" }';
  switch (key) {
    case 'limits':
      return path[0] === 'routes' ? 'write { count: calls, rate: 100/s, by: [client] }' : undefined;
    case 'fault':
      return parseDuration(text) === undefined
        ? 'write fault: { delay: 200ms }, or fault: { abort: UNAVAILABLE }'
        : `write fault: { delay: ${text} }`;
    case 'resetAfter':
      return /^[0-9]+$/.test(text)
        ? `write resetAfter: { messages: ${text} }`
        : 'write resetAfter: { messages: 3 }: messages are counted, and delay is the key for a time';
    case 'access':
      return 'write access: { require: [NAME] }, with the name of one of identities';
    case 'clientAuth':
      return 'write clientAuth: { ca: FILE }';
    case 'forward':
    case 'clientCertificate':
      return `write ${key}: {}`;
    case 'jwt':
      return 'write jwt: { issuer: NAME, audience: NAME, jwks: URL }';
    case 'apiKey':
    case 'basic':
      return `write ${key}: { file: FILE }`;
    case 'context':
      return 'write context: { key: value }';
    case 'timeouts':
      return parseDuration(text) === undefined ? undefined : `write timeouts: { deadline: ${text} }`;
    case 'password':
    case 'token':
      return `write ${key}: { file: FILE }, or ${key}: { environment: NAME }: ${FOR_SECRETS}`;
    default:
      return undefined;
  }
}
