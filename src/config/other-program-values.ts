// Hints for values that people write from habit as in nginx, Envoy, systemd or Go: `1G`, `infinity`, `30`, `1.3`, `least-conn`,
// `yes`. A hint says how to write the same value here, and is given only for a value that the schema rejected.

import type { ConfigPath } from './config-path.ts';
import {
  policyMapHint,
  policyShapeHint,
  policySynonyms,
  policyValueHint,
  statusOfNumber,
} from './other-program-policy-values.ts';
import { respellDuration, respellSize } from './units.ts';

/** What the schema expected, as far as a hint depends on it. */
export interface Expectation {
  /** The schema's message about the value. */
  readonly message: string;
  /** The words that the key accepts, alone or as alternatives to other values: off, auto, TLSv1.3. */
  readonly words: readonly string[];
}

const endless = /^(-1|0|\.?inf(inity|inite)?|never|none|unlimited|forever|no|false|disabled?|null)$/i;
const yes = /^(yes|on|true|1|enabled?)$/i;
const no = /^(no|off|false|0|disabled?|none)$/i;

/** Maps each key to other programs' values and what they are called here. Values are in lower case, letters and digits only. */
const synonyms: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  minVersion: {
    '1.2': 'TLSv1.2',
    '12': 'TLSv1.2',
    tls12: 'TLSv1.2',
    '1.3': 'TLSv1.3',
    '13': 'TLSv1.3',
    tls13: 'TLSv1.3',
    '771': 'TLSv1.2',
    '772': 'TLSv1.3',
  },
  balance: {
    roundrobin: 'round-robin',
    rr: 'round-robin',
    wrr: 'round-robin',
    weighted: 'round-robin',
    weightedroundrobin: 'round-robin',
    leastconn: 'least-requests',
    leastrequest: 'least-requests',
    leastconnections: 'least-requests',
    leastconnection: 'least-requests',
    leasttime: 'least-requests',
    peakewma: 'least-requests',
    ewma: 'least-requests',
    p2c: 'least-requests',
    ringhash: 'ring-hash',
    maglev: 'ring-hash',
    hash: 'ring-hash',
    iphash: 'ring-hash',
    consistenthash: 'ring-hash',
    source: 'ring-hash',
    sourceip: 'ring-hash',
    clientip: 'ring-hash',
    rand: 'random',
  },
  protocol: {
    grpc: 'h2c',
    http2: 'h2c',
    grpcs: 'h2',
    https2: 'h2',
    http11: 'http1',
    http: 'http1',
    https: 'http1',
    h1: 'http1',
    http10: 'http1',
    ws: 'http1',
    websocket: 'http1',
  },
  level: {
    warning: 'warn',
    notice: 'info',
    err: 'error',
    crit: 'fatal',
    critical: 'fatal',
    alert: 'fatal',
    emerg: 'fatal',
    verbose: 'debug',
    none: 'silent',
    off: 'silent',
    false: 'silent',
  },
  mismatch: {
    reject: 'close',
    drop: 'close',
    deny: 'close',
    reset: 'close',
    allow: 'accept',
    serve: 'accept',
  },
  ...policySynonyms,
  unknownServerName: { reject: 'refuse', deny: 'refuse', default: 'serve-default', accept: 'serve-default' },
};

/** @returns a hint for the value at `path`, or undefined if there is nothing to suggest */
export function otherProgramValue(
  path: ConfigPath,
  given: unknown,
  expectation: Expectation,
): string | undefined {
  const text =
    typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean'
      ? String(given)
      : undefined;
  const { message, words } = expectation;
  if (text === undefined) return shapeHint(path, given, message);
  return (
    policyValueHint(path, text) ??
    wordHint(path, text, words) ??
    quantityHint(text, message) ??
    shapeHint(path, given, message)
  );
}

function wordHint(path: ConfigPath, text: string, words: readonly string[]): string | undefined {
  const key = String(path.at(-1));
  if (text === '0' && path[0] === 'drain') return 'write 0s for at once, off for ever';
  const sameWord = words.find((word) => word.toLowerCase() === text.toLowerCase());
  if (sameWord !== undefined) return `write ${sameWord}`;
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .replace(/^(tls|ssl)v?(?=1)/, '');
  const meant = Object.hasOwn(synonyms, key) ? synonyms[key]?.[plain] : undefined;
  if (meant !== undefined && words.includes(meant)) {
    if (key === 'protocol') return protocolHint(text, meant);
    // Everything else that rings are used for needs to be told what to hash.
    if (BY_CLIENT.test(plain)) return 'write ring-hash, and hash: client beside it';
    return meant === 'ring-hash'
      ? 'write ring-hash, and hash beside it: { header: NAME }, client or path'
      : `write ${meant}`;
  }
  if (key === 'on' || path.at(-2) === 'on') return statusHint(text, words);
  if (key === 'minVersion' && /^(10|11|30?|20?)$/.test(plain))
    return 'older versions than TLS 1.2 are not served';
  if (words.includes('off') && endless.test(text)) return 'write off';
  if (words.includes('auto') && (endless.test(text) || /^(default|automatic|max)$/i.test(text)))
    return 'write auto';
  return undefined;
}

const BY_CLIENT = /^(iphash|source|sourceip|clientip)$/;

function statusHint(text: string, words: readonly string[]): string | undefined {
  const named = words.includes('UNAVAILABLE') ? statusOfNumber(text) : undefined;
  if (named !== undefined) return named;
  if (
    /^(5\d\d|5xx|http_5\d\d|gateway-error|connect-failure|refused-stream|reset|error|timeout|unavailable)$/i.test(
      text,
    )
  ) {
    return 'statuses are those of gRPC: write UNAVAILABLE, which is also a lost connection and an HTTP 502, 503 or 504';
  }
  return undefined;
}

function protocolHint(text: string, meant: string): string {
  if (text.toLowerCase() === 'https') return 'write http1, with tls: {}';
  if (meant === 'h2c') return 'write h2c, or h2 for HTTP/2 over TLS';
  return `write ${meant}`;
}

function quantityHint(text: string, message: string): string | undefined {
  if (message.includes('a percentage')) {
    const share = /^0?\.\d+$/.test(text)
      ? Math.round(Number(text) * 100)
      : Number(/^\d{1,3}$/.exec(text)?.[0]);
    // A share of 1 is everything, and a number such as 0.5 may be meant as a percentage already.
    const orSo = text.includes('.') && message.includes('20%') ? `, or ${text}% if that is meant` : '';
    return share > 0 && share <= 100 ? `write ${share}%${orSo}` : undefined;
  }
  if (message.includes('a duration')) {
    if (yes.test(text))
      return `write a duration, such as ${/such as .*?(\d+[a-z]+)/.exec(message)?.[1] ?? '30s'}`;
    if (/^\d{4,}$/.test(text))
      return `write ${respellDuration(`${text}ms`)}; or ${respellDuration(text)}, if these are seconds`;
    if (endless.test(text)) return 'there is no word for endless here; write the longest that is allowed';
    const meant = respellDuration(text);
    return meant === undefined ? undefined : `write ${meant}`;
  }
  if (message.includes('a size')) {
    if (text.endsWith('%')) return 'write a size; auto is 90 % of what the container may have';
    const meant = respellSize(text);
    return meant === undefined ? undefined : `write ${meant}`;
  }
  if (/true(,| or) false/.test(message)) {
    if (yes.test(text)) return 'write true';
    if (text.includes('/')) return 'write true; records go to standard output';
    return no.test(text) ? 'write false' : undefined;
  }
  if (message.includes('whole number')) {
    if (/^\d{1,3}%$/.test(text))
      return `write ${text.slice(0, -1)}; weights of endpoints are compared with each other`;
    const isMeant = /^[0-9]+([_,][0-9]{3})+$|^[0-9]+(\.[0-9]+)?[kKmM]$|^[0-9]+$/.test(text);
    return isMeant ? `write ${wholeNumber(text)}` : undefined;
  }
  return undefined;
}

function wholeNumber(text: string): number {
  const factor = { k: 1000, m: 1_000_000 }[text.slice(-1).toLowerCase()] ?? 1;
  return Math.round(Number.parseFloat(text.replaceAll(/[_,]/g, '')) * factor);
}

/** The hint for a map, a list or a text where one of the others is expected. */
function shapeHint(path: ConfigPath, given: unknown, message: string): string | undefined {
  const key = path.findLast((step) => typeof step === 'string') ?? '';
  const ofPolicy = policyShapeHint(key, given, message);
  if (ofPolicy !== undefined) return ofPolicy;
  if (key === 'zone' && message.includes('off, prefer'))
    return 'write prefer; the zone of this proxy is zone at the top of the file, that of an endpoint stands in the endpoint';
  if (Array.isArray(given) && key === 'minVersion') return 'write the oldest of them';
  if (Array.isArray(given) && key === 'grpcWeb') return 'write grpcWeb: { origins: [ … ] }';
  if (key === 'stripPrefix') return 'write the prefix, such as /grpc';
  if (message.includes('must be a map')) return mapHint(path, key, given);
  if (message.includes('an address')) return addressHint(key, given);
  if (message.includes('must be a list')) return listHint(key, given);
  if (key === 'mode' && path.length === 3)
    return 'without quotes YAML reads 0660 as the number 660, which is another mode';
  if (message.includes('quotes')) return undefined;
  if (message.includes('text') && (typeof given === 'number' || typeof given === 'boolean')) {
    return `put it in quotes: "${given}"`;
  }
  if (message.includes('text') && Array.isArray(given)) return oneOf(key);
  return undefined;
}

function oneOf(key: string): string {
  if (key === 'host' || key === 'path') return 'write a route for each';
  return key === 'upstream'
    ? 'write the name of one upstream; it may have several endpoints'
    : 'write one text';
}

function addressHint(key: string, given: unknown): string {
  const host = key === 'address' ? '0.0.0.0' : '127.0.0.1';
  if (typeof given === 'number') return `write ${host}:${given}`;
  return `write address and port as one text: "${host}:${key === 'address' ? '8443' : '50051'}"`;
}

function listHint(key: string, given: unknown): string | undefined {
  if (typeof given === 'string') return `write ["${given.split(/[\s,]+/).join('", "')}"]`;
  if (key === 'endpoints') return 'write ["127.0.0.1:50051"]';
  if (typeof given === 'object' && given !== null) return "begin each entry with '- '";
  return undefined;
}

function mapHint(path: ConfigPath, key: string, given: unknown): string | undefined {
  if (path.length === 0) return 'framegate init writes one to start from';
  if (Array.isArray(given)) return mapInsteadOfList(path, key);
  const text = String(given);
  const ofPolicy = policyMapHint(path, key, text);
  if (ofPolicy !== undefined) return ofPolicy;
  // A URL is no key and value, and may hold a password.
  const joined = /^([A-Za-z]+):(?!\/\/)(\S.*)$/.exec(text);
  if (joined !== null && !/^[0-9]+$/.test(joined[2] ?? '')) {
    return `write a space behind the first colon: ${joined[1]}: ${joined[2]}`;
  }
  switch (key) {
    case 'match':
      return `write match: { path: ${text} }`;
    case 'tls':
      return path[0] === 'listeners'
        ? 'write tls: { certificates: [{ cert: FILE, key: FILE }] }, or leave tls out'
        : 'write tls: {}, or tls: { ca: FILE }, or leave it out';
    case 'allow':
    case 'deny':
      return /^(?:unix:|[0-9a-fA-F.:]+\/\d+$|\d+\.\d+\.)/.test(text)
        ? `write { client: "${text}" }`
        : `write { subject: "${text}" } for who it is, or { identity: NAME } for one of identities`;
    case 'claim': {
      const [, name, value] = /^([^=\s]+)=(\S+)$/.exec(text) ?? [];
      return name === undefined ? 'write claim: { scope: voice }' : `write claim: { ${name}: ${value} }`;
    }
    case 'authorize':
      return `write authorize: { upstream: ${text} }`;
    case 'drain':
      return `write drain: { timeout: ${text} }`;
    case 'admin':
      if (yes.test(text)) return 'remove it: the admin server is on unless it is off';
      return `write admin: { address: "${/^[0-9]+$/.test(text) ? `127.0.0.1:${text}` : text}" }`;
    case 'log':
      return `write log: { level: ${no.test(text) ? 'silent' : text} }`;
    case 'connections':
      return `write connections: { max: ${text} }`;
    case 'keepalive':
      if (/^[0-9]+$/.test(text))
        return `write connections: { max: ${text} } for the number of connections; keepalive is how a silent endpoint is noticed`;
      if (yes.test(text)) return 'remove it: it is on unless it is off';
      return no.test(text) ? 'write off' : `write keepalive: { after: ${text} }`;
    case 'health':
      if (yes.test(text)) return 'write health: { type: grpc }';
      if (no.test(text)) return 'remove it: endpoints are checked where health stands';
      return /^(grpc|http|tcp)$/i.test(text)
        ? `write health: { type: ${text.toLowerCase()} }`
        : 'write health: { type: grpc }';
    case 'outliers':
      return no.test(text)
        ? 'remove it: endpoints are ejected where outliers stands'
        : 'write outliers: {}, or outliers: { consecutive: 5, ejection: 30s }';
    case 'retry':
      if (no.test(text)) return 'remove it: calls are retried where retry stands';
      return /^[2-5]$/.test(text)
        ? `write retry: { attempts: ${text} }`
        : 'write retry: {}, or retry: { attempts: 3, on: [UNAVAILABLE] }';
    case 'dns':
      return dnsHint(text);
    case 'limits':
      if (path[0] === 'upstreams') return 'write limits: { streams: 1000, pending: 1024, retries: 20% }';
      return `write limits: { connections: ${text} }`;
    case 'reload':
      return `write reload: { watch: ${text} }`;
    case 'proxyProtocol':
      return 'write proxyProtocol: { trusted: ["10.0.0.0/8"] }, the networks of the load balancers';
    case 'certificates':
      return 'write { cert: FILE, key: FILE }';
    case 'headers':
      return path.at(-2) === 'match' || path.at(-2) === 'respond'
        ? 'write headers: { x-tenant: blue }'
        : 'write headers: { request: { set: { x-tenant: blue } } }';
    case 'redirect':
      return /^https?(:\/\/\S+)?$/.test(text)
        ? `write redirect: { to: "${text}" }`
        : 'write redirect: { to: https }';
    case 'respond':
      return /^[2-5][0-9][0-9]$/.test(text)
        ? `write respond: { status: ${text} }`
        : 'write respond: { status: 503 }';
    case 'listeners':
      return `write - address: ${text}`;
    default:
      if (path[0] === 'upstreams' && path.length === 2) return `write { endpoints: ["${text}"] }`;
      return undefined;
  }
}

function dnsHint(text: string): string {
  const [, name, port] = /^([^:/]+):(\d{1,5})$/.exec(text) ?? [];
  return `write dns: { name: ${name ?? (/^[\w.-]+$/.test(text) ? text : 'voice.internal')}, port: ${port ?? '50051'} }`;
}

function mapInsteadOfList(path: ConfigPath, key: string): string {
  if (key === 'proxyProtocol') return 'write proxyProtocol: { trusted: [ … ] }';
  if (key === 'headers') return 'write headers: { x-tenant: blue }';
  if (key === 'limits' && path.length === 1)
    return 'a list of limits belongs to a route: write it as limits of each of routes';
  if (path[0] === 'upstreams' && path.length === 1)
    return 'write the name of each as its key: upstreams: { NAME: { … } }';
  return "write it without '- '";
}
