// What `framegate init` writes: a commented configuration, and systemd units for it.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { getAsset, isSea } from 'node:sea';

export interface InitAnswers {
  /** The name that clients call, such as `grpc.example.com`. Undefined if nothing is known by it: there is no TLS. */
  readonly domain: string | undefined;
  /** The address of the gRPC service, `host:port` or `unix:/path`. */
  readonly service: string;
  /** The address of the listener, `host:port` or `systemd:NAME`. */
  readonly listen: string;
  /** Undefined for a listener without TLS. */
  readonly certificate: { readonly cert: string; readonly key: string } | undefined;
}

export interface Unit {
  /** The path below the folder of units, such as `framegate.service`. */
  readonly path: string;
  readonly text: string;
}

/** The name of the socket in framegate.socket. */
export const SYSTEMD_ADDRESS = 'systemd:https';
/** The lines of framegate.service about credentials, with the comment above them. */
const CREDENTIALS = /^# Copied when the service starts.*\n(?:#.*\n)*(?:LoadCredential=.*\n)+/gm;

export function configText({ domain, service, listen, certificate }: InitAnswers): string {
  const isOfSystemd = listen.startsWith('systemd:');
  const tls =
    certificate === undefined
      ? ['    # No tls: plaintext HTTP/2 (h2c). Clients on the internet need TLS.']
      : [
          '    tls:',
          '      certificates:                 # chosen by the name that a client calls; the first is the default',
          `        - cert: ${scalar(certificate.cert)}`,
          `          key: ${scalar(certificate.key)}`,
        ];
  const lines = [
    `# Framegate in front of the gRPC service at ${comment(service)}${domain === undefined ? '' : `, for clients that call ${comment(domain)}`}.`,
    '# `framegate check -c FILE` says what is wrong with it, and where; docs/configuration-reference.md has every key.',
    '',
    '# Where clients connect to.',
    'listeners:',
    '  - name: public                    # in logs and metrics',
    `    address: ${scalar(listen)}${isOfSystemd ? '          # the socket of framegate.socket' : ''}`,
    ...tls,
    '',
    '# Which calls go to which upstream; the most specific route wins, whatever the order.',
    'routes:',
    '  - name: all',
    '    match:',
    '      path: /*                      # every call; /package.Service/* for those of one service',
    `      # host: ${scalar(domain ?? 'grpc.example.com')}   # only calls to this name; clients that call an address would match no route`,
    '    upstream: service',
    '',
    '# Streams need no settings: they may last for days, be silent for hours and be of any size.',
    'upstreams:',
    '  service:',
    `    endpoints: [${scalar(service)}] # several are balanced; to follow a name: dns: { name: NAME, port: PORT }`,
    '    # health: { type: grpc }        # for services with grpc.health.v1; unhealthy endpoints get no calls',
    '',
    '# Health, metrics, and what `framegate status`, `reload` and `drain` ask; on this machine alone.',
    'admin:',
    '  address: 127.0.0.1:9901',
    ...(isOfSystemd ? ['', '# For `journalctl -p warning`.', 'log:', '  syslogPrefix: true'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** @returns the units, changed to start this program with this configuration, and to need no credentials of systemd */
export function unitsFor(config: string, program: readonly string[], hasTls: boolean): readonly Unit[] {
  const start = [...program, 'serve', '-c', config].map(execWord).join(' ');
  const service = readUnit('framegate.service')
    // The service of the example, which is on no other machine.
    .replaceAll(' voice-assistant.service', '')
    .replace(/^ExecStart=.*$/m, () => `ExecStart=${start}`)
    .replace(/^WorkingDirectory=.*$/m, () => `WorkingDirectory=${dirname(config).replaceAll('%', '%%')}`);
  const socket = { path: 'framegate.socket', text: readUnit('framegate.socket') };
  // Without TLS there are no files for systemd to copy, and it would start nothing for want of them.
  if (!hasTls) return [{ path: 'framegate.service', text: service.replaceAll(CREDENTIALS, '') }, socket];
  const group = readUnit('certificates-of-a-group.conf');
  return [
    { path: 'framegate.service', text: service },
    socket,
    { path: 'framegate.service.d/certificates-of-a-group.conf', text: group },
  ];
}

/** deploy/ is two folders above this file in src/, in dist/ and in the installed package; the single executable holds it in itself. */
function readUnit(name: string): string {
  const path = `deploy/systemd/${name}`;
  return isSea() ? getAsset(path, 'utf8') : readFileSync(join(import.meta.dirname, '../..', path), 'utf8');
}

/** @returns the text as a scalar of YAML, in quotes where it needs them */
function scalar(text: string): string {
  return /^[A-Za-z0-9/._][A-Za-z0-9/._-]*(?::[A-Za-z0-9/._-]+)*$/.test(text) && !/^[\d._]+$/.test(text)
    ? text
    : JSON.stringify(text);
}

/** A comment ends with its line. */
function comment(text: string): string {
  return text.replaceAll(/[\p{C}\s]+/gu, ' ');
}

/** @returns a word of ExecStart=: in quotes if it has spaces, and without specifiers and variables (systemd.service(5)) */
function execWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /[\s"'\\;]/.test(plain) ? `"${plain.replaceAll(/["\\]/g, String.raw`\$&`)}"` : plain;
}
