// The listeners of the output: one for each address, with the certificates of all servers on it. If another listener already takes an
// address, it is left out, because opening a server to more clients than nginx did is worse than closing it.

import { isIPv4 } from 'node:net';
import { parseNetwork } from '../config/address.ts';
import { isFault } from '../config/problem.ts';
import type { ClientCertificates } from './client-certificates.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { ListenerGroup, ServerOfListener } from './listener-group.ts';
import { ListenerNames } from './listener-names.ts';
import type { Server } from './server-blocks.ts';
import { fileEntry } from './upstream-tls.ts';
import { type YamlEntry, type YamlItem, YamlList, YamlMap } from './yaml-text.ts';

export function listenerGroupsOf(servers: readonly Server[], ledger: Ledger): readonly ListenerGroup[] {
  const members = servers.flatMap((server) => server.listens.map((listen) => ({ server, listen })));
  const byAddress = Map.groupBy(members, ({ listen }) => listen.address);
  mergeFamilies(byAddress, ledger);
  dropTaken(byAddress, ledger);
  const names = new ListenerNames();
  return Array.from(byAddress, ([address, group]) => ({
    address,
    name: names.of(
      address,
      group.some(({ listen }) => listen.isTls),
    ),
    members: onceEach(group),
    listens: group.map(({ listen }) => listen),
    defaultServer: (group.find(({ listen }) => listen.isDefault) ?? group[0]).server,
    isTls: group.some(({ listen }) => listen.isTls),
  }));
}

type Groups = Map<string, ServerOfListener[]>;

/** A listener on [::] takes clients of IPv4 too, where nginx needs one for each. */
function mergeFamilies(groups: Groups, ledger: Ledger): void {
  for (const [address, group] of groups) {
    const port = /^\[::\]:(\d+)$/.exec(address)?.[1];
    if (port === undefined) continue;
    const twin = groups.get(`0.0.0.0:${port}`);
    if (twin !== undefined) {
      for (const { listen } of twin)
        ledger.change(listen.directive, `one listener on ${address} serves IPv4 and IPv6`);
      groups.delete(`0.0.0.0:${port}`);
      groups.set(address, [...twin, ...group]);
      continue;
    }
    for (const { listen } of group) {
      if (listen.directive.words.includes('ipv6only=off')) continue;
      ledger.refuseAccess(
        listen.directive,
        'ipv6only: a listener on [::] serves clients of IPv4 as well, whom nginx would not have here',
      );
    }
  }
}

function dropTaken(groups: Groups, ledger: Ledger): void {
  for (const [address, group] of groups) {
    const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
    if (port === undefined || address.startsWith('unix:')) continue;
    const isWide = groups.has(`[::]:${port}`) && host !== '::';
    const isWide4 = groups.has(`0.0.0.0:${port}`) && host !== '0.0.0.0' && isIPv4(host);
    if (!isWide && !isWide4) continue;
    for (const { listen } of group) {
      ledger.refuseDestination(
        listen.directive,
        'left out: the listener for all addresses has this port, and takes the calls. Where they have to differ, write a listener for each address',
      );
    }
    groups.delete(address);
  }
}

/** A server that listens twice at an address, once for each family, is one. */
function onceEach(group: readonly ServerOfListener[]): readonly ServerOfListener[] {
  const seen = new Set<Server>();
  return group.filter(({ server }) => seen.size < seen.add(server).size);
}

interface ListenerParts {
  readonly folder: string | undefined;
  readonly certificates: ClientCertificates;
  readonly ledger: Ledger;
}

/** @returns undefined if it has TLS and no certificate, so that it cannot be opened */
export function listenerItem(
  group: ListenerGroup,
  { folder, certificates, ledger }: ListenerParts,
): YamlItem | undefined {
  const { address, members, name } = group;
  const [{ listen }] = members;
  const from = listen.directive.name === 'listen' ? listen.directive : undefined;
  const tls = group.isTls ? tlsOf(group, { folder, certificates, ledger }) : undefined;
  if (group.isTls && tls === undefined) {
    for (const { directive } of group.listens) {
      ledger.refuse(directive, 'left out: its servers have no certificate that could be carried over');
    }
    return undefined;
  }
  const value = new YamlMap([
    { key: 'name', value: name },
    { key: 'address', value: address, from },
    tls === undefined ? undefined : { key: 'tls', value: tls },
    ...trustOf(group, ledger),
  ]);
  return { value };
}

function tlsOf(group: ListenerGroup, { folder, certificates, ledger }: ListenerParts): YamlMap | undefined {
  const { defaultServer } = group;
  const others = group.members.map(({ server }) => server).filter((server) => server !== defaultServer);
  const found = [defaultServer, ...others].flatMap((server) => certificatesOf(server, folder, ledger));
  const items = [...new Map(found.map((certificate) => [certificate.file, certificate.item])).values()];
  if (items.length === 0) return undefined;
  const protocols = defaultServer.scope.setting('ssl_protocols');
  const isNewest = protocols?.words.every((word) => word === 'TLSv1.3') === true;
  if (protocols !== undefined) {
    if (protocols.words.some((word) => /^(SSLv[23]|TLSv1(\.1)?)$/.test(word))) {
      ledger.change(protocols, 'TLS 1.2 is the oldest version: those before it are broken (RFC 8996)');
    } else ledger.carry(protocols);
  }
  const reject = defaultServer.scope.setting('ssl_reject_handshake');
  const isRefusing = reject?.words[0] === 'on';
  if (reject !== undefined) ledger.carry(reject, 'tls.unknownServerName');
  return new YamlMap([
    { key: 'certificates', value: new YamlList(items) },
    isNewest ? { key: 'minVersion', value: 'TLSv1.3', from: protocols } : undefined,
    isRefusing ? { key: 'unknownServerName', value: 'refuse', from: reject } : undefined,
    certificates.entryOf(group),
  ]);
}

interface Certificate {
  readonly file: string;
  readonly item: YamlItem;
}

function certificatesOf(
  { scope }: Server,
  folder: string | undefined,
  ledger: Ledger,
): readonly Certificate[] {
  const certificates = scope.inherited('ssl_certificate');
  const keys = scope.inherited('ssl_certificate_key');
  const staple = scope.setting('ssl_stapling_file');
  return certificates.flatMap((certificate, index) => {
    const cert = fileEntry('cert', certificate, folder, ledger);
    const key = fileEntry('key', keys[index], folder, ledger);
    if (cert.length === 0 || key.length === 0) return [];
    const ocsp = certificates.length === 1 ? fileEntry('ocsp', staple, folder, ledger) : [];
    return [
      { file: JSON.stringify(cert[0].value), item: { value: new YamlMap([...cert, ...key, ...ocsp]) } },
    ];
  });
}

/** Who may tell the address of the client, by a header field or by the PROXY protocol. */
function trustOf({ members, listens }: ListenerGroup, ledger: Ledger): readonly YamlEntry[] {
  const isProxied = listens.some(({ hasProxyProtocol }) => hasProxyProtocol);
  const networks = new Map<string, Directive>();
  const ofFields = new Map<string, Directive>();
  for (const { server } of members) {
    const header = server.scope.setting('real_ip_header');
    const field = header?.words[0]?.toLowerCase() ?? 'x-real-ip';
    const isField = /^x-(forwarded-for|real-ip)$/.test(field);
    if (header !== undefined) judgeRealIpHeader(header, field, isField, ledger);
    for (const directive of server.scope.inherited('set_real_ip_from')) {
      const network = parseNetwork(directive.words[0] ?? '');
      if (isFault(network)) ledger.refuse(directive, 'networks are written as addresses: 10.0.0.0/8');
      else if (isField || field === 'proxy_protocol') {
        ledger.carry(directive, isField ? 'listeners[].trustedClients' : 'listeners[].proxyProtocol.trusted');
        (isField ? ofFields : networks).set(network, directive);
      } else ledger.refuse(directive, 'goes with a header field that is not known here');
    }
  }
  const entries: YamlEntry[] = [];
  if (ofFields.size > 0) entries.push(networkEntry('trustedClients', ofFields));
  if (!isProxied) return entries;
  const trusted = networks.size > 0 ? networks : everybody(members);
  entries.push({ key: 'proxyProtocol', value: new YamlMap([networkEntry('trusted', trusted)]) });
  for (const listen of listens) {
    if (!listen.hasProxyProtocol) continue;
    const whose =
      networks.size > 0
        ? 'the networks of set_real_ip_from; other peers connect without a header'
        : 'everybody, as in nginx: name the load balancers instead';
    ledger.change(listen.directive, `proxyProtocol.trusted: ${whose}`);
  }
  return entries;
}

function judgeRealIpHeader(header: Directive, field: string, isField: boolean, ledger: Ledger): void {
  if (field === 'proxy_protocol') ledger.carry(header);
  else if (isField)
    ledger.change(
      header,
      'trusted clients are believed in all of their x-forwarded-* fields; services see the address in x-forwarded-for',
    );
  else
    ledger.refuse(header, 'of header fields x-forwarded-for tells the address of the client, and no other');
}

function everybody(members: readonly ServerOfListener[]): ReadonlyMap<string, Directive> {
  const { directive } = (members.find(({ listen }) => listen.hasProxyProtocol) ?? members[0]).listen;
  return new Map([
    ['0.0.0.0/0', directive],
    ['::/0', directive],
  ]);
}

function networkEntry(key: string, networks: ReadonlyMap<string, Directive>): YamlEntry {
  return { key, value: new YamlList(Array.from(networks, ([value, from]) => ({ value, from }))) };
}
