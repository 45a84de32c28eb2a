// The certificates that nginx asks clients for. A server of nginx says so for its own names; in Framegate a listener asks, and the `access`
// of a route requires an identity where not all servers of the listener do.

import { resolve } from 'node:path';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { ListenerGroup } from './listener-group.ts';
import type { Server } from './server-blocks.ts';
import { fileEntry } from './upstream-tls.ts';
import { type YamlEntry, YamlMap } from './yaml-text.ts';

/** What the routes of a server have to do so that only those with a certificate may call, where nginx has it so. */
export type CertificateNeed =
  /** Nothing: nobody is asked for one. */
  | { readonly kind: 'none' }
  /** Nothing: the listener turns all others away. */
  | { readonly kind: 'insisted' }
  /** The listener asks, and does not insist. `isRequired`: the server does. */
  | { readonly kind: 'asked'; readonly isRequired: boolean }
  | { readonly kind: 'lost'; readonly why: string };

interface Asking {
  readonly server: Server;
  readonly verify: Directive;
  readonly mode: string;
  readonly authorities: Directive | undefined;
  readonly revoked: Directive | undefined;
}

const NEEDS_NONE: CertificateNeed = { kind: 'none' };
const GRAVITY: Readonly<Record<CertificateNeed['kind'], number>> = {
  none: 0,
  insisted: 1,
  asked: 2,
  lost: 3,
};
const RULES = ['ssl_verify_client', 'ssl_client_certificate', 'ssl_crl'];

export class ClientCertificates {
  readonly #needs = new Map<Directive, CertificateNeed>();
  readonly #entries = new Map<string, YamlEntry>();

  constructor(groups: readonly ListenerGroup[], folder: string | undefined, ledger: Ledger) {
    for (const group of groups) {
      const asking = group.isTls ? group.members.flatMap(({ server }) => askingOf(server) ?? []) : [];
      if (asking.length > 0) this.#plan(group, asking, { folder, ledger });
      for (const { server } of group.members) {
        if (asking.some((one) => one.server === server)) continue;
        for (const rule of rulesOf(server)) ledger.carry(rule, 'nobody is asked here, as in nginx');
      }
    }
  }

  needOf(server: Directive): CertificateNeed {
    return this.#needs.get(server) ?? NEEDS_NONE;
  }

  /** @returns `tls.clientAuth` of a listener */
  entryOf({ address }: ListenerGroup): YamlEntry | undefined {
    return this.#entries.get(address);
  }

  #plan(
    group: ListenerGroup,
    asking: readonly Asking[],
    { folder, ledger }: { readonly folder: string | undefined; readonly ledger: Ledger },
  ): void {
    const why = whyLost(asking, folder);
    if (why !== undefined) {
      for (const { server } of asking) {
        this.#need(server, { kind: 'lost', why });
        for (const rule of rulesOf(server)) ledger.refuseAccess(rule, why);
      }
      return;
    }
    const isRequired = asking.length === group.members.length && asking.every(({ mode }) => mode === 'on');
    for (const one of asking) {
      judge(one, isRequired, ledger);
      for (const file of [one.authorities, one.revoked]) if (file !== undefined) ledger.carry(file);
      this.#need(
        one.server,
        isRequired ? { kind: 'insisted' } : { kind: 'asked', isRequired: one.mode === 'on' },
      );
    }
    const [{ verify, authorities, revoked }] = asking;
    this.#entries.set(group.address, {
      key: 'clientAuth',
      value: new YamlMap([
        ...fileEntry('ca', authorities, folder, ledger),
        { key: 'mode', value: isRequired ? 'require' : 'request', from: verify },
        ...fileEntry('crl', revoked, folder, ledger),
      ]),
    });
  }

  /** A server may listen at several addresses. What is worst at one of them counts. */
  #need({ directive }: Server, need: CertificateNeed): void {
    const known = this.#needs.get(directive);
    if (known === undefined || GRAVITY[known.kind] < GRAVITY[need.kind]) this.#needs.set(directive, need);
  }
}

/** @returns undefined if the server asks for no certificate */
function askingOf(server: Server): Asking | undefined {
  const { scope } = server;
  const verify = scope.setting('ssl_verify_client');
  const mode = verify?.words[0];
  if (verify === undefined || mode === undefined || mode === 'off') return undefined;
  // Since nginx 1.27 the other one does as well.
  const authorities = scope.setting('ssl_client_certificate') ?? scope.setting('ssl_trusted_certificate');
  return { server, verify, mode, authorities, revoked: scope.setting('ssl_crl') };
}

function rulesOf({ scope }: Server): readonly Directive[] {
  return RULES.flatMap((name) => scope.inherited(name));
}

function whyLost(asking: readonly Asking[], folder: string | undefined): string | undefined {
  const [first] = asking;
  if (asking.some(({ mode }) => !/^(on|optional)$/.test(mode)))
    return 'a certificate of an authority that is not known is not taken, and services are not sent it: write listeners[].tls.clientAuth with the authorities of the clients';
  if (asking.some(({ authorities }) => authorities === undefined))
    return 'nginx has no authorities here to verify certificates with: write ssl_client_certificate';
  const files = new Set(asking.map(({ authorities, revoked }) => filesOf([authorities, revoked], folder)));
  if (files.size > 1)
    return 'the servers of this address have different authorities, and a listener has one file of them: give each server an address of its own';
  return /^(data|engine|store):|\$/.test(`${first.authorities?.words[0]}${first.revoked?.words[0] ?? ''}`)
    ? 'authorities and lists of revoked certificates are names of files'
    : undefined;
}

function filesOf(directives: readonly (Directive | undefined)[], folder: string | undefined): string {
  return JSON.stringify(directives.map((one) => one && resolve(folder ?? '/', one.words[0] ?? '')));
}

function judge({ server, verify, mode }: Asking, isRequired: boolean, ledger: Ledger): void {
  if (isRequired) ledger.carry(verify, 'tls.clientAuth.mode: require');
  else if (mode === 'on')
    ledger.change(
      verify,
      'tls.clientAuth.mode: request, and access.require at the routes, as not all servers of this address ask',
    );
  else
    ledger.change(
      verify,
      'tls.clientAuth.mode: request. A client whose certificate is not valid is served like one without, where nginx answers 400',
    );
  const trusted = server.scope.setting('ssl_trusted_certificate');
  if (trusted !== undefined && server.scope.setting('ssl_client_certificate') !== undefined)
    ledger.change(
      trusted,
      'left out: clients need a certificate of ssl_client_certificate. Where those of this file are to be taken too, put both into one file',
    );
}

/** Whether a condition is the idiom that refuses clients without a valid certificate, and nothing else. */
export function demandsCertificate({ words, block = [] }: Directive): boolean {
  const condition = words.join(' ').replaceAll(/^\(\s*|\s*\)$/g, '');
  const [only, ...others] = block;
  return (
    /^\$ssl_client_verify (?:!= SUCCESS|= NONE)$/.test(condition) &&
    others.length === 0 &&
    only?.name === 'return' &&
    /^(?:4\d\d)$/.test(only.words[0] ?? '')
  );
}
