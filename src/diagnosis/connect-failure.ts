// Explains why an endpoint could not be reached: turns the code of the failure into a stable token and a sentence with a remedy.
// The function is pure and total: an unforeseen code still gives a sentence that names it.

import { type ConnectDetails, describeReason, describeWait } from './connect-details.ts';
import type { Diagnosis } from './diagnosis.ts';
import { diagnoseUpstreamAnswer } from './upstream-first-bytes.ts';
import { diagnoseUpstreamTlsFailure } from './upstream-tls-failure.ts';

/**
 * @param code the code of a Node error, TLS errors included, or one of Framegate's own: 'connect_timeout' (neither refused nor
 * accepted in time), 'dns_timeout' (the DNS lookup took too long), 'no_settings' (accepted, but no HTTP/2 SETTINGS in time),
 * 'no_h2_alpn' (TLS, but "h2" was not chosen), 'unused' (the connection closed before it answered a call), 'violation' (we ended the
 * connection, because the endpoint broke a rule of HTTP/2; `reason` says which)
 * @param endpoint the address as configured
 */
export function diagnoseConnectFailure(
  code: string | undefined,
  endpoint: string,
  details: ConnectDetails = {},
): Diagnosis {
  switch (code) {
    case 'ECONNREFUSED':
      return { token: 'upstream_connection_refused', sentence: describeRefused(endpoint) };
    case 'ECONNRESET':
    case 'EPIPE':
      return {
        token: 'upstream_connection_reset',
        sentence: describeReset(endpoint, details),
      };
    case 'connect_timeout':
    case 'ETIMEDOUT':
      return {
        token: 'upstream_connect_timeout',
        sentence: `${endpoint} did not answer the connection attempt ${describeWait(details.timeoutMs)}; is the address right, and does a firewall drop the packets?`,
      };
    case 'dns_timeout':
      return {
        token: 'upstream_name_lookup_failed',
        sentence: `DNS did not answer ${describeWait(details.timeoutMs)} for the name in ${endpoint}; are the servers in /etc/resolv.conf reachable, and do they know the name? An address in place of the name, or a line in /etc/hosts, needs no DNS.`,
      };
    case 'unused':
      return {
        token: 'upstream_connections_unused',
        sentence: `${endpoint} accepts connections and gives them up before it answers a call; is it shutting down, or is its limit of streams 0?`,
      };
    case 'violation':
      return {
        token: 'upstream_http2_violation',
        sentence: `${endpoint} sent what HTTP/2 forbids, so this proxy ended the connection${describeReason(details.reason)}; is it the port of the gRPC service, and does anything in between change its bytes?`,
      };
    case 'no_settings':
      return diagnoseUpstreamAnswer('need-more', endpoint, details);
    case 'ENOTFOUND':
    case 'EAI_NONAME':
    case 'EAI_NODATA':
      return {
        token: 'upstream_name_not_found',
        sentence: `The name in ${endpoint} is unknown to DNS; is it spelled right?`,
      };
    case 'EAI_AGAIN':
      return {
        token: 'upstream_name_lookup_failed',
        sentence: `The name in ${endpoint} could not be looked up; is the DNS server reachable?`,
      };
    default:
      return diagnoseUpstreamTlsFailure(code, endpoint, details) ?? diagnoseRare(code, endpoint);
  }
}

function describeRefused(endpoint: string): string {
  // For a Unix socket, ECONNREFUSED means that the file exists but no process accepts connections on it.
  if (endpoint.startsWith('unix:')) {
    return `${endpoint} exists but nobody accepts connections there: is the service running?`;
  }
  return `${endpoint} refused the connection: is the service running there?`;
}

function describeReset(endpoint: string, { isTls }: ConnectDetails): string {
  const question =
    isTls === true ? 'does it speak TLS, or h2c (plaintext HTTP/2)?' : 'does it expect TLS (protocol: h2)?';
  return `${endpoint} accepted the connection and broke it off; has the service crashed, or ${question}`;
}

function diagnoseRare(code: string | undefined, endpoint: string): Diagnosis {
  switch (code) {
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return {
        token: 'upstream_unreachable',
        sentence: `There is no way to ${endpoint} from this machine (${code}); is the address right, and the network up?`,
      };
    case 'ENOENT':
      return {
        token: 'upstream_socket_missing',
        sentence: `${endpoint} does not exist: is the service running, and is this the path of its socket?`,
      };
    case 'ENOTSOCK':
      return { token: 'upstream_not_a_socket', sentence: `${endpoint} is not a socket: is the path right?` };
    case 'EACCES':
    case 'EPERM':
      return {
        token: 'upstream_permission_denied',
        sentence: `Connecting to ${endpoint} is not permitted (${code}); may this process write to the socket, and does a local firewall rule forbid it?`,
      };
    case 'EMFILE':
    case 'ENFILE':
      return {
        token: 'upstream_too_many_open_files',
        sentence: `No file descriptor is left for a connection to ${endpoint} (${code}); raise the limit of open files (LimitNOFILE= in systemd).`,
      };
    default:
      return {
        token: 'upstream_connect_failed',
        sentence: `Connecting to ${endpoint} failed (${code ?? 'no reason given'}).`,
      };
  }
}
