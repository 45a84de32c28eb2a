// Translates the settings of TLS to a service: the grpc_ssl_… and proxy_ssl_… directives. Framegate always verifies certificates; nginx does
// so only when it is told to.

import { resolve } from 'node:path';
import { parseServerName } from '../config/address.ts';
import { isFault } from '../config/problem.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { PassTarget } from './pass-target.ts';
import type { Scope } from './scope.ts';
import type { YamlEntry } from './yaml-text.ts';

/** @returns the entries of `tls` */
export function upstreamTlsOf(
  protocol: PassTarget['protocol'],
  pass: Directive,
  scope: Scope,
  folder: string | undefined,
  ledger: Ledger,
): readonly YamlEntry[] {
  if (protocol !== 'h2' && protocol !== 'https1') return [];
  const setting = (name: string) => scope.setting(pass.name.replace('pass', `ssl_${name}`));
  const verify = setting('verify');
  if (verify?.words[0] === 'on') ledger.carry(verify, 'certificates of services are always verified');
  else {
    ledger.change(
      verify ?? pass,
      'the certificate of the service is verified now, which nginx did not: give upstreams.NAME.tls.ca where it is of an authority of your own',
    );
  }
  const authorities = setting('trusted_certificate');
  const certificate = setting('certificate');
  const key = setting('certificate_key');
  const cert = fileEntry('cert', certificate, folder, ledger);
  const keyFile = fileEntry('key', key, folder, ledger);
  const isPair = cert.length > 0 && keyFile.length > 0;
  for (const half of [certificate, key])
    if (half !== undefined && !isPair) ledger.refuse(half, 'left out: a certificate goes with its key');
  const name = setting('name');
  return [
    ...fileEntry('ca', authorities, folder, ledger),
    ...(isPair ? [...cert, ...keyFile] : []),
    ...nameEntry(name, ledger),
  ];
}

/** A name of a file, which nginx takes from its own folder. */
export function fileEntry(
  key: string,
  directive: Directive | undefined,
  folder: string | undefined,
  ledger: Ledger,
): readonly YamlEntry[] {
  const file = directive?.words[0];
  if (directive === undefined || file === undefined || file === '') return [];
  if (/^(data|engine|store):|\$/.test(file)) {
    ledger.refuse(
      directive,
      'certificates and keys are names of files: variables, data: and engine: are not known',
    );
    return [];
  }
  ledger.carry(directive);
  return [{ key, value: folder === undefined ? file : resolve(folder, file), from: directive }];
}

function nameEntry(directive: Directive | undefined, ledger: Ledger): readonly YamlEntry[] {
  const name = directive?.words[0];
  if (directive === undefined || name === undefined) return [];
  if (isFault(parseServerName(name))) {
    ledger.refuse(
      directive,
      'this is no name of a host that could be called by SNI and found in a certificate',
    );
    return [];
  }
  ledger.carry(directive, 'tls.serverName');
  return [{ key: 'serverName', value: name, from: directive }];
}
