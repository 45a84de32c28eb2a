// The servers of a configuration: the sockets they listen on, their names, and which one answers for unknown names.

import { parseListenAddress } from '../config/address.ts';
import { parseHostPattern } from '../config/match-criteria.ts';
import { isFault } from '../config/problem.ts';
import type { Directive } from './directive.ts';
import type { Ledger } from './ledger.ts';
import { Scope } from './scope.ts';

export interface Listen {
  readonly directive: Directive;
  /** In Framegate's notation. */
  readonly address: string;
  readonly isTls: boolean;
  readonly isDefault: boolean;
  readonly hasProxyProtocol: boolean;
}

export interface Server {
  readonly directive: Directive;
  readonly scope: Scope;
  readonly listens: readonly Listen[];
  /** In Framegate's notation: exact, or with a star in front. */
  readonly hosts: readonly string[];
}

/** Parameters of `listen` that tune a socket. Framegate has nothing to set there. */
const TUNING =
  /^(backlog|rcvbuf|sndbuf|fastopen|setfib|so_keepalive|accept_filter)=|^(deferred|bind|reuseport|http2|spdy)$/;

export function serversOf(http: Scope, ledger: Ledger): readonly Server[] {
  return http.own('server').map((directive) => {
    const scope = new Scope(directive.block ?? [], http, directive);
    const listens = scope.own('listen').flatMap((listen) => listenOf(listen, scope, ledger) ?? []);
    return {
      directive,
      scope,
      listens: scope.own('listen').length > 0 ? listens : [usualListen(directive)],
      hosts: hostsOf(scope, ledger),
    };
  });
}

/** nginx listens on port 80 where nothing is said. */
function usualListen(directive: Directive): Listen {
  return { directive, address: '0.0.0.0:80', isTls: false, isDefault: false, hasProxyProtocol: false };
}

function listenOf(directive: Directive, scope: Scope, ledger: Ledger): Listen | undefined {
  const [text = '', ...parameters] = directive.words;
  const address = addressOf(text);
  if (address === undefined) {
    ledger.refuse(directive, 'this address cannot be read: a port, host:port, [ipv6]:port or unix:/path');
    return undefined;
  }
  if (parameters.includes('quic')) {
    ledger.refuse(directive, 'HTTP/3 is not served; clients use HTTP/2 over TCP');
    return undefined;
  }
  const isTls = parameters.includes('ssl') || scope.setting('ssl')?.words[0] === 'on';
  ledger.carry(directive);
  const tuning = parameters.filter(
    (parameter) => TUNING.test(parameter) && !/^(http2|spdy)$/.test(parameter),
  );
  if (tuning.length > 0) {
    ledger.change(directive, `without ${tuning.join(', ')}: the sockets of clients need no tuning here`);
  }
  return {
    directive,
    address,
    isTls,
    isDefault: parameters.includes('default_server') || parameters.includes('default'),
    hasProxyProtocol: parameters.includes('proxy_protocol'),
  };
}

/** @returns undefined for what is no address. Without a port it is 80, without a host every address of IPv4. */
function addressOf(text: string): string | undefined {
  const address = addressIn(text);
  return isFault(parseListenAddress(address)) ? undefined : address;
}

function addressIn(text: string): string {
  if (text.startsWith('unix:')) return text.replace(/:$/, '');
  if (/^\d{1,5}$/.test(text)) return `0.0.0.0:${text}`;
  const hasPort = /:\d+$/.test(text) && !text.endsWith(']');
  return (hasPort ? text : `${text}:80`).replace(/^\*:/, '0.0.0.0:');
}

function hostsOf(scope: Scope, ledger: Ledger): readonly string[] {
  const hosts = scope.own('server_name').flatMap((directive) => {
    ledger.carry(directive);
    return directive.words.flatMap((name) => hostOf(name, directive, ledger));
  });
  return [...new Set(hosts)];
}

function hostOf(name: string, directive: Directive, ledger: Ledger): readonly string[] {
  // '' is for requests without a host; '_' is a name that no host has.
  if (name === '' || name === '_' || name === '*') return [];
  if (name.startsWith('~')) {
    ledger.refuse(directive, 'regular expressions of hosts: hosts are exact, or *.example.com');
    return [];
  }
  if (name.includes('$')) {
    ledger.refuse(directive, 'variables are not filled in: write the host itself');
    return [];
  }
  const names = name.startsWith('.') ? [name.slice(1), `*${name}`] : [name];
  const hosts = names.map(parseHostPattern);
  const valid = hosts.flatMap((host) => (isFault(host) ? [] : host));
  if (valid.length === hosts.length) return valid;
  ledger.refuse(
    directive,
    `the name ${name.replaceAll(/[^\w.*-]/g, '?')}: hosts are exact, or *.example.com`,
  );
  return [];
}
