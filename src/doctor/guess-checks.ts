// The usual causes when calls fail behind a proxy, each with a verdict and its evidence: the path, TLS against plaintext, versions,
// and the connection to the upstream. The verdicts follow from the earlier checks.

import { counted } from '../config/counted.ts';
import type { Check, CheckReport } from './check.ts';
import type { Evidence } from './evidence.ts';
import { type Finding, failed, note, ok, unexamined, warning } from './finding.ts';
import { CALL_RESET } from './missing-answer.ts';
import type { SeenClient, SeenDiagnosis } from './running-proxy.ts';
import { judgeClients, judgeServer } from './versions.ts';

/** What a client and a port disagree on when one speaks TLS and the other does not, or their certificates do not fit. */
const TLS_TOKENS: ReadonlySet<string> = new Set([
  'plaintext_on_tls_port',
  'http1_on_tls_port',
  'tls_on_plaintext_port',
  'tls_without_h2',
  'tls_grpc_without_h2',
  'tls_certificate_not_trusted',
  'tls_handshake_failed',
  'unknown_server_name',
  'client_certificate_missing',
  'client_certificate_not_trusted',
  'upstream_not_http2_tls',
  'upstream_not_tls',
  'upstream_no_h2_alpn',
  'upstream_certificate_not_trusted',
  'upstream_certificate_name_mismatch',
  'upstream_tls_failed',
]);
const VERSION_TOKENS: ReadonlySet<string> = new Set([
  'tls_version_unsupported',
  'tls_no_shared_cipher',
  'tls_no_shared_alpn',
]);
/** A TLS connection without HTTP/2, which some versions of clients bear. */
const ALPN_TOKENS: ReadonlySet<string> = new Set([
  'upstream_no_h2_alpn',
  'tls_without_h2',
  'tls_grpc_without_h2',
  'tls_no_shared_alpn',
]);
/** A port that begins with something else than HTTP/2. */
const PREFACE_TOKENS: ReadonlySet<string> = new Set([
  'upstream_not_http2_http1',
  'upstream_not_http2_unknown',
  'unknown_protocol',
]);
/** What becomes of calls if the service behind TARGET, or TARGET as a service, cannot be used. */
const BEHIND_TOKENS: ReadonlySet<string> = new Set([
  CALL_RESET,
  'upstream_connection_lost',
  'upstream_connection_refused',
  'upstream_connection_reset',
  'upstream_silent',
]);
const GRPC_GO_REMARK =
  'from 1.67 on grpc-go refuses TLS servers that do not choose “h2” by ALPN (release notes of grpc-go 1.67.0); older ones do not mind';
const LIMIT_MS = 2000;

export interface GuessParts {
  /** The ids of all checks that the guesses are drawn from. */
  readonly evidenceOf: readonly string[];
  readonly evidence: Evidence;
  /** What a running proxy had refused of clients before the checks began. Neither these checks nor earlier runs are among them. */
  readonly seen: readonly SeenDiagnosis[];
  /** What has connected to a running proxy before the checks began. */
  readonly clients: readonly SeenClient[];
}

export function guessChecks({ evidenceOf, evidence, seen, clients }: GuessParts): readonly Check[] {
  const shared = { group: 'guesses', after: evidenceOf, limitMs: LIMIT_MS } as const;
  return [
    {
      ...shared,
      id: 'guesses.path',
      title: 'Is it the path, or the HTTP/2 preface?',
      run: (_signal, ended) =>
        verdictOn(ended, {
          isAbout: ({ id }, finding) =>
            isAboutPreface(id, finding) ||
            (/^(?:through\.(?:route|services)|target\.(?:route|call))/.test(id) &&
              !isAboutTls(finding) &&
              !isBehindTarget(id, finding)),
          proof: (id) => /^(?:through\.(?:route|listener|services)|target\.)/.test(id),
          cleared: (passed) =>
            passed.some((id) => /^(?:through|target)\.(?:route|call)/.test(id))
              ? 'HTTP/2 begins as it should, and each path that was tried leads to its service'
              : 'HTTP/2 begins as it should',
          unseen: 'no check of a path or a preface has passed',
        }),
    },
    {
      ...shared,
      id: 'guesses.tls',
      title: 'Is it TLS against plaintext?',
      run: (_signal, ended) => [
        ...verdictOn(ended, {
          isAbout: (_report, finding) => isAboutTls(finding),
          proof: (id) => /^(?:through\.listener|target\.protocol|upstream\..*\.protocol)/.test(id),
          cleared: () => 'each port speaks what its clients and its configuration expect',
          unseen: 'no check of what a port speaks has passed',
        }),
        ...describeRefused(seen, TLS_TOKENS),
      ],
    },
    {
      ...shared,
      id: 'guesses.versions',
      title: 'Is it the version of a client or a server?',
      run: (_signal, ended) => describeVersions({ evidence, seen, clients }, ended),
    },
    {
      ...shared,
      id: 'guesses.upstream',
      title: 'Is it the upstream: its address, its protocol, its health?',
      run: (_signal, ended) =>
        verdictOn(ended, {
          isAbout: ({ id, group }, finding) => group === 'upstream' || isBehindTarget(id, finding),
          proof: (id) => id.startsWith('upstream.'),
          cleared: () => 'each endpoint can be reached, speaks its protocol, and answers',
          unseen: 'no check of an endpoint of a configuration has passed',
        }),
    },
  ];
}

function isAboutTls({ token }: Finding): boolean {
  return token !== undefined && TLS_TOKENS.has(token);
}

function isAboutPreface(id: string, { token = '' }: Finding): boolean {
  return /^(?:through\.listener|target\.protocol)/.test(id) && PREFACE_TOKENS.has(token);
}

/** Whether TARGET takes the call, and the service cannot be used. */
function isBehindTarget(id: string, { token = '' }: Finding): boolean {
  return /^target\.(?:route|call)/.test(id) && BEHIND_TOKENS.has(token);
}

interface Guess {
  readonly isAbout: (report: CheckReport, finding: Finding) => boolean;
  /** Whether a check with this id can clear the guess. */
  readonly proof: (id: string) => boolean;
  /** Says what the checks have shown that have passed. */
  readonly cleared: (passed: readonly string[]) => string;
  /** What no check has seen that could clear the guess: 'no path was tried'. */
  readonly unseen: string;
}

function verdictOn(
  ended: ReadonlyMap<string, CheckReport>,
  { isAbout, proof, cleared, unseen }: Guess,
): readonly Finding[] {
  const reports = [...ended.values()];
  const against = reports.flatMap((report) =>
    report.findings
      .filter((finding) => finding.verdict === 'failed' && isAbout(report, finding))
      .map((finding) => ({ report, finding })),
  );
  if (against.length > 0) {
    const [{ report, finding }] = against;
    const more = against.length === 1 ? '' : `, and ${counted(against.length - 1, 'further finding')}`;
    return [failed(`yes: ${finding.text} (“${report.title}”${more})`, undefined, finding.token)];
  }
  const asked = reports.filter(({ id }) => proof(id));
  // A check that failed for another reason clears nothing, nor does one that has left something out.
  const passed = asked.filter(
    ({ verdict, findings }) =>
      verdict !== 'failed' &&
      verdict !== 'skipped' &&
      findings.every((finding) => finding.verdict !== 'skipped'),
  );
  if (passed.length === 0) return [withoutEvidence(ended, unseen)];
  const silent = asked.length - passed.length;
  const rest = silent === 0 ? '' : `; ${counted(silent, 'check')} could not tell`;
  return [ok(`no: ${cleared(passed.map(({ id }) => id))} (${counted(passed.length, 'check')}${rest})`)];
}

/** Where nothing has failed there is nothing to explain, and a guess that is open worries nobody. */
function withoutEvidence(ended: ReadonlyMap<string, CheckReport>, unseen: string): Finding {
  const hasFailed = [...ended.values()].some(({ verdict }) => verdict === 'failed');
  return unexamined(
    hasFailed ? `not known: ${unseen}` : `nothing speaks for it: no check has failed, and ${unseen}`,
  );
}

function describeRefused(seen: readonly SeenDiagnosis[], tokens: ReadonlySet<string>): readonly Finding[] {
  const byToken = Map.groupBy(
    seen.filter(({ token, code }) => tokens.has(token) && code.startsWith('FG1')),
    ({ token }) => token,
  );
  return Array.from(byToken, ([token, entries]) => {
    const count = entries.reduce((sum, entry) => sum + entry.count, 0);
    const [{ client, lastAtEpochMs }] = entries;
    const time = lastAtEpochMs === undefined ? '' : ` at ${new Date(lastAtEpochMs).toISOString()}`;
    return warning(
      `before this run, the running proxy has refused ${counted(count, 'client')} for this lately, last ${client}${time}`,
      entries.every((entry) => isLoopback(entry.client)) ? 'all of them were of this machine' : undefined,
      token,
    );
  });
}

function isLoopback(client: string): boolean {
  return /^(?:127\.|\[::1\]|\[::ffff:127\.)/.test(client);
}

function describeVersions(
  { evidence, seen, clients }: Pick<GuessParts, 'evidence' | 'seen' | 'clients'>,
  ended: ReadonlyMap<string, CheckReport>,
): readonly Finding[] {
  const isAlpnMissing = isAlpnMissed(ended, seen);
  const findings = [
    ...describeRefused(seen, VERSION_TOKENS),
    ...judgeClients(clients),
    ...Array.from(evidence.servers, ([server, where]) => judgeServer(server, where)),
  ];
  if (findings.some(({ verdict }) => verdict === 'failed' || verdict === 'warning')) return findings;
  if (findings.length === 0) {
    return [
      withoutEvidence(ended, 'no answer names a version, and no client was refused for its version'),
      ...(isAlpnMissing ? [unexamined(GRPC_GO_REMARK)] : []),
    ];
  }
  const isGoSeen = clients.some(({ library }) => library === 'grpc-go');
  const remark = isAlpnMissing && !isGoSeen ? [note(GRPC_GO_REMARK)] : [];
  return [ok('nothing speaks for it'), ...findings, ...remark];
}

/** Whether a TLS port has not chosen h2 by ALPN, which only some versions of clients mind. */
function isAlpnMissed(ended: ReadonlyMap<string, CheckReport>, seen: readonly SeenDiagnosis[]): boolean {
  return (
    seen.some(({ token }) => ALPN_TOKENS.has(token)) ||
    [...ended.values()].some(({ findings }) => findings.some(({ token = '' }) => ALPN_TOKENS.has(token)))
  );
}
