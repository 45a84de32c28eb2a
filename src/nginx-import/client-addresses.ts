// Whether the address of a client, by which nginx allows, denies and limits, is the same address in Framegate. Behind proxies it is the
// one that a proxy names, and the two read it in the same way in the usual set-ups alone.

import type { Directive } from './directive.ts';
import type { Scope } from './scope.ts';

/** The directives that say which proxies name their clients, and how. */
const NAMING = ['set_real_ip_from', 'real_ip_header', 'real_ip_recursive'];

/** What the servers of one port say. Addresses of one port may become one listener. */
interface Port {
  isProxied: boolean;
  readonly namings: Set<string>;
}

export class ClientAddresses {
  readonly #ports = new Map<string, Port>();
  readonly #reasons = new Map<Scope, string | undefined>();

  constructor(servers: readonly Scope[]) {
    for (const server of servers) {
      const naming = namingOf(server);
      for (const listen of server.own('listen')) {
        const port = portOf(listen);
        const known = this.#ports.get(port) ?? { isProxied: false, namings: new Set<string>() };
        known.isProxied ||= listen.words.includes('proxy_protocol');
        known.namings.add(naming);
        this.#ports.set(port, known);
      }
    }
  }

  /** @param scope a location. @returns a sentence about why its $remote_addr is another address here; undefined if it is the same */
  whyOther(scope: Scope): string | undefined {
    let server: Scope = scope;
    for (let at: Scope | undefined = scope; at !== undefined && at.owner?.name !== 'http'; at = at.parent) {
      if (at.owner?.name === 'location' && NAMING.some((name) => at.own(name).length > 0))
        return 'trusted proxies are those of a listener, and not of a location';
      server = at.owner?.name === 'server' ? at : server;
    }
    if (!this.#reasons.has(server)) this.#reasons.set(server, this.#whyOfServer(server));
    return this.#reasons.get(server);
  }

  #whyOfServer(server: Scope): string | undefined {
    const ports = server.own('listen').flatMap((listen) => this.#ports.get(portOf(listen)) ?? []);
    const networks = server.inherited('set_real_ip_from');
    const field = server.setting('real_ip_header')?.words[0]?.toLowerCase() ?? 'x-real-ip';
    if (ports.some(({ isProxied }) => isProxied))
      return networks.length > 0 && field === 'proxy_protocol'
        ? undefined
        : 'this is the address of the load balancer in nginx, and of the client that it names here: write set_real_ip_from and real_ip_header proxy_protocol, or the rule by hand';
    if (ports.some(({ namings }) => namings.size > 1))
      return 'the servers of one address trust different proxies, and a listener trusts all of them for all of its hosts';
    if (networks.length === 0 || field === 'proxy_protocol') return undefined;
    if (field !== 'x-forwarded-for')
      return `proxies name clients by x-forwarded-for here, and not by ${field}: clients could choose their address`;
    return server.setting('real_ip_recursive')?.words[0] === 'on'
      ? 'with real_ip_recursive nginx goes on to the next address before the one of a trusted proxy, and the last address counts here'
      : undefined;
  }
}

function portOf({ words: [text = ''] }: Directive): string {
  if (text.startsWith('unix:')) return text;
  return /(?:^|:)(\d+)$/.exec(text.endsWith(']') ? '' : text)?.[1] ?? '80';
}

function namingOf(server: Scope): string {
  return JSON.stringify(
    NAMING.map((name) =>
      server
        .inherited(name)
        .map(({ words }) => words[0])
        .toSorted(),
    ),
  );
}
