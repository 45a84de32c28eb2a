// Finds out what an endpoint speaks, and says which other protocol it speaks if it is not the configured one. The diagnoses are those
// that calls get.

import type { Address } from '../config/address.ts';
import { counted } from '../config/counted.ts';
import type { UpstreamConfig } from '../config/upstream-config.ts';
import { diagnoseConnectFailure } from '../diagnosis/connect-failure.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { diagnoseUpstreamAnswer } from '../diagnosis/upstream-first-bytes.ts';
import { type DialFailure, dial, TLS_FILES_UNUSABLE, tlsWishOf } from './dial.ts';
import { type Finding, failed, note, ok, quoted, shownText, took, warning } from './finding.ts';
import { describeSettings, type Greeting, greet } from './greeting.ts';
import { diagnoseGreeting } from './greeting-verdict.ts';
import { getByHttp1 } from './http1-look.ts';

const LIMIT_MS = 2500;
const SECOND_LOOK_MS = 1000;
const MAX_CONCURRENT_STREAMS = 3;
const FEW_STREAMS = 10;

export function byDiagnosis({ sentence, token }: Diagnosis): Finding {
  return failed(sentence, undefined, token);
}

/** A fault of files of this machine, which the endpoint has no part in. Undefined for every other failure. */
function unusableFiles({ failure, reason = '' }: DialFailure): Finding | undefined {
  if (failure !== TLS_FILES_UNUSABLE) return undefined;
  return failed(
    reason,
    'name a file that the user of this process may read in tls.ca, tls.cert and tls.key of the upstream, and the key of the certificate',
  );
}

export function examineProtocol(
  { protocol, tls }: UpstreamConfig,
  address: Address,
): Promise<readonly Finding[]> {
  if (protocol === 'http1') return examineHttp1(address, tls);
  return protocol === 'h2' ? examineTls(address, tls) : examinePlaintext(address);
}

async function examinePlaintext(address: Address): Promise<readonly Finding[]> {
  const greeting = await greet(address, undefined, LIMIT_MS);
  const wrong = judgeGreeting(greeting, address, false);
  if ('failure' in greeting) return wrong;
  if (greeting.kind === 'http2-settings') return wrong.length > 0 ? wrong : describeHttp2(greeting, address);
  // Many TLS servers close without a word, or say nothing, when plaintext comes.
  const second = await dial(address, { alpn: ['h2', 'http/1.1'] }, SECOND_LOOK_MS);
  if (!('failure' in second)) {
    second.socket.destroy();
    return [
      byDiagnosis(diagnoseUpstreamAnswer('tls', address.text)),
      note(`a TLS handshake succeeds there (ALPN “${quoted(second.tls?.alpn ?? '')}”)`),
    ];
  }
  return wrong;
}

/** @returns why the peer does not begin HTTP/2, with what it said. Empty if it does */
function judgeGreeting(
  greeting: Greeting | DialFailure,
  { text }: Address,
  isTls: boolean,
): readonly Finding[] {
  const diagnosis = diagnoseGreeting(greeting, text, { timeoutMs: LIMIT_MS, isTls });
  if (diagnosis === undefined) return [];
  const { goAway, firstLine = '' } = 'failure' in greeting ? {} : greeting;
  const said =
    goAway !== undefined
      ? `it sent ${goAway}`
      : firstLine === ''
        ? ''
        : `it answered ${shownText(firstLine)}`;
  return [byDiagnosis(diagnosis), ...(said === '' ? [] : [note(said)])];
}

function describeHttp2({ settings, pingMs, tls }: Greeting, address: Address): readonly Finding[] {
  const over = tls === undefined ? 'h2c (plaintext HTTP/2)' : `HTTP/2 over ${tls.version}`;
  const findings: Finding[] = [ok(`${over}; SETTINGS: ${describeSettings(settings)}`)];
  const streams = settings.get(MAX_CONCURRENT_STREAMS);
  if (streams === 0) findings.push(byDiagnosis(diagnoseConnectFailure('unused', address.text)));
  else if (streams !== undefined && streams < FEW_STREAMS) {
    findings.push(
      warning(
        `it takes only ${counted(streams, 'call')} on a connection; more wait, or need more connections`,
        'raise the limit of the service (grpcio: grpc.max_concurrent_streams)',
        'upstream_queue_full',
      ),
    );
  }
  findings.push(
    pingMs === undefined
      ? warning('it did not answer a PING in time', 'does the service still respond?', 'upstream_silent')
      : ok(`PING answered ${took(pingMs)}`),
  );
  return findings;
}

async function examineTls(address: Address, tls: UpstreamConfig['tls']): Promise<readonly Finding[]> {
  const greeting = await greet(address, tlsWishOf(tls, ['h2']), LIMIT_MS);
  if ('failure' in greeting) {
    const ofFiles = unusableFiles(greeting);
    if (ofFiles !== undefined) return [ofFiles];
    const plaintext = await greet(address, undefined, SECOND_LOOK_MS);
    const isPlaintext = 'kind' in plaintext && ['http2-settings', 'http1'].includes(plaintext.kind);
    const code = isPlaintext ? 'ERR_SSL_WRONG_VERSION_NUMBER' : greeting.failure;
    const details = { timeoutMs: LIMIT_MS, isTls: true, reason: greeting.reason };
    const finding = byDiagnosis(diagnoseConnectFailure(code, address.text, details));
    if (!isPlaintext) return [finding];
    return [finding, note(`in plaintext it speaks ${plaintext.kind === 'http1' ? 'HTTP/1.1' : 'h2c'}`)];
  }
  const { tls: facts } = greeting;
  if (facts?.distrust !== undefined) {
    return [
      byDiagnosis(diagnoseConnectFailure(facts.distrust, address.text, { isTls: true })),
      note(`the certificate is for ${facts.names || 'no name'}, issued by ${facts.issuer}`),
    ];
  }
  if (facts?.alpn !== 'h2') {
    return [byDiagnosis(diagnoseConnectFailure('no_h2_alpn', address.text)), note(describeAlpn(facts?.alpn))];
  }
  const wrong = judgeGreeting(greeting, address, true);
  if (wrong.length > 0) return wrong;
  return [ok(`the certificate is trusted, and for ${facts.names}`), ...describeHttp2(greeting, address)];
}

function describeAlpn(alpn = ''): string {
  return alpn === '' ? 'it chose nothing by ALPN' : `it chose “${quoted(alpn)}” by ALPN`;
}

async function examineHttp1(address: Address, tls: UpstreamConfig['tls']): Promise<readonly Finding[]> {
  const wish = tls === undefined ? undefined : tlsWishOf(tls, ['http/1.1']);
  const host = address.kind === 'tcp' ? address.text : 'localhost';
  const look = await getByHttp1(address, wish, { host, path: '/' }, LIMIT_MS);
  if ('failure' in look) {
    const ofFiles = unusableFiles(look);
    if (ofFiles !== undefined) return [ofFiles];
    const { failure, reason } = look;
    const details = { timeoutMs: LIMIT_MS, isTls: tls !== undefined, reason };
    return [byDiagnosis(diagnoseConnectFailure(failure, address.text, details))];
  }
  const { kind, firstLine, tls: facts, durationMs } = look;
  if (facts?.distrust !== undefined) {
    return [byDiagnosis(diagnoseConnectFailure(facts.distrust, address.text, { isTls: true }))];
  }
  if (kind === 'http1')
    return [ok(`HTTP/1.1: GET / was answered ${shownText(firstLine)} ${took(durationMs)}`)];
  if (firstLine === '') {
    return [
      failed(
        `${address.text} accepted the connection and did not answer GET /`,
        'does the service still respond?',
        'upstream_silent',
      ),
    ];
  }
  const what = kind === 'http2-settings' ? 'HTTP/2' : kind === 'tls' ? 'TLS' : shownText(firstLine);
  return [
    failed(
      `${address.text} answered GET / by ${what}, not HTTP/1.1`,
      'protocol: h2c or h2 is for gRPC services; tls: {} for a web service over https',
      'upstream_not_http1',
    ),
  ];
}
