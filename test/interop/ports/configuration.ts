// The one configuration that all rows share: every kind of port, and routes to services good and bad.

import type { PortName } from './port-row.ts';

export interface UpstreamPorts {
  /** The demo service. */
  readonly voice: number;
  /** A web server: HTTP/1.1 only. */
  readonly web: number;
  readonly webOverTls: number;
  /** TLS with ALPN h2, and a certificate of the test's authority. */
  readonly tls: number;
  /** Accepts connections and says nothing. */
  readonly silent: number;
  /** Nobody listens there. */
  readonly nobody: number;
}

interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Chooses the upstream of a request: the name of an upstream below. */
export const UPSTREAM_HEADER = 'x-upstream';

/** Where the rows' clients call from; the rest of the loopback is not trusted. */
const TRUSTED = '[127.1.0.0/16]';

export function configurationText(upstreams: UpstreamPorts, files: CertificateFiles): string {
  const tls = `{ certificates: [{ cert: ${quoted(files.certFile)}, key: ${quoted(files.keyFile)} }] }`;
  const chosenUpstream = (name: string, { port, protocol, isAuthorityKnown }: ChosenUpstream) =>
    [
      `  ${name}:`,
      `    protocol: ${protocol}`,
      `    endpoints: ["127.0.0.1:${upstreams[port]}"]`,
      '    connections: { connectTimeout: 1s }',
      ...(isAuthorityKnown === true ? [`    tls: { ca: ${quoted(files.caFile)} }`] : []),
    ].join('\n');
  return `# Written by the interop suite.
listeners:
${listener('tls', `tls: ${tls}`)}
${listener('plaintext')}
${listener('tls-accept', `tls: ${tls}`, 'mismatch: accept')}
${listener('tls-close', `tls: ${tls}`, 'mismatch: close')}
${listener('plaintext-close', 'mismatch: close')}
${listener('tls-proxied', `tls: ${tls}`, `proxyProtocol: { trusted: ${TRUSTED} }`)}
${listener('plaintext-proxied', `proxyProtocol: { trusted: ${TRUSTED} }`)}
routes:
  - name: voice
    match: { path: /voice.VoiceAssistant/* }
    upstream: voice
    grpcWeb: true
  - name: health
    match: { path: /grpc.health.v1.Health/* }
    upstream: voice
  - name: website
    match: { path: /* }
    upstream: web
${chosen.map(([name]) => chosenRoutes(name)).join('\n')}
upstreams:
  voice:
    endpoints: ["127.0.0.1:${upstreams.voice}"]
  web:
    protocol: http1
    endpoints: ["127.0.0.1:${upstreams.web}"]
${chosen.map(([name, upstream]) => chosenUpstream(name, upstream)).join('\n')}
drain:
  timeout: 5s
admin:
  address: 127.0.0.1:0
`;
}

interface ChosenUpstream {
  readonly port: keyof UpstreamPorts;
  readonly protocol: 'h2c' | 'h2' | 'http1';
  readonly isAuthorityKnown?: boolean;
}

/** Two good ones; what the others are configured to speak is not what is spoken at their port. */
const CHOSEN_UPSTREAMS = {
  'service-with-tls': { port: 'tls', protocol: 'h2', isAuthorityKnown: true },
  'website-with-tls': { port: 'webOverTls', protocol: 'http1', isAuthorityKnown: true },
  'website-as-h2c': { port: 'web', protocol: 'h2c' },
  'tls-as-h2c': { port: 'tls', protocol: 'h2c' },
  'silent-as-h2c': { port: 'silent', protocol: 'h2c' },
  'nobody-as-h2c': { port: 'nobody', protocol: 'h2c' },
  'plaintext-as-h2': { port: 'voice', protocol: 'h2', isAuthorityKnown: true },
  'website-as-h2': { port: 'webOverTls', protocol: 'h2', isAuthorityKnown: true },
  'untrusted-as-h2': { port: 'tls', protocol: 'h2' },
  'nobody-as-http1': { port: 'nobody', protocol: 'http1' },
  'service-as-http1': { port: 'voice', protocol: 'http1' },
} as const satisfies Readonly<Record<string, ChosenUpstream>>;

export type ChosenUpstreamName = keyof typeof CHOSEN_UPSTREAMS;

const chosen = Object.entries<ChosenUpstream>(CHOSEN_UPSTREAMS);

function chosenRoutes(name: string): string {
  return ['/*', '/voice.VoiceAssistant/*']
    .map(
      (path) =>
        `  - match: { path: ${path}, headers: { ${UPSTREAM_HEADER}: ${name} } }\n    upstream: ${name}`,
    )
    .join('\n');
}

function listener(name: PortName, ...settings: readonly string[]): string {
  const lines = ['address: 127.0.0.1:0', ...settings];
  return [`  - name: ${name}`, ...lines.map((text) => `    ${text}`)].join('\n');
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
