// Checks the collector that `trace.exporter` names: whether it can be reached, whether its certificate is trusted, and whether it takes an
// export without spans, which is sent as spans are, with the same header fields. No server with an untrusted certificate gets these, and no text
// of the collector is printed, since it could repeat them.

import { type ClientRequest, Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { Address } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { errorCode } from '../config/error-code.ts';
import type { TraceConfig, TraceExporter } from '../config/trace-config.ts';
import { readTraceHeaders } from '../config/trace-headers.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import { framed } from '../grpc/message-reader.ts';
import { names } from '../names/name-lookup.ts';
import type { Check } from './check.ts';
import { type Finding, failed, ok, quoted, took, warning } from './finding.ts';
import { callGrpc } from './grpc-call.ts';
import { SecretFields } from './secret-fields.ts';

const LIMIT_MS = 4000;
const ASK_MS = 2500;
const EXPORT_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
/** A field that has a length, of a message of protobuf. Both are less than 128. */
function field(number: number, content: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), Buffer.from(content)]);
}

const SERVICE_NAME = Buffer.concat([field(1, 'service.name'), field(2, field(1, 'framegate-doctor'))]);
/**
 * An ExportTraceServiceRequest without spans: one resource, whose service.name is framegate-doctor. It is not empty, since a collector that
 * cannot read the body of a request would take an empty one (opentelemetry-proto: trace_service.proto, trace.proto, common.proto).
 */
const EXPORT = field(1, field(1, field(1, SERVICE_NAME)));
const MEANWHILE = 'calls go on, and their spans are lost';

/** What came of an export: an HTTP status or the name of a gRPC status, '' for an answer of another kind, or the code of a failure. */
type Outcome = { readonly answer: string; readonly durationMs: number } | { readonly failure: string };

export function collectorChecks({ trace }: Config): readonly Check[] {
  if (trace === undefined) return [];
  return [
    {
      id: 'trace.collector',
      group: 'trace',
      title: `collector ${trace.exporter.url} (OTLP over ${trace.exporter.protocol === 'grpc' ? 'gRPC' : 'HTTP'}): takes spans`,
      limitMs: LIMIT_MS,
      run: () => examineCollector(trace),
    },
  ];
}

async function examineCollector({ exporter, headers }: TraceConfig): Promise<readonly Finding[]> {
  let values: ReadonlyMap<string, string>;
  try {
    values = readTraceHeaders(headers);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [failed(quoted(why), 'framegate serve would not start either')];
  }
  const address = addressOf(exporter);
  const outcome = await (exporter.protocol === 'grpc'
    ? exportByGrpc(exporter, address, values)
    : exportByHttp(exporter, values));
  if ('failure' in outcome) return [describeFailure(outcome.failure, exporter, address.text)];
  return [describeAnswer(outcome, exporter, address.text)];
}

function addressOf({ url }: TraceExporter): Address {
  const { hostname, port, protocol, host } = new URL(url);
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  return {
    kind: 'tcp',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: number,
    text: port === '' ? `${host}:${number}` : host,
  };
}

async function exportByGrpc(
  { url }: TraceExporter,
  address: Address,
  credentials: ReadonlyMap<string, string>,
): Promise<Outcome> {
  const tls = url.startsWith('https:') ? { alpn: ['h2'], mustBeTrusted: true } : undefined;
  const way = { address, tls, authority: new URL(url).host, credentials: new SecretFields(credentials) };
  const answer = await callGrpc(way, { path: EXPORT_PATH, message: framed(EXPORT), limitMs: ASK_MS });
  const { failure, isLate, grpcStatus, httpStatus, durationMs } = answer;
  if (failure !== undefined) return { failure };
  if (isLate) return { failure: 'late' };
  return { answer: grpcStatus === '' && httpStatus !== 0 ? String(httpStatus) : grpcStatus, durationMs };
}

async function exportByHttp({ url }: TraceExporter, headers: ReadonlyMap<string, string>): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const beganAtMs = performance.now();
  let isConnected = false;
  const timer = setTimeout(() => resolve({ failure: isConnected ? 'late' : 'connect_timeout' }), ASK_MS);
  const isTls = url.startsWith('https:');
  const agent = isTls ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const options = {
    method: 'POST',
    agent,
    lookup: names.lookup,
    headers: {
      ...Object.fromEntries(headers),
      'content-type': 'application/x-protobuf',
      'user-agent': 'framegate-doctor',
    },
  } as const;
  let request: ClientRequest;
  try {
    request = isTls ? requestHttps(url, options) : requestHttp(url, options);
  } catch (error) {
    clearTimeout(timer);
    agent.destroy();
    return { failure: errorCode(error) ?? 'unknown' };
  }
  request.on('socket', (socket) => socket.once('connect', () => (isConnected = true)));
  request.on('error', (error) => resolve({ failure: errorCode(error) ?? 'unknown' }));
  request.on('upgrade', (_response, socket) => {
    socket.destroy();
    resolve({ answer: '101', durationMs: performance.now() - beganAtMs });
  });
  request.on('response', (response) => {
    response.on('error', () => undefined);
    resolve({ answer: String(response.statusCode), durationMs: performance.now() - beganAtMs });
  });
  // In chunks and on a connection that stays, as the exporter sends it.
  request.write(EXPORT);
  request.end();
  const outcome = await promise;
  clearTimeout(timer);
  // Also the rest of an answer without end.
  request.destroy();
  agent.destroy();
  return outcome;
}

function describeAnswer(
  { answer, durationMs }: Exclude<Outcome, { readonly failure: string }>,
  exporter: TraceExporter,
  text: string,
): Finding {
  const isGrpc = exporter.protocol === 'grpc';
  const shown = isGrpc && !/^\d/.test(answer) ? answer : `HTTP ${answer}`;
  switch (answer) {
    case '200':
    case 'OK':
      if (isGrpc && answer === '200') break;
      return ok(`it takes an export without spans, ${took(durationMs)}`);
    case '401':
    case '403':
    case 'UNAUTHENTICATED':
    case 'PERMISSION_DENIED':
      return failed(
        `${text} refuses the export (${shown}); ${MEANWHILE}`,
        'write what it wants into `trace.headers`: a key, by `{ file: NAME }`',
      );
    case '404':
    case 'UNIMPLEMENTED':
      return failed(
        `${text} takes no traces there (${shown}); ${MEANWHILE}`,
        isGrpc
          ? 'is it a collector of OTLP, and are traces among what it takes?'
          : `the exporter sends to ${exporter.url}: if its OTLP is below another path, name that path in \`trace.exporter\``,
      );
    case '411':
    case '501':
      return failed(
        `${text} does not read requests that are sent in chunks (${shown}); ${MEANWHILE}`,
        'the exporter sends `transfer-encoding: chunked` and no content-length: let the collector read that, or put a proxy before it that does, such as nginx',
      );
    case '429':
    case '502':
    case '503':
    case '504':
    case 'UNAVAILABLE':
    case 'RESOURCE_EXHAUSTED':
      return warning(
        `${text} takes no spans now (${shown}): the exporter tries again`,
        'see the log of the collector',
      );
    default:
      break;
  }
  return answer === ''
    ? describeStranger(exporter, text)
    : failed(
        `${text} did not take an export without spans (${shown}); ${MEANWHILE}`,
        isGrpc
          ? otherProtocol(exporter)
          : `${otherProtocol(exporter)}. Does it read requests in chunks, as the exporter sends them?`,
      );
}

function describeStranger(exporter: TraceExporter, text: string): Finding {
  return failed(
    `${text} does not speak ${exporter.protocol === 'grpc' ? 'gRPC' : 'HTTP/1.1'}; ${MEANWHILE}`,
    otherProtocol(exporter),
  );
}

function otherProtocol({ protocol }: TraceExporter): string {
  return protocol === 'grpc'
    ? 'is it the port for OTLP over gRPC (4317 mostly)? For the one over HTTP (4318) write http:// or https://'
    : 'is it the port for OTLP over HTTP (4318 mostly)? For the one over gRPC (4317) write grpc:// or grpcs://';
}

function describeFailure(code: string, exporter: TraceExporter, text: string): Finding {
  const isTls = exporter.url.startsWith('https:');
  if (code === 'late')
    return failed(
      `${text} accepted the connection and did not answer in ${ASK_MS} ms; ${MEANWHILE}`,
      otherProtocol(exporter),
    );
  if (isTls && /CERT|ISSUER|SELF_SIGNED|ALTNAME|SIGNATURE/.test(code))
    return failed(
      `the certificate of ${text} is not trusted (${code}); \`trace.headers\` was not sent`,
      'for an authority of your own set NODE_EXTRA_CA_CERTS for the proxy and for the doctor, and name the server as its certificate does',
    );
  if (isTls && /^(?:ERR_SSL|EPROTO|ECONNRESET)/.test(code))
    return failed(
      `no TLS handshake with ${text} (${code})`,
      `does it speak TLS on this port? Without TLS write ${exporter.protocol === 'grpc' ? 'grpc' : 'http'}://`,
    );
  if (code.startsWith('HPE_') || code === 'ECONNRESET') return describeStranger(exporter, text);
  const { sentence } = diagnoseConnectFailure(code, text, { timeoutMs: ASK_MS, isTls });
  return failed(
    `${sentence} Meanwhile ${MEANWHILE}.`,
    'start the collector, or correct `trace.exporter`; remove `trace` if there is none',
  );
}
