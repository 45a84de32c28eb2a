// Checks of a target, which is any host:port, also that of another proxy: which protocols it speaks, whether it relays gRPC, and which of the
// known limits of nginx and Envoy it has.

import { isLocalAddress } from '../config/address.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import { healthRequest } from '../health/health-message.ts';
import type { Check } from './check.ts';
import { type DialFailure, probeHostFor } from './dial.ts';
import { byDiagnosis } from './endpoint-protocol.ts';
import { type Finding, failed, note, ok, unexamined, warning } from './finding.ts';
import { ownTokenIn } from './framegate-answer.ts';
import type { Greeting } from './greeting.ts';
import { diagnoseGreeting } from './greeting-verdict.ts';
import { type CallAnswer, callGrpc, describeAnswer } from './grpc-call.ts';
import { tryLargeRequest } from './large-request.ts';
import {
  choosesHttp2,
  connectFailureOf,
  describeHandshake,
  describePlaintext,
  hasPlaintextHttp2,
  hasTls,
  LOOK_MS,
  type Look,
  lookAt,
  mayBeForTls,
  prefersTls,
  wantsClientCertificate,
} from './look.ts';
import { HEALTH_CHECK } from './route-probe.ts';
import type { Target } from './target.ts';
import { reflectionChecks, targetCallCheck, targetProbes } from './target-call.ts';
import { targetRouteChecks } from './target-routes.ts';
import {
  TARGET_CALL_MS,
  TARGET_LIMIT_MS,
  TARGET_PROTOCOL,
  type TargetParts,
  type TargetWay,
  wayOf,
} from './target-way.ts';

export function targetChecks(parts: TargetParts, found: TargetWay): readonly Check[] {
  const { target } = parts;
  const { text } = target;
  return [
    {
      id: TARGET_PROTOCOL,
      group: 'target',
      title: `${text}: serves HTTP/2`,
      feeds: ['target', 'hold'],
      limitMs: TARGET_LIMIT_MS,
      run: () => examineProtocol(parts, found),
    },
    targetCallCheck(parts, found),
    ...targetRouteChecks(parts, found),
    {
      id: 'target.body',
      group: 'target',
      title: `${text}: takes requests of more than 1 MiB`,
      needs: [TARGET_PROTOCOL],
      after: reflectionChecks(parts.upstreams),
      limitMs: TARGET_LIMIT_MS,
      run: () => examineLargeRequest(parts, found),
    },
  ];
}

async function examineProtocol(
  { target, ca, credentials, evidence }: TargetParts,
  found: TargetWay,
): Promise<readonly Finding[]> {
  const { address, isTls, authority } = target;
  const look = await lookAt(address, { ca, ...credentials.certificate });
  found.look = look;
  if ('kind' in look.plaintext) evidence.sawServer(look.plaintext.server, target.text);
  const failure = connectFailureOf(look);
  if (failure !== undefined && !hasTls(look)) {
    return [byDiagnosis(diagnoseConnectFailure(failure, address.text, { timeoutMs: LOOK_MS }))];
  }
  const why = isTls === undefined ? whyOnlyTls(target, ca, credentials) : undefined;
  const useTls = isTls ?? (why !== undefined || prefersTls(look));
  const explanation = await explanationAt(look, target);
  const insecure =
    explanation === undefined
      ? describePlaintext(look)
      : 'a refusal of each call, which says that the port is for TLS (FG1001)';
  const seen = [
    note(`plaintext HTTP/2 (an insecure channel) gets ${insecure}`),
    note(`TLS with ALPN h2: ${describeHandshake(look.h2)}`),
  ];
  const wrong = useTls
    ? (judgeWithheld(look, target, why) ?? judgeTls(look, target))
    : (judgePlaintext(look, target) ?? judgeExplanation(explanation, target));
  if (wrong !== undefined) return [wrong, ...seen];
  const trust = useTls ? judgeTrust(look, ca !== undefined) : [];
  // Header fields are secrets, which only a peer may have that has shown who it is.
  const isKnown = !useTls || trust.every(({ verdict }) => verdict === 'ok');
  found.way = {
    address,
    tls: useTls ? { ca, alpn: ['h2'], ...credentials.certificate } : undefined,
    authority,
    ...(isKnown && { credentials: credentials.headers }),
  };
  const shown = useTls ? 'HTTP/2 over TLS, chosen by ALPN' : 'plaintext HTTP/2';
  const withheld =
    isKnown || credentials.headers.size === 0
      ? []
      : [
          warning(
            '--header is not sent to it, as its certificate is not trusted',
            'name its authority by --ca FILE',
          ),
        ];
  return [ok(shown), ...seen, ...trust, ...withheld];
}

/**
 * Whoever is between here and a target may answer in plaintext in its place, and would get the header fields.
 * @returns why a target without scheme has to speak TLS. Undefined if it may speak plaintext
 */
function whyOnlyTls(
  { address }: Target,
  ca: TargetParts['ca'],
  { headers }: TargetParts['credentials'],
): string | undefined {
  if (headers.size === 0) return undefined;
  if (ca !== undefined) return 'as --ca asks for TLS';
  return isLocalAddress(address) ? undefined : 'as it is on another machine';
}

function judgeWithheld(look: Look, { address, text }: Target, why: string | undefined): Finding | undefined {
  if (why === undefined || hasTls(look) || !hasPlaintextHttp2(look)) return undefined;
  return failed(
    `${text} speaks plaintext HTTP/2, and no TLS: --header is not sent to it in plaintext, ${why}`,
    `is it the right port? Write http://${address.text}, without --ca, if everybody between here and there may read the header fields`,
    'tls_on_plaintext_port',
  );
}

function judgeTls(look: Look, { text }: Target): Finding | undefined {
  const { h2 } = look;
  if (choosesHttp2(look) && 'kind' in h2) return judgeSilence(h2, text);
  if (wantsClientCertificate(look)) {
    return failed(
      `${text} refuses clients without a certificate that it trusts`,
      'give the doctor one: --cert FILE and --key FILE',
      'client_certificate_missing',
    );
  }
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

/** HTTP/2 was chosen, and something else came, or nothing. */
function judgeSilence(greeting: Greeting, text: string): Finding | undefined {
  if (greeting.kind !== 'need-more' || !greeting.isClosed) return judgeGreeting(greeting, text, true);
  return failed(
    `${text} chooses “h2” by ALPN, and closes the connection before HTTP/2 begins`,
    'does it want a certificate of clients? Give the doctor one: --cert FILE and --key FILE; otherwise its log says why',
    'upstream_connection_reset',
  );
}

function judgePlaintext(look: Look, { text }: Target): Finding | undefined {
  if (hasPlaintextHttp2(look)) return undefined;
  if (hasTls(look)) {
    return failed(
      `${text} expects TLS; a plaintext client (grpc.insecure_channel, usePlaintext, http://) gets ${describePlaintext(look)}`,
      choosesHttp2(look) || wantsClientCertificate(look)
        ? 'use TLS in the client: grpc.secure_channel with ssl_channel_credentials, or https://'
        : 'use TLS in the client, and switch HTTP/2 on at the port: it does not choose “h2” by ALPN either',
      'plaintext_on_tls_port',
    );
  }
  return judgeNeither(look, text);
}

/** @returns what a Framegate answers if it speaks plaintext HTTP/2 at a port for TLS, to say in each answer what to change */
async function explanationAt(look: Look, { address, authority }: Target): Promise<CallAnswer | undefined> {
  if (!hasPlaintextHttp2(look) || !mayBeForTls(look)) return undefined;
  // Without credentials, which are not for plaintext here, and from where a later run knows it by.
  const way = { address, tls: undefined, authority, from: probeHostFor(address) };
  const answer = await callGrpc(way, {
    path: HEALTH_CHECK,
    message: healthRequest(''),
    limitMs: TARGET_CALL_MS,
  });
  return ownTokenIn(answer.grpcMessage) === 'plaintext_on_tls_port' ? answer : undefined;
}

function judgeExplanation(answer: CallAnswer | undefined, { text }: Target): Finding | undefined {
  if (answer === undefined) return undefined;
  return failed(
    `${text} expects TLS; a plaintext client (grpc.insecure_channel, usePlaintext, http://) gets ${describeAnswer(answer)}`,
    'use TLS in the client: grpc.secure_channel with ssl_channel_credentials, or https://',
    'plaintext_on_tls_port',
  );
}

/** No client of HTTP/2 can use it, by plaintext or by TLS. */
function judgeNeither({ plaintext, h2 }: Look, text: string): Finding | undefined {
  const kind = 'failure' in plaintext ? undefined : plaintext.kind;
  if (kind === 'tls') {
    return failed(
      `${text} speaks TLS, and no handshake succeeds: with ALPN h2 ${describeHandshake(h2)}`,
      'does it accept TLS 1.2 or 1.3, and does it ask for a certificate? Give the doctor one: --cert FILE and --key FILE',
      'upstream_tls_failed',
    );
  }
  if (!('failure' in plaintext) && kind === 'http1') {
    return failed(
      `${text} answers HTTP/2 by HTTP/1.1 (“${plaintext.firstLine}”), and speaks no TLS: gRPC clients say “Trying to connect an http1.x server”`,
      'nginx: listen PORT http2 (from 1.25.1 on: http2 on); Envoy: codec_type: AUTO or HTTP2',
      'upstream_not_http2_http1',
    );
  }
  return judgeGreeting(plaintext, text, false);
}

function judgeGreeting(seen: Greeting | DialFailure, text: string, isTls: boolean): Finding | undefined {
  const diagnosis = diagnoseGreeting(seen, text, { timeoutMs: LOOK_MS, isTls });
  return diagnosis === undefined ? undefined : byDiagnosis(diagnosis);
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

async function examineLargeRequest(parts: TargetParts, found: TargetWay): Promise<readonly Finding[]> {
  const { text } = parts.target;
  const [{ path, authority }] = targetProbes(parts);
  const way = wayOf(found);
  const seen = await tryLargeRequest({ ...way, authority: authority ?? way.authority }, path);
  if (seen === 'taken')
    return [ok(`a request of 1 MiB and one byte for ${path} is not refused for its size`)];
  if (seen !== 'refused')
    return [
      unexamined(`whether a large request for ${path} is refused cannot be seen: ${text} gave ${seen.gave}`),
    ];
  return [
    failed(
      `${text} refuses a request of more than 1 MiB in all (HTTP 413) for ${path}; a stream of the client is one request, however long it lasts`,
      'nginx: client_max_body_size 0 (its default is 1m)',
    ),
  ];
}
