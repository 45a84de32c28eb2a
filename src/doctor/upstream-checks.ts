// Checks each endpoint of each upstream without the proxy: its name, TCP, the protocol it speaks, its health, its services.

import { isIP } from 'node:net';
import type { Address } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { counted } from '../config/counted.ts';
import { errorCode } from '../config/error-code.ts';
import type { EndpointState, UpstreamConfig } from '../config/upstream-config.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import { diagnoseUpstreamAnswer } from '../diagnosis/upstream-first-bytes.ts';
import { MessageReader } from '../grpc/message-reader.ts';
import { healthRequest, MOST_MESSAGE_BYTES, readHealthResponse } from '../health/health-message.ts';
import { dnsClient } from '../names/dns-client.ts';
import { names } from '../names/name-lookup.ts';
import { resolveAddresses } from '../names/resolve-addresses.ts';
import { resolveServices } from '../names/resolve-services.ts';
import { isUsable } from '../names/usable-address.ts';
import { authorizerCheck, authorizeTimeoutMs } from './authorizer-checks.ts';
import type { Check } from './check.ts';
import { dial, tlsWishOf } from './dial.ts';
import { byDiagnosis, examineProtocol } from './endpoint-protocol.ts';
import type { EndpointEvidence, Evidence } from './evidence.ts';
import { type Finding, failed, note, ok, quoted, took, unexamined, warning } from './finding.ts';
import { ownTokenIn } from './framegate-answer.ts';
import { type CallAnswer, type CallWay, callGrpc, describeAnswer } from './grpc-call.ts';
import { explainMissingAnswer } from './missing-answer.ts';
import { LIST_SERVICES, REFLECTION_PATHS, readServices } from './reflection.ts';

const CONNECT_MS = 2500;
const LIMIT_MS = 4000;
const CALL_MS = 2000;
const NAME_MS = 3000;
const MOST_ENDPOINTS = 8;

export interface UpstreamPlan {
  readonly checks: readonly Check[];
  /** The upstreams with the endpoints that calls are made to directly: the first of each. */
  readonly endpoints: ReadonlyMap<string, { readonly address: Address; readonly protocolCheck: string }>;
}

export async function planUpstreamChecks(config: Config, evidence: Evidence): Promise<UpstreamPlan> {
  const endpoints = new Map<string, { readonly address: Address; readonly protocolCheck: string }>();
  const discovered = await Promise.all(config.upstreams.map(discover));
  const checks = config.upstreams.flatMap((upstream, index) => {
    const { found, finding } = discovered[index];
    const shown = found.slice(0, MOST_ENDPOINTS);
    if (shown.length > 0) {
      const address = shown[0].address;
      endpoints.set(upstream.name, { address, protocolCheck: `${idOf(upstream, address)}.protocol` });
    }
    const own = finding === undefined ? [] : [discoveryCheck(upstream, finding)];
    const rest = found.length - shown.length;
    if (rest > 0) own.push(restCheck(upstream, rest));
    const timeoutMs = authorizeTimeoutMs(config, upstream.name);
    const ofEndpoints = shown.flatMap(({ address }) => [
      ...endpointChecks(upstream, address, evidence),
      ...(timeoutMs === undefined ? [] : [authorizing(upstream, address, timeoutMs)]),
    ]);
    return [...own, ...ofEndpoints];
  });
  return { checks, endpoints };
}

function idOf({ name }: UpstreamConfig, { text }: Address): string {
  return `upstream.${name}.${text}`;
}

function authorizing(upstream: UpstreamConfig, address: Address, timeoutMs: number): Check {
  const place = { id: idOf(upstream, address), upstream: upstream.name, address, timeoutMs };
  return authorizerCheck(place, () => directWay(upstream, address));
}

function discoveryCheck({ name, discovery }: UpstreamConfig, finding: Finding): Check {
  const from = discovery?.kind === 'dns' ? `DNS for ${discovery.name}` : 'the admin API';
  return {
    id: `upstream.${name}.endpoints`,
    group: 'upstream',
    title: `${name}: endpoints from ${from}`,
    run: () => [finding],
  };
}

function restCheck({ name }: UpstreamConfig, count: number): Check {
  return {
    id: `upstream.${name}.rest`,
    group: 'upstream',
    title: `${name}: only the first ${MOST_ENDPOINTS} endpoints are examined`,
    run: () => [unexamined(counted(count, 'further endpoint'))],
  };
}

/** The endpoints of an upstream now. Never rejects. */
async function discover({ endpoints, discovery }: UpstreamConfig): Promise<{
  readonly found: readonly Pick<EndpointState, 'address'>[];
  readonly finding: Finding | undefined;
}> {
  if (discovery === undefined) return { found: endpoints, finding: undefined };
  if (discovery.kind === 'api') {
    return {
      found: [],
      finding: unexamined('they are set while the proxy runs: GET /api/upstreams says which'),
    };
  }
  const { promise: late, resolve } = Promise.withResolvers<
    readonly Pick<EndpointState, 'address'>[] | string
  >();
  const timer = setTimeout(() => resolve('dns_timeout'), NAME_MS);
  const found = await Promise.race([resolveDiscovery(discovery), late]);
  clearTimeout(timer);
  if (typeof found === 'string') {
    return {
      found: [],
      finding: byDiagnosis(diagnoseConnectFailure(found, discovery.name, { timeoutMs: NAME_MS })),
    };
  }
  if (found.length === 0) {
    return {
      found,
      finding: failed(
        `DNS names no usable endpoint for ${discovery.name}`,
        'is the name spelled right, and does it have records of this type?',
        'upstream_name_unresolved',
      ),
    };
  }
  const list = found.map(({ address }) => address.text).join(', ');
  return { found, finding: ok(quoted(list)) };
}

type DnsDiscovery = Extract<NonNullable<UpstreamConfig['discovery']>, { readonly kind: 'dns' }>;

async function resolveDiscovery({
  name,
  type,
  port = 0,
}: DnsDiscovery): Promise<readonly Pick<EndpointState, 'address'>[] | string> {
  if (type === 'SRV') {
    const answer = await resolveServices(dnsClient, name);
    if (answer.outcome === 'failed') return answer.code;
    if (answer.outcome === 'none') return 'ENOTFOUND';
    return answer.records.map((record) => ({ address: addressOf(record.name, record.port) }));
  }
  const families = type === 'A' ? ([4, 6] as const) : ([6] as const);
  const answers = await resolveAddresses(dnsClient, name, families);
  const all = [...answers];
  const found = all.flatMap(([family, answer]) =>
    answer.outcome === 'found'
      ? answer.records
          .filter(({ address }) => isUsable(address, family))
          .map(({ address }) => ({ address: addressOf(address, port) }))
      : [],
  );
  const failure = all.map(([, answer]) => answer).find(({ outcome }) => outcome === 'failed');
  if (found.length > 0) return found;
  if (failure !== undefined && failure.outcome === 'failed') return failure.code;
  return all.every(([, answer]) => answer.outcome === 'none') ? 'ENOTFOUND' : found;
}

function addressOf(host: string, port: number): Address {
  const bracketed = isIP(host) === 6 ? `[${host}]` : host;
  return { kind: 'tcp', host, port, text: `${bracketed}:${port}` };
}

function endpointChecks(upstream: UpstreamConfig, address: Address, evidence: Evidence): readonly Check[] {
  const id = idOf(upstream, address);
  const seen: EndpointEvidence = {
    upstream: upstream.name,
    endpoint: address.text,
    services: undefined,
  };
  evidence.endpoints.set(id, seen);
  const label = `${upstream.name} ${address.text}`;
  const hasName = address.kind === 'tcp' && isIP(address.host) === 0;
  const checks: Check[] = [];
  if (hasName) {
    checks.push({
      id: `${id}.name`,
      group: 'upstream',
      title: `${label}: the name resolves`,
      limitMs: NAME_MS + 500,
      run: () => examineName(address),
    });
  }
  checks.push(
    {
      id: `${id}.connect`,
      group: 'upstream',
      title: `${label}: accepts connections`,
      needs: hasName ? [`${id}.name`] : [],
      limitMs: LIMIT_MS,
      run: () => examineConnect(address),
    },
    {
      id: `${id}.protocol`,
      group: 'upstream',
      title: `${label}: speaks ${PROTOCOLS[upstream.protocol]}`,
      needs: [`${id}.connect`],
      limitMs: LIMIT_MS,
      run: () => examineProtocol(upstream, address),
    },
  );
  if (upstream.protocol !== 'http1') checks.push(...serviceChecks(upstream, address, seen, id));
  return checks;
}

const PROTOCOLS = { h2c: 'h2c (plaintext HTTP/2)', h2: 'HTTP/2 over TLS', http1: 'HTTP/1.1' } as const;

function serviceChecks(
  upstream: UpstreamConfig,
  address: Address,
  seen: EndpointEvidence,
  id: string,
): readonly Check[] {
  const label = `${upstream.name} ${address.text}`;
  const shared = { group: 'upstream', needs: [`${id}.protocol`], limitMs: LIMIT_MS } as const;
  return [
    { ...shared, id: `${id}.health`, title: `${label}: health`, run: () => examineHealth(upstream, address) },
    {
      ...shared,
      id: `${id}.reflection`,
      title: `${label}: services`,
      feeds: ['through', 'target'],
      run: () => examineReflection(directWay(upstream, address), seen),
    },
  ];
}

/** How calls are made to an endpoint without the proxy, as the proxy makes them. */
export function directWay({ protocol, tls }: UpstreamConfig, address: Address): CallWay {
  const name = tls?.serverName;
  const authority =
    address.kind === 'unix'
      ? (name ?? 'localhost')
      : name === undefined
        ? address.text
        : `${name}:${address.port}`;
  return { address, tls: protocol === 'h2' ? tlsWishOf(tls, ['h2']) : undefined, authority };
}

async function examineName(address: Address): Promise<readonly Finding[]> {
  if (address.kind !== 'tcp') return [];
  const { promise, resolve } = Promise.withResolvers<readonly string[] | string>();
  const timer = setTimeout(() => resolve('dns_timeout'), NAME_MS);
  names.lookup(address.host, { all: true }, (error, found) => {
    if (error !== null) resolve(errorCode(error) ?? 'EAI_AGAIN');
    else resolve(Array.isArray(found) ? found.map((one) => one.address) : [found]);
  });
  const found = await promise;
  clearTimeout(timer);
  if (typeof found === 'string')
    return [byDiagnosis(diagnoseConnectFailure(found, address.text, { timeoutMs: NAME_MS }))];
  const refused = found.length > 1 ? await unreachable(found, address.port) : [];
  // If none can be reached, the check of the connection says so.
  if (refused.length === 0 || refused.length === found.length) return [ok(found.join(', '))];
  return [
    ok(found.join(', ')),
    warning(
      `of its ${found.length} addresses ${refused.join(', ')} cannot be reached`,
      'let the service listen on all of them, or name the one that works; with dns in place of endpoints each is an endpoint of its own',
      'upstream_connection_refused',
    ),
  ];
}

async function unreachable(hosts: readonly string[], port: number): Promise<readonly string[]> {
  const tried = await Promise.all(
    hosts.slice(0, MOST_ENDPOINTS).map(async (host) => {
      const dialled = await dial(addressOf(host, port), undefined, 800);
      if ('failure' in dialled) return [host];
      dialled.socket.destroy();
      return [];
    }),
  );
  return tried.flat();
}

async function examineConnect(address: Address): Promise<readonly Finding[]> {
  const dialled = await dial(address, undefined, CONNECT_MS);
  if ('failure' in dialled)
    return [byDiagnosis(diagnoseConnectFailure(dialled.failure, address.text, { timeoutMs: CONNECT_MS }))];
  dialled.socket.destroy();
  return [ok(`connected ${took(dialled.connectMs)}`)];
}

async function examineHealth(upstream: UpstreamConfig, address: Address): Promise<readonly Finding[]> {
  const service = upstream.health?.type === 'grpc' ? upstream.health.service : '';
  const answer = await callGrpc(directWay(upstream, address), {
    path: '/grpc.health.v1.Health/Check',
    message: healthRequest(service),
    limitMs: CALL_MS,
  });
  const isChecked = upstream.health?.type === 'grpc';
  // A Framegate may serve plaintext HTTP/2 at a port for TLS, only to say so.
  if (ownTokenIn(answer.grpcMessage) === 'plaintext_on_tls_port')
    return [
      byDiagnosis(diagnoseUpstreamAnswer('tls', address.text)),
      note(`it gave ${describeAnswer(answer)}`),
    ];
  return describeHealth(answer, { service, isChecked, endpoint: address.text });
}

interface AskedHealth {
  readonly service: string;
  /** Whether the upstream has health checks of this kind. */
  readonly isChecked: boolean;
  readonly endpoint: string;
}

function describeHealth(
  answer: CallAnswer,
  { service, isChecked, endpoint }: AskedHealth,
): readonly Finding[] {
  const of = service === '' ? 'the server' : `service “${quoted(service)}”`;
  if (answer.grpcStatus === 'OK') {
    let status = '';
    const reader = new MessageReader(MOST_MESSAGE_BYTES);
    reader.read(answer.body, (message) => {
      status = readHealthResponse(message) ?? 'a malformed response';
      return undefined;
    });
    if (status === 'SERVING') return [ok(`grpc.health.v1 says SERVING for ${of}`)];
    const remedy = isChecked
      ? 'the proxy keeps calls away from it until it is SERVING; its own log says what it waits for'
      : "the service's own log says what it waits for; with `health:` on the upstream the proxy would keep calls away";
    return [failed(`grpc.health.v1 says ${status === '' ? 'nothing' : status} for ${of}`, remedy)];
  }
  if (answer.grpcStatus === 'UNIMPLEMENTED') {
    return [
      note(
        'it has no grpc.health.v1',
        'add it, and health checks of the upstream notice more than lost connections',
      ),
    ];
  }
  if (answer.grpcStatus === 'NOT_FOUND') {
    return [
      failed(
        `grpc.health.v1 does not know ${of}`,
        'compare health.service with the names that the service sets',
      ),
    ];
  }
  return [describeUnexpected(answer, 'grpc.health.v1', endpoint)];
}

function describeUnexpected(answer: CallAnswer, asked: string, endpoint: string): Finding {
  const said = `asked for ${asked} it gave: ${describeAnswer(answer)}`;
  if (answer.grpcStatus !== '') return note(said);
  return (
    explainMissingAnswer(answer, said, endpoint) ??
    failed(said, 'is this the port of the gRPC service, or of a web server beside it?', 'upstream_not_grpc')
  );
}

async function examineReflection(way: CallWay, seen: EndpointEvidence): Promise<readonly Finding[]> {
  let answer: CallAnswer | undefined;
  for (const path of REFLECTION_PATHS) {
    answer = await callGrpc(way, { path, message: LIST_SERVICES, limitMs: CALL_MS });
    if (answer.grpcStatus !== 'UNIMPLEMENTED') break;
  }
  if (answer === undefined || answer.grpcStatus === 'UNIMPLEMENTED')
    return [note('it has no reflection, so its services are not known')];
  const services = readServices(answer.body);
  if (services === undefined) return [describeUnexpected(answer, 'reflection', way.address.text)];
  seen.services = services;
  return [ok(`reflection lists ${services.join(', ') || 'no service'}`)];
}
