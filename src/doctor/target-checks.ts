// Checks of a target, which is any host:port, also that of another proxy: which protocols it speaks, whether it relays gRPC, and which of the
// known limits of nginx and Envoy it has.

import { type Config } from '../config/config.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import { healthRequest } from '../health/health-message.ts';
import { compareAnswers } from './call-comparison.ts';
import type { Check } from './check.ts';
import { byDiagnosis } from './endpoint-protocol.ts';
import type { Evidence } from './evidence.ts';
import { type Finding, failed, note, ok, unexamined, warning } from './finding.ts';
import { type CallAnswer, type CallWay, callGrpc, describeAnswer } from './grpc-call.ts';
import { tryLargeRequest } from './large-request.ts';
import {
  connectFailureOf,
  describeHandshake,
  describePlaintext,
  hasPlaintextHttp2,
  hasTls,
  hasTlsHttp2,
  type Look,
  lookAt,
} from './look.ts';
import { probeOf } from './route-probe.ts';
import type { Target } from './target.ts';
import { directWay, type UpstreamPlan } from './upstream-checks.ts';

const CALL_MS = 2500;
const LIMIT_MS = 5500;
export const TARGET_PROTOCOL = 'target.protocol';
export const TARGET_CALL = 'target.call';

export interface TargetParts {
  readonly target: Target;
  readonly ca: Buffer | undefined;
  readonly evidence: Evidence;
  /** With a configuration its routes are tried through the target, too. */
  readonly config: Config | undefined;
  readonly upstreams: UpstreamPlan | undefined;
}

/** How the target is called, once its check has found it out. */
export class TargetWay {
  way: CallWay | undefined = undefined;
  look: Look | undefined = undefined;
}

export function targetChecks(parts: TargetParts, found: TargetWay): readonly Check[] {
  const { target } = parts;
  const { text } = target;
  return [
    {
      id: TARGET_PROTOCOL,
      group: 'target',
      title: `${text}: serves HTTP/2`,
      limitMs: LIMIT_MS,
      run: () => examineProtocol(parts, found),
    },
    {
      id: TARGET_CALL,
      group: 'target',
      title: `${text}: relays gRPC calls`,
      needs: [TARGET_PROTOCOL],
      limitMs: LIMIT_MS,
      run: () => examineCall(parts, found),
    },
    ...routeChecks(parts, found),
    {
      id: 'target.body',
      group: 'target',
      title: `${text}: takes requests of more than 1 MiB`,
      needs: [TARGET_PROTOCOL],
      limitMs: LIMIT_MS,
      run: () => examineLargeRequest(parts, found),
    },
  ];
}

async function examineProtocol(
  { target, ca, evidence }: TargetParts,
  found: TargetWay,
): Promise<readonly Finding[]> {
  const { address, isTls, authority } = target;
  const look = await lookAt(address, { ca });
  found.look = look;
  if ('kind' in look.plaintext) evidence.sawServer(look.plaintext.server, target.text);
  const failure = connectFailureOf(look);
  if (failure !== undefined && !hasTls(look)) {
    return [byDiagnosis(diagnoseConnectFailure(failure, address.text, { timeoutMs: 2000 }))];
  }
  const useTls = isTls ?? !hasPlaintextHttp2(look);
  const seen = [
    note(`plaintext HTTP/2 (an insecure channel) gets ${describePlaintext(look)}`),
    note(`TLS with ALPN h2: ${describeHandshake(look.h2)}`),
  ];
  const wrong = useTls ? judgeTls(look, target) : judgePlaintext(look, target);
  if (wrong !== undefined) return [wrong, ...seen];
  found.way = { address, tls: useTls ? { ca, alpn: ['h2'] } : undefined, authority };
  const shown = useTls ? 'HTTP/2 over TLS, chosen by ALPN' : 'plaintext HTTP/2';
  return [ok(shown), ...seen, ...(useTls ? judgeTrust(look, ca !== undefined) : [])];
}

function judgeTls(look: Look, { text }: Target): Finding | undefined {
  if (hasTlsHttp2(look)) return undefined;
  if (hasTls(look)) {
    return failed(
      `${text} speaks TLS and does not choose “h2” by ALPN: it serves no HTTP/2 there, so no gRPC client can use it`,
      'nginx: listen 443 ssl http2 (from 1.25.1 on: http2 on); Envoy: alpn_protocols: [h2, http/1.1] and codec_type: AUTO',
      'upstream_no_h2_alpn',
    );
  }
  if (hasPlaintextHttp2(look)) {
    return failed(
      `${text} speaks plaintext HTTP/2, and no TLS: clients with a secure channel fail (WRONG_VERSION_NUMBER)`,
      'use an insecure channel (http://, grpc.insecure_channel), or switch TLS on there',
      'tls_on_plaintext_port',
    );
  }
  return judgeNeither(look, text);
}

function judgePlaintext(look: Look, { text }: Target): Finding | undefined {
  if (hasPlaintextHttp2(look)) return undefined;
  if (hasTls(look)) {
    return failed(
      `${text} expects TLS; a plaintext client (grpc.insecure_channel, usePlaintext, http://) gets ${describePlaintext(look)}`,
      hasTlsHttp2(look)
        ? 'use TLS in the client: grpc.secure_channel with ssl_channel_credentials, or https://'
        : 'use TLS in the client, and switch HTTP/2 on at the port: it does not choose “h2” by ALPN either',
      'plaintext_on_tls_port',
    );
  }
  return judgeNeither(look, text);
}

function judgeNeither({ plaintext }: Look, text: string): Finding {
  if (!('failure' in plaintext) && plaintext.kind === 'http1') {
    return failed(
      `${text} answers HTTP/2 by HTTP/1.1 (“${plaintext.firstLine}”), and speaks no TLS: gRPC clients say “Trying to connect an http1.x server”`,
      'nginx: listen PORT http2 (from 1.25.1 on: http2 on); Envoy: codec_type: AUTO or HTTP2',
      'upstream_not_http2_http1',
    );
  }
  const code = 'failure' in plaintext ? plaintext.failure : plaintext.isClosed ? 'ECONNRESET' : 'no_settings';
  return byDiagnosis(diagnoseConnectFailure(code, text, { timeoutMs: 2000 }));
}

function judgeTrust({ h2 }: Look, hasAuthority: boolean): readonly Finding[] {
  const facts = 'kind' in h2 ? h2.tls : undefined;
  if (facts === undefined) return [];
  const { distrust, names, issuer } = facts;
  if (distrust === undefined) return [ok(`the certificate is trusted, and for ${names}`)];
  const token = 'tls_certificate_not_trusted';
  if (distrust === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return [
      failed(
        `the certificate is for another name: ${names}`,
        'call one of these names, or get a certificate with this one',
        token,
      ),
    ];
  if (/EXPIRED|NOT_YET_VALID/.test(distrust))
    return [
      failed(`the certificate is not valid now (${distrust})`, 'renew it, and let the proxy load it', token),
    ];
  const text = `the certificate is issued by ${issuer}, which is not known here (${distrust})`;
  return hasAuthority
    ? [
        failed(
          text,
          'clients with this authority refuse it: is it the right --ca, and is the chain complete?',
          token,
        ),
      ]
    : [warning(text, 'clients must be given the authority; name it by --ca FILE to check it here', token)];
}

function wayOf({ way }: TargetWay): CallWay {
  if (way === undefined) throw new Error('the check of the protocol has found no way');
  return way;
}

async function examineCall({ target, evidence }: TargetParts, found: TargetWay): Promise<readonly Finding[]> {
  const answer = await callGrpc(wayOf(found), {
    path: '/grpc.health.v1.Health/Check',
    message: healthRequest(''),
    limitMs: CALL_MS,
  });
  evidence.sawServer(answer.server, target.text);
  if (answer.grpcStatus !== '') {
    const cause = explainAnswer(answer, target.text);
    return cause === undefined ? [ok(`grpc.health.v1 Check: ${describeAnswer(answer)}`)] : [cause];
  }
  return [
    explainAnswer(answer, target.text) ??
      failed(
        `${target.text} gave to grpc.health.v1 Check: ${describeAnswer(answer)}`,
        'find what answers there in place of the service',
      ),
  ];
}

/** What is known of answers that proxies make themselves. */
export function explainAnswer(answer: CallAnswer, text: string): Finding | undefined {
  const { httpStatus, grpcStatus, grpcMessage, server, contentType } = answer;
  const by = server === '' ? 'the proxy' : server;
  if (httpStatus === 502 || httpStatus === 504) {
    return failed(
      `${by} at ${text} cannot reach the service, or speaks another protocol to it (HTTP ${httpStatus})`,
      'nginx: grpc_pass grpc://… for plaintext, grpcs://… for TLS, never proxy_pass; is the service running at that address?',
      'upstream_connection_refused',
    );
  }
  if (
    grpcStatus === 'UNAVAILABLE' &&
    /upstream connect error|no healthy upstream|upstream_reset|connection (?:failure|termination)|protocol error/i.test(
      grpcMessage,
    )
  ) {
    return failed(
      `${by} at ${text} cannot use the service: ${describeAnswer(answer)}`,
      'Envoy: is the service running at the address of the cluster, and does the cluster have http2_protocol_options (explicit_http_config)? Without, Envoy speaks HTTP/1.1 to it',
      'upstream_connection_reset',
    );
  }
  if (httpStatus === 413) {
    return failed(
      `${by} at ${text} refuses the request for its size (HTTP 413)`,
      'nginx: client_max_body_size 0',
    );
  }
  if (httpStatus !== 0 && grpcStatus === '') {
    const type = contentType === '' ? 'no content type' : contentType;
    return failed(
      `${by} at ${text} answers the call itself: HTTP ${httpStatus}, ${type}; no gRPC service was asked`,
      'nginx: a location with grpc_pass must win for the path: a regular expression (~) goes before a plain prefix, and the longest prefix before shorter ones; write location ^~ /package.Service/; Envoy: the first route that matches wins',
      'upstream_not_grpc',
    );
  }
  return undefined;
}

function routeChecks(
  { target, config, upstreams, evidence }: TargetParts,
  found: TargetWay,
): readonly Check[] {
  if (config === undefined || upstreams === undefined) return [];
  return config.routes.flatMap((route): readonly Check[] => {
    const shared = { id: `target.route.${route.name}`, group: 'target', limitMs: LIMIT_MS } as const;
    const leftOut = (why: string): readonly Check[] => [
      { ...shared, title: `${target.text}: route '${route.name}'`, run: () => [unexamined(why)] },
    ];
    const probe = probeOf(route);
    const upstream = config.upstreams.find(
      ({ name }) => name === (route.upstream ?? route.split?.[0]?.upstream),
    );
    const endpoint = upstreams.endpoints.get(upstream?.name ?? '');
    if (upstream === undefined || endpoint === undefined)
      return leftOut('its upstream has no endpoint that is known here');
    if (upstream.protocol === 'http1')
      return leftOut('it leads to a web service, and calls of gRPC alone are compared here');
    if (probe === undefined)
      return leftOut('it is for a single method, which is not called, as that may have effects');
    const { path, directPath, headers, message, authority } = probe;
    return [
      {
        ...shared,
        title: `${target.text}: ${path}, directly and through it`,
        needs: [TARGET_PROTOCOL, endpoint.protocolCheck],
        run: async () => {
          // A target may be anybody's, and its certificate is not verified here; what a route wants may be a secret.
          if (headers.size > 0) {
            const names = [...headers.keys()].join(', ');
            return [unexamined(`the route wants ${names}, whose value is not sent to a target`)];
          }
          const way = wayOf(found);
          const throughWay = { ...way, authority: authority ?? way.authority };
          // One after the other, since their times are compared.
          const direct = await callGrpc(directWay(upstream, endpoint.address), {
            path: directPath,
            message,
            limitMs: CALL_MS,
          });
          const through = await callGrpc(throughWay, { path, message, limitMs: CALL_MS });
          evidence.sawServer(through.server, target.text);
          return compareAnswers({ way: `through ${target.text}`, direct, through }, (answer) =>
            explainAnswer(answer, target.text),
          );
        },
      },
    ];
  });
}

async function examineLargeRequest(
  { target, config }: TargetParts,
  found: TargetWay,
): Promise<readonly Finding[]> {
  const path =
    config?.routes.map(probeOf).find((probe) => probe !== undefined)?.path ?? '/grpc.health.v1.Health/Check';
  const seen = await tryLargeRequest(wayOf(found), path);
  if (seen === 'taken') return [ok('a request of 1 MiB and one byte is not refused for its size')];
  if (seen !== 'refused')
    return [
      unexamined(`whether a large request is refused cannot be seen: ${target.text} gave ${seen.gave}`),
    ];
  return [
    failed(
      `${target.text} refuses a request of more than 1 MiB in all (HTTP 413); a stream of the client is one request, however long it lasts`,
      'nginx: client_max_body_size 0 (its default is 1m)',
    ),
  ];
}
